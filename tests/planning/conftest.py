"""A company on the embedded AWS, ready to be planned for: role, bucket, data and an Airflow connection."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_finetune.backends import Needs, backend_of, loaded_spec
from airflow_finetune.backends.spot_training import SPOT_TRAINING
from airflow_finetune.errors import SpecError
from airflow_finetune.planning.limits import Limits
from airflow_finetune.planning.preflight import made_plan
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.values import Plan
from tests.execution_api import TaskRun, in_dag

ROLE = "arn:aws:iam::123456789012:role/trainer"


@dataclass
class Company:
    """What a test needs to plan as a user would."""

    sandbox: Sandbox
    aws: Callable[..., Any]
    client: Callable[[str], Any]

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

    def plan(self, spec: dict[str, Any] | None = None, **limits: Any) -> Plan:
        """Plan without Airflow, as the operator does after rendering."""
        fields = spec or self.spec()
        loaded = loaded_spec(fields, None, rendered=True, thing="plan")
        wanted = Limits.load({"max_usd": 50, **limits}, rendered=True, thing="plan")
        now = datetime(2026, 11, 20, tzinfo=UTC)
        return made_plan(backend_of(fields, "plan"), loaded, wanted, "us-east-1", self.client, now)

    def plan_of(self, needs: Needs, **limits: Any) -> Plan:
        """Plan a job of a backend that has these needs."""
        backend = replace(SPOT_TRAINING, name="by_quantity", needs=lambda spec, region, client: needs)
        wanted = Limits.load({"max_usd": 1000, **limits}, rendered=True, thing="plan")
        loaded = loaded_spec(self.spec(), None, rendered=True, thing="plan")
        return made_plan(backend, loaded, wanted, "us-east-1", self.client, datetime(2026, 11, 20, tzinfo=UTC))

    def refusal_of(self, needs: Needs, **limits: Any) -> str:
        with pytest.raises(SpecError) as refused:
            self.plan_of(needs, **limits)
        return str(refused.value)

    def refusal(self, spec: dict[str, Any] | None = None, **limits: Any) -> str:
        with pytest.raises(SpecError) as refused:
            self.plan(spec, **limits)
        return str(refused.value)

    def quota(self, usage: Any, limit: int, instance_type: str = "ml.g5.2xlarge") -> None:
        self.sandbox.world.quotas.set("us-east-1", usage, instance_type, limit)

    def denied(self, operation: str) -> None:
        self.sandbox.world.faults.add(Rule("access_denied", operation=operation))


@pytest.fixture(scope="session")
def client(_running_sandbox: Sandbox) -> Iterator[Callable[[str], Any]]:
    """boto3 clients that live as long as the sandbox: making one takes longer than a plan."""
    import boto3
    from botocore.config import Config

    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(
                service,
                endpoint_url=_running_sandbox.url,
                region_name="us-east-1",
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                aws_secret_access_key="example",
                config=Config(retries={"total_max_attempts": 1}),
            )
        return made[service]

    yield client
    for each in made.values():
        each.close()


@pytest.fixture
def company(
    sandbox: Sandbox, aws: Callable[..., Any], client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Company:
    s3 = client("s3")
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key="train.jsonl", Body=b'{"messages": []}\n')
    s3.put_object(Bucket="acme", Key="base/config.json", Body=b"{}")
    client("iam").create_role(RoleName="trainer", AssumeRolePolicyDocument="{}")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    extra = {"endpoint_url": sandbox.url, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "AKIAIOSFODNN7EXAMPLE", "password": "example", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    sandbox.world.calls.clear()
    return Company(sandbox, aws, client)
