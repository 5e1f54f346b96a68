"""What CreateProcessingJob asks for, and how clients see such a job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..jobs import container
from ..jobs.instance import Order
from ..jobs.life import Life
from ..jobs.record import LONGEST_REASON, Kind

ROOT = "/opt/ml/processing/"
LONGEST_MESSAGE_BYTES = 1024
SEE_LOGS = "See job logs for more information"
NOTHING_TO_RUN = (
    "AlgorithmError: There is no container engine here, and nothing says what to run: give "
    "AppSpecification.ContainerEntrypoint, or start the sandbox with a folder that stands for the image {image} and "
    "holds a program `process`"
)


def members(life: Life) -> dict[str, Any]:
    """Return the members of DescribeProcessingJob that a life decides; those that AWS does not know yet are absent."""
    found = {
        "ProcessingJobStatus": life.status,
        "FailureReason": life.failure[:LONGEST_REASON] if life.failure and life.ended else None,
        "ProcessingStartTime": life.started,
        "ProcessingEndTime": life.ended,
    }
    return {name: value for name, value in found.items() if value is not None}


PROCESSING = Kind("processing_job", "SageMaker Processing Job State Change", members)


class ProcessingOrder(Order):
    """What a processing job's instance is for; ``request`` are the members of CreateProcessingJob."""

    @property
    def name(self) -> str:
        """ProcessingJobName."""
        return str(self.request["ProcessingJobName"])

    @property
    def instance_type(self) -> str:
        """For example ``ml.m5.large``."""
        return str(self.request["ProcessingResources"]["ClusterConfig"]["InstanceType"])

    @property
    def image(self) -> str:
        """The image's URI."""
        return str(self.request["AppSpecification"]["ImageUri"])

    @property
    def metric_definitions(self) -> list[dict[str, str]]:
        """Processing jobs have none."""
        return []

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The S3Input of each input that AWS brings; those that the application brings itself are left out."""
        found = [each for each in self.request.get("ProcessingInputs", []) if not each.get("AppManaged")]
        return [each["S3Input"] for each in found]

    def outputs(self, mode: str) -> list[dict[str, Any]]:
        """Return the S3Output of each output with this S3UploadMode that AWS takes away."""
        found = self.request.get("ProcessingOutputConfig", {}).get("Outputs", [])
        taken = [each["S3Output"] for each in found if not each.get("AppManaged")]
        return [each for each in taken if each["S3UploadMode"] == mode]

    def environment(self) -> dict[str, str]:
        """Return what the request says; AWS documents nothing of its own."""
        return dict(self.request.get("Environment", {}))

    def failed(self, text: str, code: int) -> str:
        """Return AWS's FailureReason, which tells no exit code; a text stands there only when a fault gave one."""
        return f"AlgorithmError: {text or SEE_LOGS}"

    def nothing_to_run(self) -> str:
        """Return the FailureReason when nothing says what to run."""
        return NOTHING_TO_RUN.format(image=self.image)

    def outcome(self, life: Life, ml: Path | None) -> dict[str, Any]:
        """Return the ExitMessage: the start of what the program wrote to /opt/ml/output/message."""
        text = exit_message(ml) if ml else b""
        return {"ExitMessage": text.decode(errors="ignore")} if text else {}


def exit_message(ml: Path) -> bytes:
    """Return what a program wrote to its message file, at most 1 KB of it; empty without one."""
    try:
        with (ml / "output" / "message").open("rb") as file:
            return file.read(LONGEST_MESSAGE_BYTES)
    except OSError:
        return b""


def lay_out(order: ProcessingOrder, ml: Path) -> None:
    """Make the folders and the two configuration files of a new instance."""
    for folder in ("config", "output", "processing"):
        (ml / folder).mkdir(parents=True, exist_ok=True)
    for mode in ("Continuous", "EndOfJob"):
        for output in order.outputs(mode):
            container.below_ml(ml, output["LocalPath"]).mkdir(parents=True, exist_ok=True)
    config = {"ProcessingJobArn": order.arn} | {n: v for n, v in order.request.items() if n != "Tags"}
    for name, content in (
        ("processingjobconfig", config),
        ("resourceconfig", container.resource_config(order.instance_type)),
    ):
        (ml / "config" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def command(request: Mapping[str, Any], image_program: Path | None) -> container.Command | None:
    """Return how the program is started, or None when nothing says what to run.

    Args:
        request: the members of CreateProcessingJob.
        image_program: ``process`` of the local folder that stands for the image; None without one.
    """
    spec = request["AppSpecification"]
    words = [str(word) for word in spec.get("ContainerArguments", [])]
    if spec.get("ContainerEntrypoint"):
        argv = [*spec["ContainerEntrypoint"], *words]
        return container.Command(argv, container.ROOT, "entrypoint", ("config", *_code_folders(argv)))
    if image_program is not None:
        return container.Command([str(image_program), *words], container.ROOT, "image", ("config",))
    return None


def _code_folders(argv: list[str]) -> list[str]:
    """Return the folders below /opt/ml of the programs that a command names."""
    return [Path(word).parent.relative_to(container.ROOT).as_posix() for word in argv if word.startswith(ROOT)]
