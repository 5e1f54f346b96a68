"""One training job from its arguments to its exit code."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .config import Config
from .errors import JobError
from .job import Job, load, output_folder

FAILURE_CHARACTERS = 1024
"""AWS shows this much of ``output/failure`` as FailureReason."""


class Stop:
    """Whether the job was asked to stop (SIGTERM); asked for between steps, never in the middle of one."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """Takes SIGTERM from now on."""
        signal.signal(signal.SIGTERM, self._take)

    def _take(self, number: int, frame: Any) -> None:
        del number, frame
        self.asked = True
        os.write(1, b"stop asked for: finishing the step, saving\n")  # print is not safe in a signal handler

    def __call__(self) -> bool:
        """Returns whether a stop was asked for."""
        return self.asked


def say(line: str) -> None:
    """Writes one log line at once."""
    print(line, flush=True)


def run(
    argv: Sequence[str], environ: Mapping[str, str], *, stopping: Callable[[], bool] = lambda: False,
    stepped: Callable[[int], None] = lambda step: None, written: Callable[[str], None] = lambda name: None,
    code_dir: Path | None = None,
) -> bool:  # fmt: skip
    """Runs the job; returns whether the model is finished (False: stopped, saved, to be resumed).

    Args:
        argv: hyperparameters as arguments; empty means ``SM_HPS`` or AWS's file.
        environ: the ``SM_*`` variables.
        stopping: whether a stop was asked for.
        stepped: called after each step.
        written: called after each file of a checkpoint.
        code_dir: folder of ``train.py``; None means the one above this package.

    Raises:
        JobError: the job cannot work as asked.
    """
    began = time.monotonic()
    config, job = load(argv, environ, code_dir or Path(__file__).resolve().parents[1])
    from .loop import Seams  # torch takes seconds: after what a typing error can be in

    seams = Seams(say=say, stopping=stopping, stepped=stepped, written=written)
    with tempfile.TemporaryDirectory(prefix="base-") as scratch:
        return _run(config, job, seams, Path(scratch), began)


def _run(config: Config, job: Job, seams: Any, scratch: Path, began: float) -> bool:
    from . import base, batches, export, records
    from .loop import Loop

    base.seed_everything(config.seed, config.threads)
    folder = base.locate(job.channel("model", "pretrained", "base"), scratch)
    trainee = base.load(folder, config)
    limit = config.max_length or int(getattr(trainee.model.config, "max_position_embeddings", 1024))
    train_folder = job.channel("train", "training")
    examples, report = records.encode_channel(trainee.tokenizer, train_folder, limit, overlong=config.overlong)
    say(report.line("train"))
    validation = []
    if "validation" in job.channels:
        checked, report = records.encode_channel(
            trainee.tokenizer, job.channels["validation"], limit, overlong=config.overlong
        )
        say(report.line("validation"))
        validation = checked
    steps = batches.planned_steps(
        len(examples), config.batch_size, config.gradient_accumulation, config.epochs, config.max_steps
    )
    identity = {**config.identity(), "data": records.digest(train_folder), "base": base.digest(folder), "steps": steps}
    base.seed_everything(config.seed, config.threads)  # whatever loading drew, the steps start from the seed
    loop = Loop(
        trainee, config, examples, validation, steps=steps, root=job.checkpoints, identity=identity, seams=seams
    )
    _introduce(job, trainee, steps, time.monotonic() - began)
    loop.resume()
    finished = loop.run()
    if finished:
        export.export(trainee, config, folder, job.model_dir, job.code_dir)
    export.write_state(job.model_dir, finished=finished, step=loop.progress.step, steps=steps)
    say(f"{'FINISHED' if finished else 'STOPPED'} step={loop.progress.step} steps={steps}")
    return finished


def _introduce(job: Job, trainee: Any, steps: int, seconds: float) -> None:
    trained = sum(weight.numel() for weight in trainee.trainable().values())
    every = sum(weight.numel() for weight in trainee.model.parameters())
    where = job.checkpoints or "off (no checkpoint folder: give the job a CheckpointConfig)"
    say(f"device={trainee.device} bf16={trainee.autocast} parameters={every} trained={trained} planned_steps={steps}")
    say(f"checkpoints={where} prepared_seconds={seconds:.1f}")


def write_failure(folder: Path, text: str) -> None:
    """Writes the reason that AWS shows for the failed job."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "failure").write_text(text[:FAILURE_CHARACTERS])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job of this process; returns its exit code.

    A stopped job exits with 0, as AWS wants it: its status is Stopped because AWS stopped it, and its model folder says
    in ``training_state.json`` that the model is not finished.
    """
    stop = Stop()
    stop.listen()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        run(arguments, os.environ, stopping=stop)
    except JobError as error:
        say(f"ERROR {type(error).__name__}: {error}")
        write_failure(output_folder(os.environ), f"{type(error).__name__}: {error}")
        return 1
    except Exception as error:  # the reason must reach the failure file, whatever it is
        traceback.print_exc()
        write_failure(output_folder(os.environ), f"{type(error).__name__}: {error}")
        return 1
    return 0
