"""The teacher of a distillation: on AWS a larger model that can do the task; here it must be made first, really.

All base models of the embedded AWS are the same tiny one, and no weights can be fetched. So the demo trains a copy of
it on orders that neither the pipeline's data nor its golden set has, and gives the embedded AWS the outcome as the
weights of the teacher's id. The student is never shown these orders: it learns from what the teacher answers.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from demo import orders
from demo.airflow_stack import fresh_log
from demo.chosen import OWN_DATA, Chosen
from demo.cloud import BASE, PLUGINS
from demo.processes import DemoError, Process, Processes, clean_environment, tail

SEED, ROWS, EPOCHS, LEARNING_RATE = 5, 1200, 2, 3e-3
BATCH = 8  # of the program that tunes
STEP = re.compile(r"^step=(\d+)", re.MULTILINE)


def teacher_of(chosen: Chosen, processes: Processes, log: Path) -> Teacher | None:
    """Return the teacher that must be made; None without a distillation, or for data that it could not teach."""
    if chosen.teacher is None or chosen.data != OWN_DATA:
        return None
    return Teacher(chosen.teacher, processes, log)


class Teacher:
    """One teacher.

    Args:
        model: its id, or its ARN.
        processes: trains it.
        log: what the training prints.
        rows: how many orders it learns.

    Attributes:
        process: the training; None before it begins.
    """

    def __init__(self, model: str, processes: Processes, log: Path, rows: int = ROWS) -> None:
        self.model, self._processes, self._log, self._rows = model.rpartition("/")[2], processes, log, rows
        self._work, self._weights = processes.folder / "teacher", processes.folder / "teacher-weights"
        shutil.copytree(BASE, self._weights)
        self.process: Process | None = None

    @property
    def models(self) -> Mapping[str, Path]:
        """What the embedded AWS must be told: whose weights these are."""
        return {f"{self.model}*": self._weights}

    def begin(self) -> None:
        """Start to train."""
        (self._work / "input").mkdir(parents=True)
        rows = (
            {"messages": [{"role": "user", "content": raw["text"]}, {"role": "assistant", "content": raw["json"]}]}
            for raw in orders.records(SEED, self._rows)
        )
        (self._work / "input/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        order = {"base": str(BASE), "train": "input/train.jsonl", "validation": [], "epochs": EPOCHS}
        order |= {"learning_rate": LEARNING_RATE, "seed": SEED}
        (self._work / "input/order.json").write_text(json.dumps(order))
        self.process = self._processes.start(
            "the teacher's training",
            [sys.executable, "-m", "airflow_finetune.sandbox.zoo.tune"],
            environment=clean_environment(self._work) | {"PYTHONPATH": str(PLUGINS), "HF_HUB_OFFLINE": "1"},
            log=fresh_log(self._log),
            folder=self._work,
            watched=False,
        )

    def text(self) -> str:
        """Return what happens, and why."""
        return (
            f"no larger model is here to teach: a copy of the tiny base learns {self._rows:,} orders first, others than"
            f" the pipeline's, and is then {self.model}"
        )

    def step(self) -> str:
        """Return how far it is."""
        steps = STEP.findall(self._log.read_text(errors="replace"))
        return f"step {int(steps[-1]) + 1 if steps else 0} of {self._rows * EPOCHS // BATCH}"

    def is_ready(self) -> bool:
        """Tell whether it is trained; its weights are in place then.

        Raises:
            DemoError: the training failed.
        """
        assert self.process is not None
        code = self._processes.exit_code(self.process)
        if code is None:
            return False
        if code != 0:
            raise DemoError(f"The teacher's training ended with exit code {code}:\n{tail(self._log)}")
        for path in (self._work / "model").iterdir():
            shutil.copyfile(path, self._weights / path.name)
        return True
