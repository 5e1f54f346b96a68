"""One instance of a job: a new folder, its data, the program, its log and checkpoints, until all of it is gone."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..processes import Program
from ..transfer import outputs
from ..transfer.channels import download_channel
from ..transfer.checkpoints import Checkpoints
from . import container, toolkit
from .life import DEFAULT_MAX_RUNTIME_SECONDS
from .log_stream import LogFile, stream_name

if TYPE_CHECKING:
    from ...world import World
    from ..images import Images
    from ..processes import Exit, Process
    from .life import Life

MEMORY_LIMIT = "SANDBOX_MEMORY_LIMIT_MB"
"""In a request's Environment: resident memory at which the program is killed, instead of the instance type's."""


@dataclass(frozen=True)
class Order:
    """What an instance is for; a training job's, unless a subclass reads another request.

    Attributes:
        request: the members of CreateTrainingJob.
        arn: TrainingJobArn.
        region: of the job and its buckets.
        notes: lines for the start of the log: members that have no effect here.
    """

    request: dict[str, Any]
    arn: str
    region: str
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.request["TrainingJobName"])

    @property
    def instance_type(self) -> str:
        """For example ``ml.g5.2xlarge``; empty for a serverless job."""
        return str(self.request.get("ResourceConfig", {}).get("InstanceType", ""))

    @property
    def image(self) -> str:
        """The image's URI; empty without one."""
        return str(self.request.get("AlgorithmSpecification", {}).get("TrainingImage", ""))

    @property
    def metric_definitions(self) -> list[dict[str, str]]:
        """What is read out of the log."""
        return list(self.request.get("AlgorithmSpecification", {}).get("MetricDefinitions", []))

    @property
    def max_runtime_seconds(self) -> int:
        """How long it may hold an instance (modelled)."""
        limits = self.request.get("StoppingCondition", {})
        return int(limits.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_SECONDS))

    @property
    def max_wait_seconds(self) -> int | None:
        """How long it may wait and run together (modelled); None: for ever."""
        found: int | None = self.request.get("StoppingCondition", {}).get("MaxWaitTimeInSeconds")
        return found

    def environment(self) -> dict[str, str]:
        """What AWS puts into its container's environment."""
        return container.environment(self.request, self.arn)

    def failed(self, text: str, code: int) -> str:
        """Return the FailureReason of a program that ended with an exit code other than 0."""
        return algorithm_error(text, code)

    def nothing_to_run(self) -> str:
        """Return the FailureReason when nothing says what to run."""
        return container.NOTHING_TO_RUN.format(image=self.image or "(no TrainingImage)")

    def outcome(self, life: Life, ml: Path | None) -> dict[str, Any]:
        """Return members of Describe that only the end decides.

        Args:
            life: of a job that has ended.
            ml: its last instance's folder; None when it had none.
        """
        if life.status in ("Completed", "Stopped") and any(t.status == "Uploading" for t in life.transitions):
            return {"ModelArtifacts": {"S3ModelArtifacts": outputs.model_uri(self.request)}}
        return {}


@dataclass
class Instance:
    """What exists between Provisioned and the moment at which nothing of it is left.

    Attributes:
        folder: the instance's own folder; ``ml`` below it is what the program sees as /opt/ml.
        transfers: runs downloads and uploads.
        process: the program; None before it starts.
        command: how it was started; None when nothing says what to run.
    """

    world: World
    images: Images
    order: Order
    folder: Path
    transfers: Executor
    process: Process | None = None
    command: container.Command | None = None
    task: Future[None] | None = None
    started_modelled: float = 0.0
    stream: str = ""
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _sync: Future[int] | None = None
    _sync_at: float = 0.0
    _notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ml = self.folder / "ml"
        self.log = LogFile(self.folder / "log")
        self._s3 = self.world.clients.client("s3", self.order.region)
        self._synced = self._folders_in_step()

    def _folders_in_step(self) -> list[Checkpoints]:
        """Return the folders that are uploaded while the program runs."""
        config = self.order.request.get("CheckpointConfig")
        local = container.below_ml(self.ml, container.checkpoint_path(self.order.request))
        return [Checkpoints(self._s3, config["S3Uri"], local)] if config else []

    # ---- data in

    def begin_download(self) -> None:
        """Start bringing channels, checkpoints and code; ``task`` says when it is done."""
        self.task = self.transfers.submit(self._download)

    def _download(self) -> None:
        request = self.order.request
        container.lay_out(request, self.ml)
        for channel in request.get("InputDataConfig", []):
            folder = self.ml / "input" / "data" / channel["ChannelName"]
            download_channel(self._s3, channel, folder, self._cancelled)
        for checkpoints in self._synced:
            count = checkpoints.restore()
            if count:
                self._notes.append(f"{count} checkpoint files restored from {request['CheckpointConfig']['S3Uri']}")
        self.command = container.command(request, self.images.program(self.order.image, "train"), toolkit.CODE)
        if self.command and self.command.contract == "toolkit":
            self._bring_code()

    def _bring_code(self) -> None:
        code = toolkit.unpack_code(self._s3, self.order.request["HyperParameters"], self.ml)
        missing = toolkit.missing_requirements(code)
        if missing:
            self._notes.append(f"requirements.txt is not installed here; missing: {', '.join(missing)}")
        inside = f"{container.ROOT}/{code.relative_to(self.ml).as_posix()}"
        self.command = container.command(self.order.request, None, inside)

    # ---- the program

    def start(self, command: container.Command) -> None:
        """Start the program; its log begins with the isolation that it runs in and with what has no effect here."""
        order, mode = self.order, self.world.processes.isolation().mode
        machine = f"a process of this machine stands for {order.instance_type}"
        lines = [f"isolation {mode}: {machine}; {command.contract} contract"]
        with self.log.path.open("a", encoding="utf-8") as log:
            log.writelines(f"sandbox: {line}\n" for line in (*lines, *self.order.notes, *self._notes))
        endpoint = self.world.clients.client("s3", self.order.region).meta.endpoint_url
        environment = self.world.processes.base_environment(self.ml, endpoint, self.order.region)
        tools = container.python_tools(self.folder / "bin", Path(sys.executable))
        environment["PATH"] = ":".join([*([str(tools)] if tools else []), environment["PATH"]])
        self.started_modelled = self.world.clock.modelled()
        self.stream = stream_name(order.name, self.world.clock.now())
        self._sync_at = time.monotonic() + self.world.settings.checkpoint_sync_seconds
        self.process = self.world.processes.start(
            Program(
                name=order.name,
                argv=command.argv,
                env=environment | order.environment(),
                ml=self.ml,
                cwd=command.cwd,
                log=self.log.path,
                memory_limit_bytes=self._memory_limit_bytes(),
                code=command.code,
            )
        )

    def _memory_limit_bytes(self) -> int:
        given = self.order.request.get("Environment", {}).get(MEMORY_LIMIT, "")
        if given.isdigit():
            return int(given) * 2**20
        instance = self.world.prices.instance(self.order.instance_type)
        return min(int(instance.memory_gb * 2**30), _half_of_this_machine())

    def failure_of(self, end: Exit) -> str | None:
        """Return the FailureReason of a program that has ended, or None after exit code 0."""
        if end.reason == "oom":
            return OUT_OF_MEMORY
        if end.reason == "log":
            return self.order.failed(PRINTED_TOO_MUCH.format(limit=self.world.settings.log_limit_mb), KILLED)
        code = end.code if end.code is not None else 128 + (end.signal or 0)
        if code == 0:
            return None
        text = self._failure_file()
        if not text and self.command and self.command.contract == "toolkit":
            text = toolkit.failure_text(self.command.argv, code, list(self.log.tail))
        return self.order.failed(text, code)

    def _failure_file(self) -> str:
        try:
            with (self.ml / "output" / "failure").open(encoding="utf-8", errors="replace") as file:
                return file.read(1024)
        except OSError:
            return ""

    # ---- data out

    def sync_when_due(self, report: Callable[[str], None]) -> None:
        """Upload changed checkpoints every ``checkpoint_sync_seconds``; what goes wrong is reported, not fatal."""
        if not self._synced or time.monotonic() < self._sync_at:
            return
        if self._sync is not None and not self._sync.done():
            return
        if self._sync is not None and self._sync.exception() is not None:
            report(f"sandbox: {self._sync.exception()}")
        self._sync_at = time.monotonic() + self.world.settings.checkpoint_sync_seconds
        self._sync = self.transfers.submit(self._sync_folders)

    def begin_upload(self, logs: Future[None]) -> None:
        """Start uploading the last checkpoints, model and output, after the log; ``task`` says when it is done."""
        pending = self._sync
        self.task = self.transfers.submit(self._upload, logs, pending)

    def _upload(self, logs: Future[None], pending: Future[int] | None) -> None:
        logs.result()
        if pending is not None:
            pending.exception()  # waits; what went wrong is tried again below
        self._sync_folders()
        self._upload_results()

    def _sync_folders(self) -> int:
        return sum(folder.sync() for folder in self._synced)

    def _upload_results(self) -> None:
        outputs.upload(self._s3, self.order.request, self.ml)

    # ---- the end

    def abandon(self) -> None:
        """Kill the program with all that it started, and let what travels end early."""
        self._cancelled.set()
        if self.process is not None:
            self.process.kill()

    def is_gone(self) -> bool:
        """Say whether neither the program nor a transfer is left."""
        busy = [task for task in (self.task, self._sync) if task is not None and not task.done()]
        return not busy and (self.process is None or self.process.poll() is not None)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


OUT_OF_MEMORY = "ClientError: Please use an instance type with more memory, or reduce the size of job data processed on an instance."  # noqa: E501  AWS's text, word for word, found by whoever searches for it


KILLED = 137
PRINTED_TOO_MUCH = "The program printed more than {limit} MiB, the sandbox's limit for a log (log_limit_mb)"


def algorithm_error(text: str, code: int) -> str:
    """Return AWS's FailureReason for a program that failed; the text is cut so that the exit code stays."""
    end = f", exit code: {code}"
    return f"AlgorithmError: {text}"[: 1024 - len(end)] + end


def _half_of_this_machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
