"""Where a serverless job runs: its data is checked and laid out, a program of the zoo trains, its weights go to S3."""

from __future__ import annotations

import json
import sys
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from ..customizing import program
from ..jobs.container import Command
from ..jobs.instance import Instance
from ..jobs.log_stream import LogFile, stream_name
from ..processes import Program
from . import package, records
from .order import MEMBER, Customization, base_of

PROGRAMS = {"SFT": "tune", "DPO": "prefer"}
SAYS = "import sys; print(sys.argv[1])"
NOTHING_DONE = (
    "sandbox: {task} is accepted, its data is checked and its states run, but nothing is trained or judged here: no "
    "weights, no model package, no bill"
)


@dataclass
class Room(Instance):
    """What exists between Provisioned and the moment at which nothing of a serverless job is left.

    Attributes:
        package_arn: of the version that holds its model; empty before.
    """

    package_arn: str = ""
    _steps: LogFile = field(init=False)
    _said: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._steps = LogFile(self.ml / "output" / "steps.jsonl")
        self.customization: Customization = self.order.request[MEMBER]

    # ---- data in

    def _download(self) -> None:
        (self.ml / "output").mkdir(parents=True)
        what = self.customization
        names = records.bring(self._s3, self.order.request, self.ml, what.task, self._cancelled)
        if not what.really_trains:
            said = NOTHING_DONE.format(task=what.task)
            self.command = Command([sys.executable, "-I", "-c", SAYS, said], "/opt/ml", "serverless")
            return
        order = {**what.order(self.world.settings.seed), "base": base_of(self.world.settings, what.model)}
        order |= {"train": names["train"][0], "validation": names.get("validation", [])}
        (self.ml / "input" / "order.json").write_text(json.dumps(order))
        self.command = Command(program.command(PROGRAMS[what.task]), "/opt/ml", "serverless")

    # ---- the program

    def start(self, command: Command) -> None:
        """Start the program; its log begins with what it stands for and with what has no effect here."""
        what, mode = self.customization, self.world.processes.isolation().mode
        told = f"isolation {mode}: a process of this machine, and the tiny model, stand for {what.task} of {what.model}"
        lines = [told, *self.order.notes]
        lines += [f"hyperparameter {name} has no effect here" for name in what.without_effect()]
        with self.log.path.open("a", encoding="utf-8") as log:
            log.writelines(f"sandbox: {line}\n" for line in lines)
        processes, name = self.world.processes, self.order.request["TrainingJobName"]
        environment = processes.base_environment(self.ml, self.world.clients.url, self.order.region)
        self.started_modelled = self.world.clock.modelled()
        self.stream = stream_name(name, self.world.clock.now())
        self.process = processes.start(
            Program(
                name=name,
                argv=command.argv,
                env=environment | program.ONE_THREAD,
                ml=self.ml,
                cwd=command.cwd,
                log=self.log.path,
            )
        )

    def progress(self) -> dict[str, int] | None:
        """Return ProgressInfo where it has moved since the last call, else None."""
        lines = [line for line in self._steps.new_lines() if line.strip()]
        if not lines:
            return None
        self._said = json.loads(lines[-1])
        each = max(1, int(self._said["epoch_steps"]))
        return {
            "CurrentEpoch": self._said["epoch"] + 1,
            "MaxEpoch": self._said["epochs"],
            "CurrentStep": self._said["step"] % each + 1,
            "TotalStepCountPerEpoch": each,
        }

    @property
    def tokens(self) -> int:
        """Tokens that were trained on so far, all epochs together."""
        return int(self._said.get("tokens", 0))

    # ---- data out

    def _upload(self, logs: Future[None], pending: Future[int] | None) -> None:
        logs.result()
        if not (self.ml / "output" / "result.json").exists():
            return  # it was stopped, or it trains nothing
        package.upload(self._s3, self.order.request, self.ml / "model")
        sagemaker = self.world.clients.client("sagemaker", self.order.region)
        self.package_arn = package.register(sagemaker, self.order.request, self.customization)
