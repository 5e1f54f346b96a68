"""A company that serves models on the embedded AWS: bucket, a model of a few lines, an Airflow connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from tests.execution_api import TaskRun, in_dag
from tests.sandbox.hosting.account import ECHO, IMAGE, ROLE, packed, until

RUN = "manual__2026-11-20T00:00:00+00:00"
KINDS = ("endpoint", "endpoint_config", "model")


@dataclass
class Hosts:
    """What a test needs to deploy and tear down as a user would; every task is of one DAG run unless told otherwise."""

    sandbox: Sandbox
    aws: Callable[..., Any]

    def spec(self, **changes: Any) -> dict[str, Any]:
        fields = {
            "model": "s3://acme/models/one/model.tar.gz",
            "image_uri": IMAGE,
            "role_arn": ROLE,
            "instance_type": "ml.m5.large",
        }
        return {**fields, **changes}

    def open(self, run_id: str = RUN, **arguments: Any) -> dict[str, Any]:
        """Open the scope of a run."""
        from airflow_finetune.operators import OpenScopeOperator

        run = TaskRun(in_dag(lambda: OpenScopeOperator(task_id="open_scope", **arguments)), run_id=run_id)
        assert run.try_once() == "success", run.error
        return dict(run.result)

    def deploy(
        self, scope: dict[str, Any], spec: dict[str, Any] | None = None, run_id: str = RUN, **arguments: Any
    ) -> TaskRun:
        from airflow_finetune.operators import DeployModelOperator

        arguments = {"arm": "candidate", "poll_seconds": 0.2, "scope": scope, "spec": spec or self.spec(), **arguments}
        return TaskRun(in_dag(lambda: DeployModelOperator(task_id="deploy", **arguments)), run_id=run_id)

    def deployed(self, **arguments: Any) -> dict[str, Any]:
        """Deploy and return the scope."""
        lease = arguments.pop("lease", timedelta(hours=6))
        scope = self.open(run_id=arguments.get("run_id", RUN), lease=lease)
        run = self.deploy(scope, **arguments)
        assert run.try_once() == "success", run.error
        return scope

    def teardown(self, run_id: str = RUN, **arguments: Any) -> TaskRun:
        from airflow_finetune.operators import TeardownOperator

        arguments = {"poll_seconds": 0.2, **arguments}
        return TaskRun(in_dag(lambda: TeardownOperator(task_id="teardown", **arguments)), run_id=run_id)

    def cleanup(self, **arguments: Any) -> TaskRun:
        from airflow_finetune.operators import CleanupExpiredOperator

        arguments = {"poll_seconds": 0.2, **arguments}
        task = in_dag(lambda: CleanupExpiredOperator(task_id="cleanup_expired", **arguments), dag_id="cleanup")
        return TaskRun(task, run_id="scheduled__1")

    def fault(self, kind: str, **rule: Any) -> None:
        self.sandbox.world.faults.add(Rule(kind, **rule))

    def calls(self, operation: str) -> list[Any]:
        return self.sandbox.world.calls.records(operation=operation)

    def left(self) -> dict[str, list[str]]:
        """Kind -> names of everything that AWS still knows."""
        store = self.sandbox.world.store
        found = {
            "endpoint": [row["EndpointName"] for row in self.aws("sagemaker").list_endpoints()["Endpoints"]],
            "endpoint_config": [row["EndpointConfigName"] for row in store.list("endpoint_config", "us-east-1")],
            "model": [row["ModelName"] for row in store.list("model", "us-east-1")],
        }
        return {kind: names for kind, names in found.items() if names}

    def billing(self) -> list[Any]:
        """Meters that run."""
        return [line for line in self.sandbox.world.billing.lines() if line.running]

    def retag(self, name: str, **tags: str | None) -> None:
        """Change our tags of an endpoint, its configuration and its model; None removes one."""
        sagemaker = self.aws("sagemaker")
        for part in ("endpoint", "endpoint-config", "model"):
            arn = f"arn:aws:sagemaker:us-east-1:123456789012:{part}/{name}"
            for word, value in tags.items():
                key = f"airflow-finetune:{word.replace('_', '-')}"
                if value is None:
                    sagemaker.delete_tags(ResourceArn=arn, TagKeys=[key])
                else:
                    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": key, "Value": value}])

    def status(self, name: str) -> str:
        return str(self.aws("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"])

    def wait_for(self, name: str, status: str) -> None:
        until(lambda: self.status(name) == status)


@pytest.fixture
def hosts(sandbox: Sandbox, aws: Callable[..., Any], connected: None) -> Hosts:
    s3 = aws("s3")
    s3.create_bucket(Bucket="acme")
    body = packed({"code/inference.py": ECHO, "weights": "first"})
    s3.put_object(Bucket="acme", Key="models/one/model.tar.gz", Body=body)
    s3.put_object(Bucket="acme", Key="models/two/model.tar.gz", Body=body)
    clients = {service: aws(service) for service in ("sagemaker", "s3")}
    sandbox.world.calls.clear()
    return Hosts(sandbox, clients.__getitem__)


@pytest.fixture(params=[False, True], ids=["worker waits", "triggerer waits"])
def deferrable(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)
