"""A hand that creates, watches and reads training jobs through boto3, as a program outside does."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from airflow_finetune.sandbox.edge.faults import rule_from
from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.training.programs import TRAINER

ROLE = "arn:aws:iam::123456789012:role/training"
FINAL = ("Completed", "Failed", "Stopped")
PATIENCE_SECONDS = 60.0
GROUP = "/aws/sagemaker/TrainingJobs"


def wait_for(what: Callable[[], Any]) -> Any:
    """The first true value of a condition; fails after a generous minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen within a minute")


class Jobs:
    """Training jobs as a program outside makes them."""

    group = GROUP

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._clients: dict[str, Any] = {}
        self.s3, self.sagemaker, self.logs = (self.client(name) for name in ("s3", "sagemaker", "logs"))
        self.s3.create_bucket(Bucket="bucket")

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.sandbox.url,
                region_name="us-east-1",
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                aws_secret_access_key="example",
                config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
            )
        return self._clients[service]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def put(self, key: str, body: str | bytes = "x") -> None:
        self.s3.put_object(Bucket="bucket", Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket="bucket", Key=key)["Body"].read())

    def objects(self, prefix: str = "") -> list[str]:
        found = self.s3.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])
        return [entry["Key"] for entry in found]

    def request(self, name: str, program: str = TRAINER, *words: str, **further: Any) -> dict[str, Any]:
        """A request that runs a program as the container's entrypoint, with words as its arguments."""
        self.put(f"code/{name}/train.py", program)
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": "example/trainer:1",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/train.py"],
            },
            "InputDataConfig": [channel("code", f"code/{name}/")],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 2_000_000},
        }
        if words:
            request["AlgorithmSpecification"]["ContainerArguments"] = list(words)
        for member, value in further.items():
            if isinstance(value, dict) and isinstance(request.get(member), dict):
                request[member] = request[member] | value
            else:
                request[member] = value
        return request

    def create(self, name: str, program: str = TRAINER, *words: str, **further: Any) -> str:
        answer = self.sagemaker.create_training_job(**self.request(name, program, *words, **further))
        return str(answer["TrainingJobArn"])

    def create_spot(self, name: str, program: str = TRAINER, *words: str, **further: Any) -> str:
        spot = {
            "EnableManagedSpotTraining": True,
            "StoppingCondition": {"MaxRuntimeInSeconds": 2_000_000, "MaxWaitTimeInSeconds": 2_000_000},
            "CheckpointConfig": {"S3Uri": f"s3://bucket/checkpoints/{name}"},
        }
        return self.create(name, program, *words, **(spot | further))

    def describe(self, name: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_training_job(TrainingJobName=name))

    def until(self, name: str, secondary: str) -> dict[str, Any]:
        """Wait until the job shows a secondary status."""

        def look() -> dict[str, Any] | None:
            job = self.describe(name)
            over = job["TrainingJobStatus"] in FINAL
            assert not over or job["SecondaryStatus"] == secondary, job.get("FailureReason", job["SecondaryStatus"])
            return job if job["SecondaryStatus"] == secondary else None

        return dict(wait_for(look))

    def until_printed(self, name: str, text: str) -> None:
        """Wait until the job has printed a text."""
        wait_for(lambda: any(text in line for line in self.printed(name)))

    def end(self, name: str) -> dict[str, Any]:
        """Wait for the end and return Describe's answer."""

        def look() -> dict[str, Any] | None:
            job = self.describe(name)
            return job if job["TrainingJobStatus"] in FINAL else None

        return dict(wait_for(look))

    def streams(self, name: str) -> list[str]:
        try:
            found = self.logs.describe_log_streams(logGroupName=self.group, logStreamNamePrefix=f"{name}/")
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return sorted(stream["logStreamName"] for stream in found["logStreams"])

    def printed(self, name: str) -> list[str]:
        """All lines of all streams of a job."""
        lines: list[str] = []
        for stream in self.streams(name):
            events = self.logs.get_log_events(logGroupName=self.group, logStreamName=stream, startFromHead=True)[
                "events"
            ]
            lines += [event["message"] for event in events]
        return lines

    def model(self, name: str) -> dict[str, bytes]:
        """The files in a job's model.tar.gz."""
        return unpacked(self.get(f"out/{name}/output/model.tar.gz"))

    def seen(self, name: str) -> dict[str, Any]:
        """What LOOKS_AROUND found."""
        job = self.end(name)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        return dict(json.loads(self.model(name)["seen.json"]))

    def fault(self, kind: str, target: str = "*", **params: Any) -> None:
        self.sandbox.world.faults.add(rule_from({"kind": kind, "target": target, "params": params}))


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]  # regular files have content


def channel(name: str, prefix: str, **further: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/{prefix}", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}} | further


def transitions(job: dict[str, Any]) -> list[str]:
    return [step["Status"] for step in job["SecondaryStatusTransitions"]]
