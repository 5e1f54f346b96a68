"""A hand that customizes models without an instance through boto3, as a program outside does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_finetune.sandbox.server import Sandbox
from demo import orders
from tests.sandbox.bedrock.account import until
from tests.sandbox.training.account import FINAL, ROLE, Jobs, channel

QWEN, LLAMA = "huggingface-llm-qwen2-5-7b-instruct", "meta-textgeneration-llama-3-2-1b-instruct"
FALCON = "huggingface-llm-falcon-7b-bf16"
GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/orders"


def model_arn(name: str, version: str = "", region: str = "us-east-1") -> str:
    """The ARN of a model of the public hub."""
    arn = f"arn:aws:sagemaker:{region}:aws:hub-content/SageMakerPublicHub/Model/{name}"
    return f"{arn}/{version}" if version else arn


def chats(seed: int, rows: int) -> list[dict[str, Any]]:
    """Records for SFT."""
    return [
        {"messages": [{"role": "user", "content": raw["text"]}, {"role": "assistant", "content": raw["json"]}]}
        for raw in orders.records(seed, rows)
    ]


class Serverless(Jobs):
    """Serverless jobs as a program outside makes them."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.sagemaker.create_model_package_group(ModelPackageGroupName="orders")

    def put_lines(self, key: str, records: Iterable[Any]) -> None:
        self.put(key, "".join(json.dumps(record) + "\n" for record in records))

    def order(
        self, name: str, records: Iterable[Any] | None = None, config: Mapping[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """A request for SFT with LoRA on a few orders, unless ``config`` and ``more`` say otherwise."""
        self.put_lines(f"{name}/train.jsonl", chats(1, 16) if records is None else records)
        asked = {
            "BaseModelArn": model_arn(QWEN),
            "JobType": "FineTuning",
            "CustomizationTechnique": "SFT",
            "Peft": "LORA",
            **(config or {}),
        }
        request = {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "InputDataConfig": [channel("train", f"{name}/train.jsonl")],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
            "ServerlessJobConfig": {member: value for member, value in asked.items() if value is not None},
            "ModelPackageConfig": {"ModelPackageGroupArn": GROUP},
            "HyperParameters": {"max_epochs": "1"},
            **more,
        }
        return {member: value for member, value in request.items() if value is not None}

    def submit(self, name: str, *args: Any, **more: Any) -> str:
        return str(self.sagemaker.create_training_job(**self.order(name, *args, **more))["TrainingJobArn"])

    def ended(self, name: str) -> dict[str, Any]:
        """Wait for the end, as long as a busy machine needs to train; return Describe's answer."""
        until(lambda: self.describe(name)["TrainingJobStatus"] in FINAL, f"{name} did not end")
        return self.describe(name)

    def failure(self, name: str) -> str:
        job = self.ended(name)
        assert job["TrainingJobStatus"] == "Failed"
        return str(job["FailureReason"])

    def bill(self) -> list[Any]:
        return [line for line in self.sandbox.world.billing.lines() if line.kind == "serverless_customization"]
