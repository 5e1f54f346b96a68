"""A company on the embedded AWS, ready to be planned for: role, bucket, data and an Airflow connection."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))  # before anything imports Airflow

from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from tests.execution_api import TaskRun, in_dag

ROLE = "arn:aws:iam::123456789012:role/trainer"


@dataclass
class Company:
    """What a test needs to plan as a user would."""

    sandbox: Sandbox
    aws: Callable[..., Any]

    def spec(self, **changes: Any) -> dict[str, Any]:
        fields = {
            "backend": "spot_training",
            "role_arn": ROLE,
            "output_uri": "s3://acme/models",
            "base_model": "s3://acme/base/",
            "dataset": "s3://acme/train.jsonl",
            "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1",
            "max_runtime_seconds": 3600,
            "max_wait_seconds": 7200,
        }
        return {key: value for key, value in {**fields, **changes}.items() if value is not ...}

    def task(self, spec: dict[str, Any] | None = None, **arguments: Any) -> TaskRun:
        from airflow_finetune import PlanOperator

        arguments = {"spec": spec or self.spec(), "max_usd": 50, **arguments}
        return TaskRun(in_dag(lambda: PlanOperator(task_id="plan", **arguments)))

    def refusal(self, spec: dict[str, Any] | None = None, **arguments: Any) -> str:
        task = self.task(spec, **arguments)
        assert task.try_once() == "failed", task.state
        return str(task.error)

    def quota(self, usage: Any, limit: int, instance_type: str = "ml.g5.2xlarge") -> None:
        self.sandbox.world.quotas.set("us-east-1", usage, instance_type, limit)

    def denied(self, operation: str) -> None:
        self.sandbox.world.faults.add(Rule("access_denied", operation=operation))


@pytest.fixture
def company(sandbox: Sandbox, aws: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Company:
    s3 = aws("s3")
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key="train.jsonl", Body=b'{"messages": []}\n')
    s3.put_object(Bucket="acme", Key="base/config.json", Body=b"{}")
    aws("iam").create_role(RoleName="trainer", AssumeRolePolicyDocument="{}")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    extra = {"endpoint_url": sandbox.url, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "AKIAIOSFODNN7EXAMPLE", "password": "example", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    sandbox.world.calls.clear()
    return Company(sandbox, aws)
