"""Programs of the demo never outlive it: not by closing, not by a kill, not as daemons."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from demo.processes import DemoError, Processes, clean_environment, wait_for
from tests.demo.left_behind import eventually, processes_with

PROJECT = Path(__file__).resolve().parents[2]

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", flush=True)
        time.sleep(600)
    os._exit(0)
print("up", flush=True)
time.sleep(600)
"""


def start(processes: Processes, tmp_path: Path, name: str, program: str, **how: object):
    environment = clean_environment(processes.folder)
    argv = [sys.executable, "-c", program]
    process = processes.start(name, argv, environment=environment, log=tmp_path / f"{name}.log", **how)
    wait_for(name, lambda: True if "up" in process.log.read_text() else None, seconds=60)
    return process


def test_a_program_runs_and_is_gone_when_the_context_ends(tmp_path):
    with Processes() as processes:
        start(processes, tmp_path, "plain", "import time; print('up', flush=True); time.sleep(600)")
        mark = str(processes.folder)
        assert processes_with(mark), "the negative control: while it runs, it is found"
    assert not processes_with(mark)
    assert not processes.folder.exists()


def test_a_program_that_ignores_sigterm_and_one_that_became_a_daemon_are_gone_too(tmp_path):
    with Processes() as processes:
        start(processes, tmp_path, "stubborn", STUBBORN, grace_seconds=0.2)
        daemon = start(processes, tmp_path, "daemon", DAEMON, grace_seconds=0.2)
        wait_for("daemon", lambda: True if "daemon" in daemon.log.read_text() else None, seconds=60)
        mark = str(processes.folder)
        assert len([pid for pid, _ in processes_with(mark) if pid != processes.keeper_pid]) == 3
    assert not processes_with(mark)


def test_stopping_one_program_leaves_the_others(tmp_path):
    with Processes() as processes:
        first = start(processes, tmp_path, "first", STUBBORN, grace_seconds=0.1)
        second = start(processes, tmp_path, "second", STUBBORN, grace_seconds=0.1)
        processes.stop(first)
        assert not Path(f"/proc/{first.pid}").exists()
        processes.check()
        assert processes.exit_code(second) is None


def test_a_higher_tier_ends_before_a_lower_one(tmp_path):
    program = """
        import os, signal, sys, time
        def ended(*_):
            with open(sys.argv[1], "a") as file: file.write(sys.argv[2] + "\\n")
            os._exit(0)
        signal.signal(signal.SIGTERM, ended)
        print("up", flush=True)
        time.sleep(600)
        """
    order = tmp_path / "order"
    with Processes() as processes:
        for name, tier in (("database", 0), ("server", 1), ("sandbox", 0)):
            log = tmp_path / f"{name}.log"
            argv = [sys.executable, "-c", textwrap.dedent(program), order, name]
            process = processes.start(name, argv, environment={}, log=log, tier=tier)
            wait_for(name, lambda at=process: True if at.log.read_text() else None, seconds=60)
    assert order.read_text().split()[0] == "server"
    assert sorted(order.read_text().split()) == ["database", "sandbox", "server"]


def test_a_program_that_ends_by_itself_is_reported_with_its_log(tmp_path):
    with Processes() as processes:
        program = "print('the reason'); raise SystemExit(3)"
        argv = [sys.executable, "-c", program]
        process = processes.start("brief", argv, environment={}, log=tmp_path / "brief.log")
        assert wait_for("its end", lambda: processes.exit_code(process), seconds=60) == 3
        with pytest.raises(DemoError, match=r"brief ended by itself with exit code 3(.|\n)*the reason"):
            processes.check()


def test_a_program_that_does_not_exist_says_so_and_the_keeper_lives_on(tmp_path):
    with Processes() as processes:
        with pytest.raises(DemoError, match=r"nowhere: .*No such file"):
            processes.start("nowhere", ["/does/not/exist"], environment={}, log=tmp_path / "log")
        start(processes, tmp_path, "next", "import time; print('up', flush=True); time.sleep(600)")


def test_nothing_of_the_users_aws_or_airflow_reaches_a_program(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AIRFLOW_HOME", "HTTPS_PROXY", "PYTHONPATH", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "planted")
    with Processes() as processes:
        process = start(processes, tmp_path, "env", "import os; print(dict(os.environ), 'up', flush=True)")
        assert "planted" not in process.log.read_text()
        assert "'HOME'" in process.log.read_text(), "the negative control: the environment was printed"


HOLDER = """
import sys, time
from pathlib import Path
from demo.processes import Processes, clean_environment
with Processes() as processes:
    environment, log = clean_environment(processes.folder), Path(sys.argv[1])
    for number in range(3):
        processes.start(f"p{number}", [sys.executable, "-c", PROGRAM], environment=environment, log=log)
    print(processes.folder, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_demo_that_is_killed_leaves_nothing(tmp_path, number):
    script = tmp_path / "holder.py"
    script.write_text(f"PROGRAM = {DAEMON!r}\n{HOLDER}")
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    holder = subprocess.Popen(
        [sys.executable, script, log], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    )
    assert holder.stdout is not None
    folder = holder.stdout.readline().strip()
    assert eventually(lambda: log.read_text().count("daemon") == 3)
    assert len(processes_with(folder)) >= 6
    holder.send_signal(number)
    holder.wait()
    holder.stdout.close()
    assert eventually(lambda: not processes_with(folder))
    assert eventually(lambda: not Path(folder).exists())
