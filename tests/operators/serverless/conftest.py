"""A company that customizes models without an instance: bucket, canonical data, an Airflow connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from tests.backends.serverless.specs import given
from tests.execution_api import TaskRun, in_dag
from tests.operators.bedrock.conftest import order_chats
from tests.sandbox.bedrock.account import lines

MUTATING = ("Create", "Stop", "Delete", "Update", "Add", "Put")


@dataclass
class Works:
    """What a test needs to run an operator as a user would."""

    sandbox: Sandbox
    aws: Callable[..., Any]

    def stock(self) -> None:
        """Put into S3 what a job learns from."""
        self.aws("s3").create_bucket(Bucket="acme")
        self.put("train.jsonl", order_chats(1, 16))
        self.sandbox.world.calls.clear()

    def begin_again(self) -> None:
        """Go back to the start of the test: no job, no call, no fault."""
        self.sandbox.reset()
        self.stock()

    def put(self, key: str, examples: Iterable[Any]) -> str:
        self.aws("s3").put_object(Bucket="acme", Key=key, Body=lines(examples).encode())
        return f"s3://acme/{key}"

    def spec(self, **changes: Any) -> dict[str, Any]:
        return given(**{"backend": "serverless", "epochs": 1, **changes})

    def run(self, spec: Mapping[str, Any] | None = None, **arguments: Any) -> TaskRun:
        from airflow_finetune import FineTuneOperator

        run_arguments = {key: arguments.pop(key) for key in ("retries", "conf", "run_id") if key in arguments}
        arguments = {"poll_seconds": 0.2, "spec": spec or self.spec(), **arguments}
        return TaskRun(in_dag(lambda: FineTuneOperator(task_id="fine_tune", **arguments)), **run_arguments)

    def fault(self, kind: str, **params: Any) -> None:
        self.sandbox.world.faults.add(Rule(kind, params=params))

    def calls(self, operation: str) -> list[Any]:
        return self.sandbox.world.calls.records(operation=operation)

    def mutating(self) -> list[tuple[str, str]]:
        """Every call of a client that changes something at SageMaker, with its outcome, oldest first."""
        records = self.sandbox.world.calls.records("sagemaker")
        return [(r.operation, r.outcome) for r in records if r.operation.startswith(MUTATING)]

    def jobs(self) -> dict[str, str]:
        """Name -> status of every job, oldest first."""
        rows = self.aws("sagemaker").list_training_jobs(SortBy="CreationTime", SortOrder="Ascending")
        return {row["TrainingJobName"]: row["TrainingJobStatus"] for row in rows["TrainingJobSummaries"]}

    def job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.aws("sagemaker").describe_training_job(TrainingJobName=name)
        return found

    def uploads(self) -> list[str]:
        """Keys of the rendered data, sorted."""
        rows = self.aws("s3").list_objects_v2(Bucket="acme", Prefix="models/serverless-data/").get("Contents", [])
        return sorted(row["Key"] for row in rows)


@pytest.fixture
def works(sandbox: Sandbox, aws: Callable[..., Any], connected: None) -> Works:
    clients = {service: aws(service) for service in ("sagemaker", "s3")}
    works = Works(sandbox, clients.__getitem__)
    works.stock()
    return works
