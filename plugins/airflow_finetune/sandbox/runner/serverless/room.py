"""Where a serverless job runs: its data is checked and laid out, a program of the zoo trains, its weights go to S3."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..customizing import program
from ..inference import TINY_BASE
from ..jobs.container import Command
from ..jobs.instance import Instance
from ..jobs.log_stream import LogFile, stream_name
from ..processes import Program
from ..transfer import channels, outputs
from . import forms
from .order import MEMBER, Customization

TRAIN, VALIDATION = "train", "validation"
MERGED = "checkpoints/hf_merged"
"""Where AWS puts merged weights below ModelArtifacts.S3ModelArtifacts."""
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
        names: dict[str, list[str]] = {TRAIN: [], VALIDATION: []}
        for channel in self.order.request.get("InputDataConfig", []):
            name = channel["ChannelName"]
            folder = self.ml / "input" / "data" / name
            channels.download_channel(self._s3, channel, folder, self._cancelled)
            names[name].append(f"input/{name}.jsonl")
            self._lay_out(folder, self.ml / names[name][0])
        if not what.really_trains:
            said = NOTHING_DONE.format(task=what.task)
            self.command = Command([sys.executable, "-I", "-c", SAYS, said], "/opt/ml", "serverless")
            return
        order = {**what.order(self.world.settings.seed), "base": self._base()}
        order |= {"train": names[TRAIN][0], "validation": names[VALIDATION]}
        (self.ml / "input" / "order.json").write_text(json.dumps(order))
        self.command = Command(program.command(PROGRAMS[what.task]), "/opt/ml", "serverless")

    def _lay_out(self, folder: Path, target: Path) -> None:
        """Write the rows of a channel into one file.

        Raises:
            TransferError: a record is not of the technique's form, or there is none.
        """
        count = 0
        with target.open("w", encoding="utf-8") as file:
            for row in _rows(folder, self.customization.task, self._cancelled):
                file.write(json.dumps(row) + "\n")
                count += 1
        if not count:
            raise channels.TransferError(f"ClientError: Dataset validation failed:{folder.name} holds no record")

    def _base(self) -> str:
        """Return the folder whose weights stand for the hub's model: one that the settings name, else the tiny base."""
        for pattern, folder in self.world.settings.models:
            if fnmatchcase(self.customization.model, pattern):
                return str(folder.resolve())
        return str(TINY_BASE)

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
        place = f"{model_uri(self.order.request)}/{MERGED}/"
        outputs.upload_folder(self._s3, self.order.request, self.ml / "model", place)
        self.package_arn = self._register()

    def _register(self) -> str:
        """Make a version of the group that the request names; nobody has judged it."""
        what, request = self.customization, self.order.request
        source = {
            "S3Uri": f"{model_uri(request)}/",
            "S3DataType": "S3Prefix",
            "CompressionType": "None",
        }
        base = {"HubContentName": what.model, "HubContentVersion": what.version, "RecipeName": what.recipe_name}
        answer = self.world.clients.client("sagemaker", self.order.region).create_model_package(
            ModelPackageGroupName=request["ModelPackageConfig"]["ModelPackageGroupArn"],
            ModelPackageDescription=f"Made by the training job {request['TrainingJobName']}",
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={"Containers": [{"ModelDataSource": {"S3DataSource": source}, "BaseModel": base}]},
        )
        return str(answer["ModelPackageArn"])


def model_uri(request: dict[str, Any]) -> str:
    """Return ModelArtifacts.S3ModelArtifacts: a prefix without its last slash, as AWS says it."""
    return f"{outputs.base_uri(request)}/model"


def _rows(folder: Path, task: str, cancelled: threading.Event) -> Iterator[forms.Row]:
    """Yield the rows of all files of a channel.

    Raises:
        TransferError: a record is not of the technique's form.
        Cancelled: the job was stopped.
    """
    for path, name in outputs.files_in(folder):
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if cancelled.is_set():
                    raise channels.Cancelled
                if not line.strip():
                    continue
                try:
                    yield forms.parse(task, line)
                except forms.BadRecord as error:
                    said = f"ClientError: Dataset validation failed:{name}, line {number}: {error}"
                    raise channels.TransferError(said) from None
