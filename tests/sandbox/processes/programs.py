"""Small programs that tests run, and ways to see what is left of them."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[3] / "plugins"

DAEMON = """
import os, signal, sys, time
marker = sys.argv[1]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        print("daemon", flush=True)
        time.sleep(600)
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("program", flush=True)
time.sleep(float(sys.argv[2]))
"""
"""Double-forks a daemon that ignores SIGTERM; ignores it too. Arguments: marker, seconds that it lives itself."""

HOST = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from airflow_finetune.sandbox.runner.processes import Processes, Program
from airflow_finetune.sandbox.settings import Settings

folder, mode, marker, script = Path(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
processes = Processes(Settings(state_dir=folder, isolation=mode))
ml = folder / "jobs" / "a" / "ml"
ml.mkdir(parents=True)
environment = processes.base_environment(ml, "http://127.0.0.1:1", "us-east-1")
processes.start(Program("a", [sys.executable, "-c", script, marker, "600"], environment, ml, "/", ml.parent / "log"))
print("STARTED", flush=True)
time.sleep(600)
"""
"""A server in small: starts one program and waits. Arguments: plugins folder, state, mode, marker, script."""


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for a condition, with a generous limit."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"still not true after {seconds} s")
        time.sleep(0.01)


def alive(marker: str) -> list[int]:
    """Give the processes whose command line names the marker, zombies left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if marker.encode() in words and state != "Z":
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def as_nobody(command: list[str]) -> list[str]:
    """Make a command run as an ordinary user."""
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", *command]


@functools.cache
def python_of_nobody() -> str | None:
    """Give an interpreter that an ordinary user may start (root's own often lies in root's home), or None."""
    if os.getuid() != 0:
        return None
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try_it = ["/bin/sh", "-c", f"exec {python} -c 'import sys; sys.exit(sys.version_info < (3, 11))'"]
        if subprocess.run(as_nobody(try_it), capture_output=True, check=False).returncode == 0:
            return python
    return None


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kill a process when the test is over, however it ended: ``with Popen`` alone would wait for it."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def kill_all(pids: list[int]) -> None:
    """End what a negative control left, by number."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


PYTHON = sys.executable
