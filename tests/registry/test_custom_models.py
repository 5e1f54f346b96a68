"""A custom model of Bedrock in the same registry: the same evidence, the same person, and a model that stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_finetune.registry.approval.page import page
from airflow_finetune.registry.evidence import Evidence
from airflow_finetune.values import ModelVersion, PromotedEndpoint, TunedModel
from tests.execution_api import TaskRun
from tests.registry.conftest import GROUP, Registry, judged, tuned
from tests.sandbox.bedrock.account import MICRO, TITAN, Account
from tests.sandbox.hosting.test_requests import ARN

PREFIX = "airflow-finetune:"


@dataclass
class Company:
    """A registry, and a custom model that passed the gate."""

    registry: Registry
    account: Account
    arn: str

    @property
    def model(self) -> TunedModel:
        job = self.arn.replace("custom-model/", "model-customization-job/")
        changes = {"backend": "bedrock", "base_model": MICRO, "job_arn": job, "job_name": "orders-fine-tune-g0-a1"}
        return tuned(**changes, model_uri=self.arn, model_arn=self.arn, monthly_usd=1.95, billed_tokens=12000)

    def run(self, run_id: str = "manual__one", **arguments: Any) -> TaskRun:
        return self.registry.register(run_id, self.model, **{"image_uri": None, **arguments})

    def registered(self, **arguments: Any) -> dict[str, Any]:
        run = self.run(**arguments)
        assert run.try_once() == "success", run.error
        return dict(run.result)

    def tags(self) -> dict[str, str]:
        found = self.account.bedrock.list_tags_for_resource(resourceARN=self.arn)["tags"]
        return {tag["key"]: tag["value"] for tag in found}


@pytest.fixture
def company(registry: Registry, sandbox: Any, aws: Callable[..., Any]) -> Company:
    account = Account(sandbox, aws)
    arn = account.model("tuned")
    owned = [{"key": f"{PREFIX}lifecycle", "value": "job"}, {"key": "team", "value": "a"}]
    account.bedrock.tag_resource(resourceARN=arn, tags=owned)
    sandbox.world.calls.clear()
    return Company(registry, account, arn)


def test_a_custom_model_becomes_a_version_without_a_container_and_stays(company: Company, deferrable: bool) -> None:
    version = ModelVersion.load(company.registered(deferrable=deferrable))
    assert (version.model_package_arn, version.approval_status) == (
        f"{ARN}:model-package/{GROUP}/1",
        "PendingManualApproval",
    )
    assert (version.model_uri, version.image_uri, version.backend) == (company.arn, "", "bedrock")
    assert (version.base_model, version.verdict_decision) == (MICRO, "pass")
    seen = company.registry.seen(version.dump())
    assert seen["SourceUri"] == company.arn
    assert "InferenceSpecification" not in seen
    assert seen["CustomerMetadataProperties"][f"{PREFIX}lifecycle"] == "promoted"
    bucket, key = seen["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].removeprefix("s3://").split("/", 1)
    body = company.registry.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert Evidence.read(body) == Evidence(company.model, *judged(company.model))
    assert company.tags() == {
        "team": "a",
        f"{PREFIX}lifecycle": "promoted",
        f"{PREFIX}expires-at": "never",
        f"{PREFIX}model-package": version.model_package_arn,
    }


def test_a_retry_and_a_clear_register_and_mark_once(company: Company) -> None:
    run = company.run()
    assert run.try_once() == "success", run.error
    first = run.result
    run.clear()
    assert run.try_once() == "success"
    assert run.result == first
    assert len(company.registry.versions()) == 1
    assert len(company.registry.calls("TagResource")) == 1


def test_a_try_that_died_between_version_and_mark_is_followed_by_one_that_marks(company: Company) -> None:
    company.registry.fault("access_denied", operation="TagResource", count=1)
    run = company.run()
    assert run.try_once() == "failed"
    assert "permission" in str(run.error)
    assert company.tags()[f"{PREFIX}lifecycle"] == "job"
    run.clear()
    assert run.try_once() == "success", run.error
    assert company.tags()[f"{PREFIX}lifecycle"] == "promoted"
    assert len(company.registry.versions()) == 1


def test_a_model_that_is_gone_is_refused_before_anything_is_made(company: Company) -> None:
    company.account.bedrock.delete_custom_model(modelIdentifier=company.arn)
    run = company.run()
    assert run.try_once() == "failed"
    assert f"custom model {company.arn}: Bedrock does not know it" in str(run.error)
    assert "Clear fine_tune" in str(run.error)
    assert not company.registry.calls("CreateModelPackageGroup")


def test_a_report_on_another_custom_model_is_refused(company: Company) -> None:
    report, verdict = judged(company.model.model_copy(update={"model_uri": f"{company.arn[:-1]}x"}))
    run = company.run(report=report.dump(), verdict=verdict.dump())
    assert run.try_once() == "failed"
    assert "Give the report of this model" in str(run.error)


def test_an_image_says_nothing_of_a_model_that_bedrock_serves_and_is_needed_for_one_in_s3(company: Company) -> None:
    version = company.registered(image_uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1")
    assert version["image_uri"] == ""
    run = company.registry.register(image_uri=None)
    assert run.try_once() == "failed"
    assert "register: image_uri: is missing" in str(run.error)
    assert len(company.registry.versions()) == 1


def test_the_approver_sees_who_serves_it_and_what_keeping_it_costs(company: Company) -> None:
    version = ModelVersion.load(company.registered())
    told = page(version, Evidence(company.model, *judged(company.model)), "us-east-1")
    assert f"| weights | `{company.arn}` |" in told
    assert "| served by | Amazon Bedrock, which needs no image |" in told
    assert "| kept for | $1.95 a month, until it is deleted |" in told
    other = version.model_copy(update={"model_uri": "s3://acme/models/one/", "image_uri": "serve:1"})
    assert "| image | `serve:1` |" in page(other, None, "us-east-1"), "the control"


def test_a_person_approves_it_like_any_other_version(company: Company) -> None:
    version = company.registered()
    promoted = company.registry.promote(version, company.registry.answered(version))
    assert promoted.try_once() == "success", promoted.error
    assert promoted.result["approval_status"] == "Approved"
    assert promoted.result["model_uri"] == company.arn


def approved(company: Company, **arguments: Any) -> dict[str, Any]:
    version = company.registered(**arguments)
    company.registry.sagemaker.update_model_package(
        ModelPackageArn=version["model_package_arn"], ModelApprovalStatus="Approved"
    )
    return version


def test_an_approved_one_answers_on_demand_until_it_is_undeployed(company: Company, deferrable: bool) -> None:
    version = approved(company)
    run = company.registry.deploy(version, role_arn=None, deferrable=deferrable)
    assert run.try_once() == "success", run.error
    made = PromotedEndpoint.load(run.result)
    assert (made.service, made.hourly_usd, made.model.uri) == ("bedrock", 0.0, company.arn)
    assert company.account.ask(made.endpoint_name, "hello", maxTokens=2) is not None
    tags = company.account.bedrock.list_tags_for_resource(resourceARN=made.endpoint_arn)["tags"]
    told = {tag["key"]: tag["value"] for tag in tags}
    assert (told[f"{PREFIX}lifecycle"], told[f"{PREFIX}expires-at"]) == ("promoted", "never")
    assert told[f"{PREFIX}model-package"] == version["model_package_arn"]
    assert company.registry.left() == {}, "nothing of SageMaker's was made"
    ended = company.registry.undeploy(deferrable=deferrable)
    assert ended.try_once() == "success", ended.error
    kinds = [row["kind"] for row in ended.result["deleted"]]
    assert kinds == ["custom model deployment"]
    assert company.account.bedrock.list_custom_model_deployments()["modelDeploymentSummaries"] == []
    again = company.registry.undeploy()
    assert again.try_once() == "success", again.error
    assert again.result["deleted"] == []
    assert company.registry.deployed(version, role_arn=None)["endpoint_arn"] != made.endpoint_arn, "a new one"


def test_a_later_version_takes_over_at_the_same_address(company: Company) -> None:
    first = company.registry.deployed(approved(company), role_arn=None)
    later = Company(company.registry, company.account, company.account.model("later"))
    version = approved(later, run_id="manual__two")
    assert version["model_version"] == 2
    second = company.registry.deployed(version, role_arn=None)
    assert (second["endpoint_name"], second["model"]["uri"]) == (first["endpoint_name"], later.arn)
    assert len(company.registry.calls("CreateCustomModelDeployment")) == 1
    tags = company.account.bedrock.list_tags_for_resource(resourceARN=second["endpoint_arn"])["tags"]
    assert {"key": f"{PREFIX}model-package", "value": version["model_package_arn"]} in tags


def test_a_lost_answer_makes_no_second_deployment(company: Company) -> None:
    version = approved(company)
    company.registry.fault("lost_answer", operation="CreateCustomModelDeployment", count=1)
    config = {"retries": {"total_max_attempts": 1}}
    assert company.registry.deployed(version, role_arn=None, botocore_config=config)["service"] == "bedrock"
    assert len(company.account.bedrock.list_custom_model_deployments()["modelDeploymentSummaries"]) == 1


def test_a_deployment_of_somebody_else_is_neither_replaced_nor_ended(company: Company) -> None:
    theirs = company.account.deployed("orders-live", company.arn)
    run = company.registry.deploy(approved(company), role_arn=None)
    assert run.try_once() == "failed"
    assert "is no promoted one of this Airflow" in str(run.error)
    ended = company.registry.undeploy()
    assert ended.try_once() == "failed"
    assert company.account.deployment("orders-live")["customModelDeploymentArn"] == theirs


def test_a_base_that_cannot_be_deployed_on_demand_is_refused_in_awss_words(company: Company) -> None:
    titan = Company(company.registry, company.account, company.account.model("titan", base=TITAN))
    run = company.registry.deploy(approved(titan), role_arn=None)
    assert run.try_once() == "failed"
    assert "cannot be deployed on demand" in str(run.error)


def test_what_nobody_has_approved_and_an_endpoint_without_a_role_are_refused(company: Company) -> None:
    run = company.registry.deploy(company.registered(), role_arn=None)
    assert run.try_once() == "failed"
    assert "PendingManualApproval" in str(run.error)
    assert not company.registry.calls("CreateCustomModelDeployment")
    other = company.registry.deploy(company.registry.approved(), role_arn=None)
    assert other.try_once() == "failed"
    assert "deploy: role_arn: is missing" in str(other.error)
    assert company.registry.left() == {}


def test_a_name_at_which_an_endpoint_serves_is_refused(company: Company) -> None:
    company.registry.deployed(company.registry.approved())
    run = company.registry.deploy(approved(company), role_arn=None)
    assert run.try_once() == "failed"
    assert "endpoint orders-live: serves under this name already" in str(run.error)
    assert not company.registry.calls("CreateCustomModelDeployment")
    assert company.registry.undeploy().try_once() == "success"


def test_somebody_elses_version_of_a_custom_model_is_read_from_its_source(company: Company) -> None:
    sagemaker = company.registry.sagemaker
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    arn = sagemaker.create_model_package(ModelPackageGroupName=GROUP, SourceUri=company.arn)["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert company.registry.deployed(arn, role_arn=None)["model"]["uri"] == company.arn
