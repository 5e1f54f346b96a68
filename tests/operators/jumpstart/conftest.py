"""A company that tunes models of a hub: bucket, canonical data, an Airflow connection, a few steps a job."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from demo import orders
from tests.execution_api import TaskRun, in_dag

ROLE = "arn:aws:iam::123456789012:role/trainer"
QWEN = "huggingface-llm-qwen2-5-7b-instruct"
LLAMA = "meta-textgeneration-llama-3-2-1b-instruct"
PUBLIC_ARN = "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model"
PATIENCE_SECONDS = 240.0


def order_chats(seed: int, rows: int) -> list[dict[str, Any]]:
    return [
        {"messages": [{"role": "user", "content": raw["text"]}, {"role": "assistant", "content": raw["json"]}]}
        for raw in orders.records(seed, rows)
    ]


@dataclass
class Customer:
    """What a test needs to run an operator as a user would."""

    sandbox: Sandbox
    aws: Callable[..., Any]

    def stock(self) -> None:
        """Put into S3 what a job learns from."""
        self.aws("s3").create_bucket(Bucket="acme")
        self.put("train.jsonl", order_chats(1, 16))
        self.sandbox.world.calls.clear()

    def put(self, key: str, examples: Iterable[Any]) -> str:
        body = "".join(json.dumps(example) + "\n" for example in examples)
        self.aws("s3").put_object(Bucket="acme", Key=key, Body=body.encode())
        return f"s3://acme/{key}"

    def spec(self, **changes: Any) -> dict[str, Any]:
        fields = {
            "backend": "jumpstart",
            "role_arn": ROLE,
            "output_uri": "s3://acme/models/",
            "model_id": QWEN,
            "dataset": "s3://acme/train.jsonl",
            "hyperparameters": {"max_steps": 2, "logging_steps": 1},
        }
        return {key: value for key, value in {**fields, **changes}.items() if value is not ...}

    def run(self, spec: Mapping[str, Any] | None = None, **arguments: Any) -> TaskRun:
        from airflow_finetune import FineTuneOperator

        run_arguments = {key: arguments.pop(key) for key in ("retries", "conf", "run_id") if key in arguments}
        arguments = {"poll_seconds": 0.2, "spec": spec or self.spec(), **arguments}
        return TaskRun(in_dag(lambda: FineTuneOperator(task_id="fine_tune", **arguments)), **run_arguments)

    def fault(self, kind: str, **rule: Any) -> None:
        self.sandbox.world.faults.add(Rule(kind, **rule))

    def calls(self, operation: str) -> list[Any]:
        return self.sandbox.world.calls.records(operation=operation)

    def jobs(self) -> dict[str, str]:
        """Name -> status of every job, oldest first."""
        rows = self.aws("sagemaker").list_training_jobs(SortBy="CreationTime", SortOrder="Ascending")
        return {row["TrainingJobName"]: row["TrainingJobStatus"] for row in rows["TrainingJobSummaries"]}

    def job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.aws("sagemaker").describe_training_job(TrainingJobName=name)
        return found

    def tags(self, name: str) -> dict[str, str]:
        listed = self.aws("sagemaker").list_tags(ResourceArn=self.job(name)["TrainingJobArn"])
        return {tag["Key"]: tag["Value"] for tag in listed["Tags"]}

    def keys(self, prefix: str) -> list[str]:
        rows = self.aws("s3").list_objects_v2(Bucket="acme", Prefix=prefix).get("Contents", [])
        return sorted(row["Key"].removeprefix(prefix) for row in rows)

    def is_training(self) -> bool:
        jobs = self.jobs()
        return bool(jobs) and self.job(list(jobs)[-1])["SecondaryStatus"] == "Training"

    @contextlib.contextmanager
    def meanwhile(self, action: Callable[[], Any]) -> Iterator[None]:
        """Do something as soon as a job trains, while the block runs; errors of it are errors of the test."""
        failed, over = [], threading.Event()

        def wait_and_act() -> None:
            try:
                while not self.is_training():
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

    def ended(self, name: str) -> str:
        end = time.monotonic() + PATIENCE_SECONDS
        while (status := self.job(name)["TrainingJobStatus"]) in ("InProgress", "Stopping"):
            assert time.monotonic() < end, f"{name} did not end"
            time.sleep(0.05)
        return str(status)


@pytest.fixture
def customer(sandbox: Sandbox, aws: Callable[..., Any], connected: None) -> Customer:
    clients = {service: aws(service) for service in ("sagemaker", "s3", "logs")}
    customer = Customer(sandbox, clients.__getitem__)
    customer.stock()
    return customer
