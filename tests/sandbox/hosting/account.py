"""Makes models, configurations and endpoints for tests, and waits for what becomes of them."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.sandbox.server import Sandbox

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-inference:2.6"
ROLE = "arn:aws:iam::123456789012:role/hosting"

ECHO = """
def model_fn(model_dir):
    return open(model_dir + "/weights").read()

def predict_fn(data, model):
    return {"data": data, "model": model}
"""


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """Make a .tar.gz of texts."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as tar:
        for name, content in files.items():
            body = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return memory.getvalue()


class Account:
    """What a test does as a user of AWS."""

    def __init__(self, sandbox: Sandbox, aws: Callable[..., Any]) -> None:
        self.sandbox, self.aws = sandbox, aws
        self.s3, self.sagemaker, self.runtime, self.logs = map(aws, ("s3", "sagemaker", "sagemaker-runtime", "logs"))
        self.s3.create_bucket(Bucket="models")

    def put(self, key: str, body: bytes | str) -> str:
        self.s3.put_object(Bucket="models", Key=key, Body=body)
        return f"s3://models/{key}"

    def model(self, name: str = "m", script: str = ECHO, weights: str = "first", **container: Any) -> str:
        """Make a model with an inference.py; returns its name."""
        uri = self.put(f"{name}/model.tar.gz", packed({"code/inference.py": script, "weights": weights}))
        primary = {"Image": IMAGE, "ModelDataUrl": uri, **container}
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=primary, ExecutionRoleArn=ROLE)
        return name

    def config(self, name: str, *variants: Mapping[str, Any], model: str = "m") -> str:
        """Make a configuration; without variants, one AllTraffic of a model."""
        default = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        wanted = variants or ({"VariantName": "AllTraffic", "ModelName": model},)
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**default, **each} for each in wanted]
        )
        return name

    def endpoint(self, name: str = "e", config: str | None = None, expect: str = "InService") -> dict[str, Any]:
        """Make an endpoint, wait for what becomes of it, and give its description."""
        config = config or self.config(f"{name}-config")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return self.wait(name, expect)

    def wait(self, name: str, expect: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until an endpoint is not on its way any more; fail if it is not in the expected status then."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            seen = self.sagemaker.describe_endpoint(EndpointName=name)
            if seen["EndpointStatus"] not in ("Creating", "Updating") or seen["EndpointStatus"] == expect:
                assert seen["EndpointStatus"] == expect, (seen, self.log(name))
                return dict(seen)
            time.sleep(0.02)
        return pytest.fail(f"{seen['EndpointStatus']} after {seconds} s: {self.log(name)}")

    def wait_gone(self, name: str, seconds: float = 60.0) -> None:
        """Wait until an endpoint is deleted."""
        until(lambda: name not in self.names(), seconds)

    def names(self) -> list[str]:
        return [each["EndpointName"] for each in self.sagemaker.list_endpoints()["Endpoints"]]

    def invoke(self, body: Any, name: str = "e", **options: Any) -> Any:
        """Invoke with JSON and give the decoded answer."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=name, Body=json.dumps(body), ContentType="application/json", **options
        )
        return json.loads(answer["Body"].read())

    def log(self, name: str = "e") -> list[str]:
        try:
            events = self.logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events]


def processes_of(marker: str) -> list[int]:
    """Give the processes of this machine whose environment has MARKER=marker."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"MARKER={marker}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for a condition, with a generous limit."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"still not true after {seconds} s")
        time.sleep(0.02)
