"""`make demo` does what it says, and leaves nothing however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.embedded import PROJECT
from tests.demo.left_behind import eventually, processes_with

pytestmark = pytest.mark.long  # each starts a whole Airflow


@contextmanager
def demo(out: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-m", "demo", "--out", out, *options]
    with subprocess.Popen(
        argv, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            break
    else:
        raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")
    return "".join(lines)


def folder_of(process: subprocess.Popen[str]) -> str:
    """Return the demo's temporary folder: the last argument of its keeper."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = [Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in children]
    return next(command[-2] for command in commands if any("keeper.py" in word for word in command))


def test_the_demo_trains_is_interrupted_resumes_and_says_what_it_cost(tmp_path):
    with demo(tmp_path, "--questions", "20") as process:
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["ok"] is True
    assert (summary["jobs"], summary["create_calls"], summary["status"]) == (1, 1, "Completed")
    assert summary["interruptions"] == 1
    assert summary["transitions"].count("Training") == 2
    assert 0 < summary["resumed_at_step"] <= summary["interrupted_at_step"] < summary["steps"] == 300
    assert summary["last_loss"] < summary["first_loss"] / 10
    assert summary["exact_match_before"] < 0.2 < 0.5 < summary["exact_match_after"]
    assert 0 < summary["spot_usd"] < summary["on_demand_usd"]
    assert summary["billable_seconds"] < summary["training_seconds"]
    assert summary["left_billing"] == []
    for words in ("submitted once", "interrupted without notice", "resumed at step", "Left running: nothing"):
        assert words in printed
    assert "step=300" in (tmp_path / "job.log").read_text()


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=["kill -9", "Ctrl-C", "SIGTERM"]
)
def test_a_demo_that_is_ended_while_a_job_trains_leaves_nothing(tmp_path, number):
    with demo(tmp_path, "--questions", "0") as process:
        folder = folder_of_when_there(process)
        read_until(process, "fine_tune: Training")
        running = processes_with(folder)
        assert any("postgres" in command for _, command in running), "the negative control"
        assert any("scheduler" in command for _, command in running)
        assert any("sandbox" in command for _, command in running)
        os.kill(process.pid, number)
        process.communicate()
        assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert eventually(lambda: not processes_with(folder))
    assert eventually(lambda: not Path(folder).exists())


def folder_of_when_there(process: subprocess.Popen[str]) -> str:
    read_until(process, "the embedded AWS is ready")
    return folder_of(process)
