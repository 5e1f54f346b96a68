"""A company that customizes models on Bedrock: bucket, canonical data, an Airflow connection, a few steps a job."""

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

ROLE = "arn:aws:iam::123456789012:role/bedrock"
MICRO = "amazon.nova-micro-v1:0:128k"
TITAN = "amazon.titan-text-lite-v1:0:4k"
MUTATING = ("Create", "Stop", "Delete", "Update", "Tag", "Put")
PATIENCE_SECONDS = 240.0


def chat(*contents: str, system: str = "") -> dict[str, Any]:
    """A canonical example: user and assistant in turn."""
    turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(contents)]
    return {"messages": [*([{"role": "system", "content": system}] if system else []), *turns]}


def order_chats(seed: int, rows: int) -> list[dict[str, Any]]:
    return [chat(raw["text"], raw["json"]) for raw in orders.records(seed, rows)]


@dataclass
class Studio:
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
        body = "".join(json.dumps(example) + "\n" for example in examples)
        self.aws("s3").put_object(Bucket="acme", Key=key, Body=body.encode())
        return f"s3://acme/{key}"

    def artefact(self, model: Mapping[str, Any], name: str) -> dict[str, str]:
        """Bucket and key of a file that a job has left."""
        bucket, _, key = str(model["artefacts_uri"]).removeprefix("s3://").partition("/")
        return {"Bucket": bucket, "Key": key + name}

    def spec(self, **changes: Any) -> dict[str, Any]:
        fields = {
            "backend": "bedrock",
            "role_arn": ROLE,
            "output_uri": "s3://acme/models/",
            "base_model": MICRO,
            "dataset": "s3://acme/train.jsonl",
            "epochs": 1,
        }
        return {key: value for key, value in {**fields, **changes}.items() if value is not ...}

    def slow(self) -> dict[str, Any]:
        """A spec of a job that trains for minutes, so that something can happen to it."""
        return self.spec(dataset=self.put("long.jsonl", order_chats(2, 2000)), epochs=5)

    def run(self, spec: Mapping[str, Any] | None = None, **arguments: Any) -> TaskRun:
        from airflow_finetune import FineTuneOperator

        run_arguments = {key: arguments.pop(key) for key in ("retries", "conf", "run_id") if key in arguments}
        arguments = {"poll_seconds": 0.2, "spec": spec or self.spec(), **arguments}
        return TaskRun(in_dag(lambda: FineTuneOperator(task_id="fine_tune", **arguments)), **run_arguments)

    def fault(self, kind: str, message: str = "", **rule: Any) -> None:
        params = {"message": message} if message else {}
        self.sandbox.world.faults.add(Rule(kind, params=params, **rule))

    def calls(self, operation: str) -> list[Any]:
        return self.sandbox.world.calls.records(operation=operation)

    def mutating(self) -> list[tuple[str, str]]:
        """Every call of a client that changes something at Bedrock, with its outcome, oldest first."""
        records = self.sandbox.world.calls.records("bedrock")
        return [(r.operation, r.outcome) for r in records if r.operation.startswith(MUTATING)]

    def jobs(self) -> dict[str, str]:
        """Name -> status of every job, oldest first."""
        rows = self.aws("bedrock").list_model_customization_jobs(sortBy="CreationTime", sortOrder="Ascending")
        return {row["jobName"]: row["status"] for row in rows["modelCustomizationJobSummaries"]}

    def job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.aws("bedrock").get_model_customization_job(jobIdentifier=name)
        return found

    def is_training(self) -> bool:
        jobs = self.jobs()
        return bool(jobs) and self.job(list(jobs)[-1])["statusDetails"]["trainingDetails"]["status"] == "InProgress"

    def ended(self, name: str) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_SECONDS
        while (job := self.job(name))["status"] in ("InProgress", "Stopping"):
            assert time.monotonic() < end, f"{name} did not end"
            time.sleep(0.05)
        return job

    def tags(self, arn: str) -> dict[str, str]:
        listed = self.aws("bedrock").list_tags_for_resource(resourceARN=arn)
        return {tag["key"]: tag["value"] for tag in listed["tags"]}

    def uploads(self) -> list[str]:
        """Keys of the rendered data, sorted."""
        rows = self.aws("s3").list_objects_v2(Bucket="acme", Prefix="models/bedrock-data/").get("Contents", [])
        return sorted(row["Key"] for row in rows)

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


@pytest.fixture
def studio(sandbox: Sandbox, aws: Callable[..., Any], connected: None) -> Studio:
    clients = {service: aws(service) for service in ("bedrock", "s3")}  # made here: threads use them later
    studio = Studio(sandbox, clients.__getitem__)
    studio.stock()
    return studio
