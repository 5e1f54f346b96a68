"""Customizes and asks models for tests, as a user of AWS does it, and waits for what becomes of them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_finetune.sandbox.runner.customizing.ledger import MODEL
from airflow_finetune.sandbox.runner.inference import TINY_BASE
from airflow_finetune.sandbox.server import Sandbox
from demo import orders

ROLE = "arn:aws:iam::123456789012:role/bedrock"
MICRO = "amazon.nova-micro-v1:0:128k"
ASKED = "amazon.nova-micro-v1:0"
PREMIER = "amazon.nova-premier-v1:0"
TITAN = "amazon.titan-text-lite-v1:0:4k"
PATIENCE_SECONDS = 240.0


def until(condition: Callable[[], Any], what: str = "what was expected did not happen") -> Any:
    """Wait for a condition, generously; returns what it gave."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    pytest.fail(what)


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """The code and the text with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def conversation(user: str, assistant: str) -> dict[str, Any]:
    turns = (("user", user), ("assistant", assistant))
    return {
        "schemaVersion": "bedrock-conversation-2024",
        "messages": [{"role": role, "content": [{"text": text}]} for role, text in turns],
    }


def order_records(seed: int, rows: int) -> list[dict[str, Any]]:
    return [conversation(raw["text"], raw["json"]) for raw in orders.records(seed, rows)]


def lines(records: Iterable[Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


class Account:
    """What a test does as a user of AWS."""

    def __init__(self, sandbox: Sandbox, aws: Callable[..., Any]) -> None:
        self.sandbox, self.aws = sandbox, aws
        self.s3, self.bedrock, self.runtime = map(aws, ("s3", "bedrock", "bedrock-runtime"))
        self.s3.create_bucket(Bucket="bucket")

    def put(self, key: str, records: Iterable[Any] | str) -> str:
        body = records if isinstance(records, str) else lines(records)
        self.s3.put_object(Bucket="bucket", Key=key, Body=body.encode())
        return f"s3://bucket/{key}"

    def request(self, name: str = "job", records: Iterable[Any] | str | None = None, **more: Any) -> dict[str, Any]:
        """A request for a fine-tuning of Nova Micro on orders, unless ``more`` says otherwise."""
        uri = self.put(f"{name}/train.jsonl", order_records(1, 8) if records is None else records)
        return {
            "jobName": name,
            "customModelName": f"{name}-model",
            "roleArn": ROLE,
            "baseModelIdentifier": MICRO,
            "trainingDataConfig": {"s3Uri": uri},
            "outputDataConfig": {"s3Uri": "s3://bucket/out/"},
            **more,
        }

    def submit(self, name: str = "job", records: Iterable[Any] | str | None = None, **more: Any) -> str:
        return str(self.bedrock.create_model_customization_job(**self.request(name, records, **more))["jobArn"])

    def job(self, name: str = "job") -> dict[str, Any]:
        found: dict[str, Any] = self.bedrock.get_model_customization_job(jobIdentifier=name)
        return found

    def ended(self, name: str = "job") -> dict[str, Any]:
        until(lambda: self.job(name)["status"] in ("Completed", "Failed", "Stopped"), f"{name} did not end")
        return self.job(name)

    def failure(self, name: str = "job") -> str:
        ended = self.ended(name)
        assert ended["status"] == "Failed"
        return str(ended["failureMessage"])

    def phases(self, name: str = "job") -> list[str]:
        return [each["status"] for each in self.job(name)["statusDetails"].values()]

    def artefact(self, job: Mapping[str, Any], name: str) -> list[dict[str, str]]:
        """The rows of a CSV file below a job's own prefix of the output bucket."""
        key = f"out/model-customization-job-{job['jobArn'].rsplit('/')[-1]}/{name}"
        text = self.s3.get_object(Bucket="bucket", Key=key)["Body"].read().decode()
        return list(csv.DictReader(io.StringIO(text)))

    def model(self, name: str = "model", base: str = MICRO, weights: Path = TINY_BASE) -> str:
        """Plant a custom model, so that what is done with one need not wait for a training; returns its ARN."""
        world = self.sandbox.world
        copied = world.settings.state_dir / f"planted-{name}"
        shutil.copytree(weights, copied)
        arn = f"arn:aws:bedrock:us-east-1:123456789012:custom-model/{base}/{name[:12].ljust(12, '0')}"
        document = {
            "modelArn": arn,
            "modelName": name,
            "baseModelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{base}",
            "customizationType": "FINE_TUNING",
            "creationTime": world.clock.now(),
            "modelStatus": "Active",
            "_weights": world.bedrock.inference.keep(copied),
            "_base": base,
            "_account": "123456789012",
            "_tags": [],
        }
        world.store.put(MODEL, "us-east-1", name, document)
        world.billing.meter(arn, "custom_model_storage", 1.95, unit="months", hours_per_unit=730.0)
        return arn

    def deployed(self, name: str, model_arn: str) -> str:
        """Deploy a custom model; returns the ARN of what answers."""
        arn = self.bedrock.create_custom_model_deployment(modelDeploymentName=name, modelArn=model_arn)
        until(lambda: self.deployment(name)["status"] == "Active")
        return str(arn["customModelDeploymentArn"])

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=name)
        return found

    def ask(self, model: str, text: str, **config: Any) -> str:
        """The text that a model answers to a user."""
        answer = self.runtime.converse(
            modelId=model,
            messages=[{"role": "user", "content": [{"text": text}]}],
            inferenceConfig={"maxTokens": 110, "temperature": 0, **config},
        )
        return str(answer["output"]["message"]["content"][0]["text"])

    def bill(self, kind: str) -> list[Any]:
        return [line for line in self.sandbox.world.billing.lines() if line.kind == kind]
