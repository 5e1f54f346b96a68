"""A company with a model that was judged: its evidence, its registry, and the tasks that use them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_finetune.evaluation.gate import verdict as verdict_of
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.store import weights_digest
from airflow_finetune.registry.request import version_of
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.values import DatasetReference, EvalReport, GateVerdict, ModelReference, TunedModel
from tests.evaluation.conftest import pairs, report_of
from tests.execution_api import TaskRun, in_dag
from tests.sandbox.hosting.account import ECHO, IMAGE, ROLE, packed, until

RUN = "manual__2026-11-20T00:00:00+00:00"
GROUP = "orders"
ADA = {"id": "7", "name": "Ada"}
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
MODELS = {
    f"s3://acme/models/{name}/model.tar.gz": packed({"code/inference.py": ECHO, "weights": name})
    for name in ("one", "two")
}
WEIGHTS = {
    uri: weights_digest([("model.tar.gz", len(body), hashlib.md5(body, usedforsecurity=False).hexdigest())])
    for uri, body in MODELS.items()
}
"""What evaluate notes of the files that lie there."""


def tuned(**changes: Any) -> TunedModel:
    """A model as fine_tune returns it."""
    fields: dict[str, Any] = {
        "backend": "spot_training",
        "job_name": "orders-fine-tune-6a731681a6848cf4-g0-a1",
        "job_arn": f"{ARN}:training-job/orders-fine-tune-6a731681a6848cf4-g0-a1",
        "model_uri": "s3://acme/models/one/model.tar.gz",
        "base_model": "s3://acme/base/",
        "dataset": DatasetReference(uri="s3://acme/train.jsonl", sha256="d" * 64, examples=400),
        "spec_digest": "fedcba9876543210",
        "cost_usd": 0.0123,
    }
    return TunedModel(**{**fields, **changes})


def judged(
    model: TunedModel, scores: Any = None, uri: str = "s3://acme/evaluations/k/page.html"
) -> tuple[EvalReport, GateVerdict]:
    """A report on a model and the gate's verdict; without scores one that passes."""
    made = report_of(exact_match=scores or pairs(4, 0, 66, 10))
    candidate = ModelReference(uri=model.model_uri, sha256=WEIGHTS.get(model.model_uri))
    report = made.model_copy(update={"candidate": candidate, "report_uri": uri})
    policy = GatePolicy.load({"metric": "exact_match"}, rendered=True, thing="policy")
    return report, verdict_of(report, policy)


@dataclass
class Registry:
    """What a test needs to register, approve, deploy and undeploy as a user would."""

    sandbox: Sandbox
    aws: Callable[..., Any]

    @property
    def sagemaker(self) -> Any:
        return self.aws("sagemaker")

    def register(self, run_id: str = RUN, model: TunedModel | None = None, **arguments: Any) -> TaskRun:
        from airflow_finetune import RegisterOperator

        model = model or tuned()
        report, verdict = judged(model)
        arguments = {
            "model": model.dump(),
            "report": report.dump(),
            "verdict": verdict.dump(),
            "group": GROUP,
            "image_uri": IMAGE,
            "instance_types": ("ml.m5.large",),
            "poll_seconds": 0.2,
            **arguments,
        }
        return TaskRun(in_dag(lambda: RegisterOperator(task_id="register", **arguments)), run_id=run_id)

    def registered(self, **arguments: Any) -> dict[str, Any]:
        """Register and return the dumped version."""
        run = self.register(**arguments)
        assert run.try_once() == "success", run.error
        return dict(run.result)

    def approve(self, version: Any, after: Callable[[Any], Any] | None = None, **arguments: Any) -> TaskRun:
        from airflow_finetune import ApproveModelOperator

        def make() -> Any:
            task = ApproveModelOperator(task_id="approve", version=version, **arguments)
            if after is not None:
                after(task)
            return task

        return TaskRun(in_dag(make, dag_id="approve_model"), run_id=RUN)

    def promote(
        self, version: Any, response: Any, after: Callable[[Any], Any] | None = None, **arguments: Any
    ) -> TaskRun:
        from airflow_finetune import PromoteOperator

        def make() -> Any:
            task = PromoteOperator(task_id="promote", version=version, response=response, **arguments)
            if after is not None:
                after(task)
            return task

        return TaskRun(in_dag(make, dag_id="approve_model"), run_id=RUN)

    def answered(self, version: Any, chosen: str = "Approve", **params: Any) -> Any:
        """Let Ada answer; returns the response."""
        run = self.approve(version)
        assert run.try_once() == "awaiting_input", run.error
        assert run.answer(chosen, ADA, **params) == "success", run.error
        return run.result

    def approved(
        self, model_uri: str = "s3://acme/models/one/model.tar.gz", status: str = "Approved"
    ) -> dict[str, Any]:
        """Make a version by plain boto3, as somebody else could; returns it dumped."""
        if not self.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]:
            self.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        containers = [{"Image": IMAGE, "ModelDataUrl": model_uri}]
        arn = self.sagemaker.create_model_package(
            ModelPackageGroupName=GROUP,
            InferenceSpecification={"Containers": containers},
            ModelApprovalStatus=status,
        )["ModelPackageArn"]
        return version_of(self.sagemaker.describe_model_package(ModelPackageName=arn)).dump()

    def deploy(self, version: Any, run_id: str = RUN, **arguments: Any) -> TaskRun:
        from airflow_finetune import DeployPromotedOperator

        arguments = {
            "endpoint_name": "orders-live",
            "role_arn": ROLE,
            "instance_type": "ml.m5.large",
            "poll_seconds": 0.2,
            **arguments,
        }
        task = in_dag(
            lambda: DeployPromotedOperator(task_id="deploy", version=version, **arguments), dag_id="deploy_model"
        )
        return TaskRun(task, run_id=run_id)

    def deployed(self, version: Any, **arguments: Any) -> dict[str, Any]:
        run = self.deploy(version, **arguments)
        assert run.try_once() == "success", run.error
        return dict(run.result)

    def undeploy(self, endpoint_name: str = "orders-live", **arguments: Any) -> TaskRun:
        from airflow_finetune import UndeployOperator

        arguments = {"endpoint_name": endpoint_name, "poll_seconds": 0.2, **arguments}
        task = in_dag(lambda: UndeployOperator(task_id="undeploy", **arguments), dag_id="undeploy_model")
        return TaskRun(task, run_id=RUN)

    def fault(self, kind: str, **rule: Any) -> None:
        self.sandbox.world.faults.add(Rule(kind, **rule))

    def calls(self, operation: str) -> list[Any]:
        return list(self.sandbox.world.calls.records(operation=operation))

    def versions(self, group: str = GROUP) -> list[dict[str, Any]]:
        """What AWS lists of a group; empty for a group that is not there."""
        groups = self.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
        if group not in [row["ModelPackageGroupName"] for row in groups]:
            return []
        return list(self.sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"])

    def versions_in_store(self) -> list[dict[str, Any]]:
        """What AWS holds, whether or not it answers."""
        return list(self.sandbox.world.store.list("model_package", "us-east-1"))

    def seen(self, version: dict[str, Any]) -> dict[str, Any]:
        """AWS's description of a version."""
        found = dict(self.sagemaker.describe_model_package(ModelPackageName=version["model_package_arn"]))
        del found["ResponseMetadata"]
        return found

    def left(self) -> dict[str, list[str]]:
        """Kind -> names of the endpoints, configurations and models that AWS knows."""
        store = self.sandbox.world.store
        found = {
            "endpoint": [row["EndpointName"] for row in store.list("endpoint", "us-east-1")],
            "endpoint_config": [row["EndpointConfigName"] for row in store.list("endpoint_config", "us-east-1")],
            "model": [row["ModelName"] for row in store.list("model", "us-east-1")],
        }
        return {kind: names for kind, names in found.items() if names}

    def billing(self) -> list[Any]:
        """Meters that run."""
        return [line for line in self.sandbox.world.billing.lines() if line.running]

    def ask(self, name: str = "orders-live") -> str:
        """Return which weights answer."""
        answer = self.aws("sagemaker-runtime").invoke_endpoint(
            EndpointName=name, Body=b"{}", ContentType="application/json"
        )
        return str(json.loads(answer["Body"].read())["model"])

    def wait_for(self, name: str, status: str) -> None:
        until(lambda: self.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == status)

    def tags(self, arn: str) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.sagemaker.list_tags(ResourceArn=arn)["Tags"]}


@pytest.fixture
def registry(sandbox: Sandbox, aws: Callable[..., Any], connected: None) -> Registry:
    s3 = aws("s3")
    s3.create_bucket(Bucket="acme")
    for uri, body in MODELS.items():
        s3.put_object(Bucket="acme", Key=uri.removeprefix("s3://acme/"), Body=body)
    clients = {service: aws(service) for service in ("sagemaker", "sagemaker-runtime", "s3")}
    sandbox.world.calls.clear()
    return Registry(sandbox, clients.__getitem__)


@pytest.fixture(params=[False, True], ids=["worker waits", "triggerer waits"])
def deferrable(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)
