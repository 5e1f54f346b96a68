"""Runs training jobs as real processes without paying for the imports each time: one process imports, and forks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[2] / "plugins/airflow_finetune/containers/train"))

import peft  # noqa: F401 - imported once, before it forks
import torch
import transformers.models.llama.modeling_llama  # noqa: F401 - imported once, before it forks
from tuner import base, checkpoint, export, loop, records  # noqa: F401 - imported once, before it forks
from tuner import main as job

CODE = Path(job.__file__).parents[1]


def die(kind: int) -> None:
    """Sends this process a signal, as if from outside."""
    os.kill(os.getpid(), kind)


class Fate:
    """When the job is to be killed: after a step, or after the n-th time that a checkpoint's file was written."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request, self.writes = request, 0

    def stepped(self, step: int) -> None:
        if step == self.request.get("kill_after_step"):
            die(signal.SIGKILL)
        if step == self.request.get("terminate_after_step"):
            die(signal.SIGTERM)

    def written(self, name: str) -> None:
        wanted, time_ = self.request.get("kill_after_writing", (None, 0))
        if name == wanted:
            self.writes += 1
            if self.writes == time_:
                die(signal.SIGKILL)


def child(request: dict[str, Any]) -> int:
    """Runs one job in this process."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    tempfile.tempdir = request.get("temporary")
    fate, stop = Fate(request), job.Stop()
    stop.listen()
    try:
        job.run(
            request["argv"],
            request["environ"],
            stopping=stop,
            stepped=fate.stepped,
            written=fate.written,
            code_dir=CODE,
        )
    except job.JobError as error:
        print(f"ERROR {type(error).__name__}: {error}", flush=True)
        return 1
    except Exception:
        traceback.print_exc()
        return 2
    return 0


def main() -> None:
    """Forks a job for each request line; answers with its pid at once and with how it ended later."""
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    print("READY", file=answers)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 3
            with contextlib.suppress(BaseException):
                code = child(json.loads(line))
            os._exit(code)
        print(pid, file=answers)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=answers)


if __name__ == "__main__":
    main()
