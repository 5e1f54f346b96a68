"""A company on the embedded AWS: bucket, data, base model, a training program of a few lines, an Airflow connection."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from tests.execution_api import TaskRun, in_dag

PROGRAM = """
import json, os, sys, time
from pathlib import Path
values = dict(zip(sys.argv[1::2], sys.argv[2::2]))
steps, pause = int(values.get("--steps", 3)), float(values.get("--pause", 0.01))
if "--crash" in values:
    Path("/opt/ml/output/failure").write_text("the loss is not a number")
    print("step=1 loss=nan", flush=True)
    sys.exit(1)
kept = Path("/opt/ml/checkpoints/step")
first = int(kept.read_text()) if kept.exists() else 0
print(f"starts at step={first}", flush=True)
for step in range(first + 1, steps + 1):
    print(f"step={step} loss={1 / step:.3f}", flush=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.with_suffix(".part").write_text(str(step))
    os.replace(kept.with_suffix(".part"), kept)
    time.sleep(pause)
Path("/opt/ml/model/model.json").write_text(json.dumps({"steps": steps, "first": first}))
"""
MUTATING = ("Create", "Stop", "Delete", "Update", "Add", "Put")


@dataclass
class Company:
    """What a test needs to run an operator as a user would."""

    sandbox: Sandbox
    aws: Callable[..., Any]
    source: Path
    hyperparameters: dict[str, Any] = field(default_factory=lambda: {"steps": 3, "pause": 0.01})

    def spec(self, **changes: Any) -> dict[str, Any]:
        fields = {
            "backend": "spot_training",
            "role_arn": "arn:aws:iam::123456789012:role/trainer",
            "output_uri": "s3://acme/models",
            "base_model": "s3://acme/base/",
            "dataset": "s3://acme/train.jsonl",
            "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1",
            "source_dir": str(self.source),
            "hyperparameters": self.hyperparameters,
        }
        return {key: value for key, value in {**fields, **changes}.items() if value is not ...}

    def stock(self) -> None:
        """Put into S3 what a job reads."""
        s3 = self.aws("s3")
        s3.create_bucket(Bucket="acme")
        s3.put_object(Bucket="acme", Key="train.jsonl", Body=b'{"messages": []}\n')
        s3.put_object(Bucket="acme", Key="base/config.json", Body=b"{}")
        self.sandbox.world.calls.clear()

    def begin_again(self) -> None:
        """Go back to the start of the test: no job, no call, no fault."""
        self.sandbox.reset()
        self.stock()

    def run(self, spec: dict[str, Any] | None = None, **arguments: Any) -> TaskRun:
        from airflow_finetune import FineTuneOperator

        run_arguments = {key: arguments.pop(key) for key in ("retries", "conf", "run_id") if key in arguments}
        arguments = {"poll_seconds": 0.2, "spec": spec or self.spec(), **arguments}
        return TaskRun(in_dag(lambda: FineTuneOperator(task_id="fine_tune", **arguments)), **run_arguments)

    def fault(self, kind: str, **rule: Any) -> None:
        self.sandbox.world.faults.add(Rule(kind, **rule))

    def calls(self, operation: str) -> list[Any]:
        return self.sandbox.world.calls.records(operation=operation)

    def mutating(self) -> list[tuple[str, str]]:
        """Every call of a client that changes something, with its outcome, oldest first."""
        records = self.sandbox.world.calls.records("sagemaker")
        return [(r.operation, r.outcome) for r in records if r.operation.startswith(MUTATING)]

    def jobs(self) -> dict[str, str]:
        """Name -> status of every job, oldest first."""
        rows = self.aws("sagemaker").list_training_jobs(SortBy="CreationTime", SortOrder="Ascending")
        return {row["TrainingJobName"]: row["TrainingJobStatus"] for row in rows["TrainingJobSummaries"]}

    def job(self, name: str) -> dict[str, Any]:
        return self.aws("sagemaker").describe_training_job(TrainingJobName=name)

    def is_training(self) -> bool:
        """Whether the newest job has printed its first step."""
        jobs = self.jobs()
        if not jobs or self.job(list(jobs)[-1])["SecondaryStatus"] != "Training":
            return False
        return any("step=1 " in line for line in self.log(list(jobs)[-1]))

    def log(self, name: str) -> list[str]:
        logs, group = self.aws("logs"), "/aws/sagemaker/TrainingJobs"
        try:
            streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            return []  # the first job makes the group with its first line
        return [
            event["message"]
            for stream in streams
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]

    def slow(self) -> dict[str, Any]:
        """Hyperparameters of a program that trains for a minute, so that something can happen to it."""
        return {"steps": 600, "pause": 0.1}

    @contextlib.contextmanager
    def meanwhile(self, action: Callable[[], Any], when: Callable[[], bool] | None = None) -> Iterator[None]:
        """Do something as soon as a job trains, while the block runs; errors of it are errors of the test."""
        when, failed, over = when or self.is_training, [], threading.Event()

        def wait_and_act() -> None:
            try:
                while not when():
                    if over.wait(0.05):
                        return
                action()
            except Exception as error:
                failed.append(error)

        thread = threading.Thread(target=wait_and_act)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(60)
        assert not failed, failed
        assert not thread.is_alive()

    def wait(self, name: str, *statuses: str, limit_seconds: float = 60) -> dict[str, Any]:
        end = time.monotonic() + limit_seconds
        while (job := self.job(name))["TrainingJobStatus"] not in statuses:
            assert time.monotonic() < end, f"{name} is {job['TrainingJobStatus']}, not {statuses}"
            time.sleep(0.05)
        return job

    def tags(self, name: str) -> dict[str, str]:
        listed = self.aws("sagemaker").list_tags(ResourceArn=self.job(name)["TrainingJobArn"])
        return {tag["Key"]: tag["Value"] for tag in listed["Tags"]}


@pytest.fixture
def company(sandbox: Sandbox, aws: Callable[..., Any], tmp_path: Path, connected: None) -> Company:
    source = tmp_path / "code"
    source.mkdir()
    (source / "train.py").write_text(PROGRAM)
    clients = {service: aws(service) for service in ("sagemaker", "logs", "s3")}  # made here: threads use them later
    company = Company(sandbox, clients.__getitem__, source)
    company.stock()
    return company


@pytest.fixture(autouse=True)
def _signal_handler_of_the_test_run() -> Iterator[None]:
    """The task runner installs its own for SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(params=[False, True], ids=["worker waits", "triggerer waits"])
def deferrable(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.long)], ids=["worker waits", "triggerer waits"])
def mode(request: pytest.FixtureRequest) -> bool:
    """As ``deferrable``, for what the contract between the two modes covers elsewhere: the second one runs long."""
    return bool(request.param)
