"""Groups and versions as AWS keeps them: numbered once, made once per token, deployed only when approved."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.hosting.account import ECHO, IMAGE, ROLE, Account, packed, until
from tests.sandbox.hosting.test_requests import ARN, refused

INVALID = "ValidationException"


class Registry:
    """An account with a group and a model to register."""

    def __init__(self, account: Account) -> None:
        self.account, self.sagemaker = account, account.sagemaker
        self.uri = account.put("one/model.tar.gz", packed({"code/inference.py": ECHO, "weights": "first"}))
        self.sagemaker.create_model_package_group(ModelPackageGroupName="orders")

    def request(self, **changes: Any) -> dict[str, Any]:
        containers = [{"Image": IMAGE, "ModelDataUrl": self.uri, "Environment": {"A": "b"}}]
        return {"ModelPackageGroupName": "orders", "InferenceSpecification": {"Containers": containers}, **changes}

    def version(self, **changes: Any) -> str:
        return str(self.sagemaker.create_model_package(**self.request(**changes))["ModelPackageArn"])

    def seen(self, arn: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_model_package(ModelPackageName=arn))

    def model_of(self, arn: str, name: str = "m", **container: Any) -> dict[str, Any]:
        container = {"ModelPackageName": arn, **container}
        return {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": ROLE}


@pytest.fixture
def registry(account: Account) -> Registry:
    return Registry(account)


def test_a_group_is_kept_listed_and_deleted_when_it_is_empty(registry: Registry) -> None:
    sagemaker = registry.sagemaker
    made = sagemaker.create_model_package_group(
        ModelPackageGroupName="zoo", ModelPackageGroupDescription="d", Tags=[{"Key": "team", "Value": "a"}]
    )["ModelPackageGroupArn"]
    assert made == f"{ARN}:model-package-group/zoo"
    seen = sagemaker.describe_model_package_group(ModelPackageGroupName="zoo")
    assert (seen["ModelPackageGroupStatus"], seen["ModelPackageGroupDescription"]) == ("Completed", "d")
    assert sagemaker.describe_model_package_group(ModelPackageGroupName=made)["ModelPackageGroupArn"] == made
    assert sagemaker.list_tags(ResourceArn=made)["Tags"] == [{"Key": "team", "Value": "a"}]
    rows = sagemaker.list_model_package_groups(SortBy="Name")["ModelPackageGroupSummaryList"]
    assert [row["ModelPackageGroupName"] for row in rows] == ["orders", "zoo"]
    assert refused(sagemaker.create_model_package_group, ModelPackageGroupName="zoo") == (
        INVALID,
        f"Model Package Group already exists: {made}",
    )
    version = registry.version(ModelPackageGroupName="zoo")
    assert refused(sagemaker.delete_model_package_group, ModelPackageGroupName="zoo")[0] == "ConflictException"
    sagemaker.delete_model_package(ModelPackageName=version)
    sagemaker.delete_model_package_group(ModelPackageGroupName="zoo")
    for call in (sagemaker.describe_model_package_group, sagemaker.delete_model_package_group):
        assert refused(call, ModelPackageGroupName="zoo") == (INVALID, f"ModelPackageGroup {made} does not exist.")


def test_versions_are_numbered_and_a_number_is_never_given_twice(registry: Registry) -> None:
    first, second = registry.version(), registry.version(ModelPackageDescription="the second")
    assert (first, second) == (f"{ARN}:model-package/orders/1", f"{ARN}:model-package/orders/2")
    registry.sagemaker.delete_model_package(ModelPackageName=second)
    assert registry.version() == f"{ARN}:model-package/orders/3"
    gone = refused(registry.sagemaker.describe_model_package, ModelPackageName=second)
    assert gone == (INVALID, f"ModelPackage {second} does not exist.")


def test_a_version_is_shown_as_it_was_made_and_waits_for_a_person(registry: Registry) -> None:
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://models/report.json"}}}
    arn = registry.version(CustomerMetadataProperties={"a": "b"}, ModelMetrics=metrics, ClientToken="t")
    seen = registry.seen(arn)
    assert seen["ModelApprovalStatus"] == "PendingManualApproval"
    assert (seen["ModelPackageGroupName"], seen["ModelPackageVersion"]) == ("orders", 1)
    assert (seen["CustomerMetadataProperties"], seen["ModelMetrics"]) == ({"a": "b"}, metrics)
    assert seen["InferenceSpecification"] == registry.request()["InferenceSpecification"]
    assert "ClientToken" not in seen


def test_the_same_token_makes_one_version_and_another_request_under_it_is_refused(registry: Registry) -> None:
    first = registry.version(ClientToken="token-1")
    assert registry.version(ClientToken="token-1") == first
    assert registry.version(ClientToken="token-2") == f"{ARN}:model-package/orders/2"
    changed = registry.request(ClientToken="token-1", ModelPackageDescription="another")
    assert refused(registry.sagemaker.create_model_package, **changed)[0] == "ConflictException"


def test_a_lost_answer_and_the_sdks_own_retry_make_one_version(registry: Registry, aws: Callable[..., Any]) -> None:
    from botocore.config import Config

    from airflow_finetune.sandbox.edge.faults import Rule

    registry.account.sandbox.world.faults.add(Rule("lost_answer", operation="CreateModelPackage", count=1))
    client = aws("sagemaker", config=Config(retries={"mode": "standard", "total_max_attempts": 3}))
    assert client.create_model_package(**registry.request())["ModelPackageArn"].endswith("orders/1")
    rows = registry.sagemaker.list_model_packages(ModelPackageGroupName="orders")["ModelPackageSummaryList"]
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ModelPackageName": "x"}, "Both ModelPackageName and ModelPackageGroupName are provided"),
        ({"ModelPackageGroupName": None}, "Missing ARN."),
        ({"ModelPackageGroupName": "none"}, f"ModelPackageGroup {ARN}:model-package-group/none does not exist."),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "Tags are not supported in Model Package versions."),
        ({"CustomerMetadataProperties": {str(n): "x" for n in range(51)}}, "less than or equal to 50"),
        ({"CustomerMetadataProperties": {"a": "x" * 257}}, "256"),
        ({"ClientToken": "t" * 37}, "36"),
        ({"ModelPackageGroupName": "a_b"}, "regular expression pattern"),
        ({"ModelApprovalStatus": "Yes"}, "enum value set: [Approved, Rejected, PendingManualApproval]"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_aws_refuses_is_refused_in_its_words(registry: Registry, changes: dict[str, Any], said: str) -> None:
    request = {name: value for name, value in registry.request(**changes).items() if value is not None}
    code, text = refused(registry.sagemaker.create_model_package, **request)
    assert code == INVALID
    assert said in text
    assert registry.sagemaker.list_model_packages(ModelPackageType="Both")["ModelPackageSummaryList"] == []


def test_weights_that_are_not_there_are_refused(registry: Registry) -> None:
    registry.uri = "s3://models/none/model.tar.gz"
    code, text = refused(registry.sagemaker.create_model_package, **registry.request())
    assert (code, "Could not find model data at s3://models/none/model.tar.gz" in text) == (INVALID, True)


def test_what_the_sandbox_does_not_have_is_said_at_once(registry: Registry) -> None:
    code, text = refused(registry.sagemaker.create_model_package, **registry.request(CertifyForMarketplace=True))
    assert (code, "CertifyForMarketplace" in text) == ("NotImplemented", True)


def test_a_decision_and_metadata_are_changed_without_losing_the_rest(registry: Registry) -> None:
    arn = registry.version(CustomerMetadataProperties={"a": "1", "b": "2"})
    registry.sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="by Ada",
        CustomerMetadataProperties={"b": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    seen = registry.seen(arn)
    assert (seen["ModelApprovalStatus"], seen["ApprovalDescription"]) == ("Approved", "by Ada")
    assert seen["CustomerMetadataProperties"] == {"b": "3"}
    assert seen["LastModifiedTime"] >= seen["CreationTime"]
    registry.sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"c": "4"})
    assert registry.seen(arn)["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
    assert registry.seen(arn)["ModelApprovalStatus"] == "Approved"


def test_versions_are_listed_by_group_status_and_page(registry: Registry) -> None:
    sagemaker = registry.sagemaker
    sagemaker.create_model_package_group(ModelPackageGroupName="others")
    made = [registry.version(ModelPackageDescription=f"n{number}") for number in range(11)]
    registry.version(ModelPackageGroupName="others")
    sagemaker.update_model_package(ModelPackageArn=made[4], ModelApprovalStatus="Rejected")
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName="orders", PaginationConfig={"PageSize": 4}
    )
    rows = [row for page in pages for row in page["ModelPackageSummaryList"]]
    assert [row["ModelPackageArn"] for row in rows] == made
    assert rows[10]["ModelPackageDescription"] == "n10"
    assert "ModelPackageName" not in rows[0], "as on AWS: a version has no name of its own"
    rejected = sagemaker.list_model_packages(ModelPackageGroupName="orders", ModelApprovalStatus="Rejected")
    assert [row["ModelPackageVersion"] for row in rejected["ModelPackageSummaryList"]] == [5]
    assert sagemaker.list_model_packages()["ModelPackageSummaryList"] == [], "versions are not listed unless asked for"


def test_a_package_without_versions_is_kept_by_its_name(registry: Registry) -> None:
    containers = [{"Image": IMAGE, "ModelDataUrl": registry.uri}]
    request = {"ModelPackageName": "alone", "InferenceSpecification": {"Containers": containers}}
    arn = registry.sagemaker.create_model_package(**request)["ModelPackageArn"]
    assert arn == f"{ARN}:model-package/alone"
    assert refused(registry.sagemaker.create_model_package, **request)[1].startswith("Model package already exists")
    assert registry.seen("alone")["ModelPackageName"] == "alone"
    registry.sagemaker.create_model(**registry.model_of(arn))


def test_tags_belong_to_groups_and_not_to_versions(registry: Registry) -> None:
    sagemaker, tag = registry.sagemaker, [{"Key": "a", "Value": "b"}]
    group = f"{ARN}:model-package-group/orders"
    sagemaker.add_tags(ResourceArn=group, Tags=tag)
    assert sagemaker.list_tags(ResourceArn=group)["Tags"] == tag
    assert refused(sagemaker.add_tags, ResourceArn=registry.version(), Tags=tag)[1].startswith("Tags are not supported")


@pytest.mark.parametrize("status", ["PendingManualApproval", "Rejected"])
def test_a_model_is_not_made_from_a_version_that_is_not_approved(registry: Registry, status: str) -> None:
    arn = registry.version(ModelApprovalStatus=status)
    code, text = refused(registry.sagemaker.create_model, **registry.model_of(arn))
    assert (code, arn in text, status in text) == (INVALID, True, True)
    assert registry.sagemaker.list_models()["Models"] == []


def test_an_approved_version_is_served_with_its_image_data_and_environment(registry: Registry) -> None:
    arn = registry.version(ModelApprovalStatus="Approved")
    registry.sagemaker.create_model(**registry.model_of(arn))
    shown = registry.sagemaker.describe_model(ModelName="m")
    assert shown["PrimaryContainer"] == {"ModelPackageName": arn}
    registry.sagemaker.delete_model_package(ModelPackageName=arn)  # what was made from it stays
    registry.account.config("c")
    registry.account.endpoint("e", "c")
    assert registry.account.invoke({"x": 1})["model"] == "first"


def test_a_model_from_the_registry_says_nothing_else_about_what_runs(registry: Registry) -> None:
    arn = registry.version(ModelApprovalStatus="Approved")
    text = refused(registry.sagemaker.create_model, **registry.model_of(arn, Image=IMAGE))[1]
    assert text.startswith("Image cannot be given with ModelPackageName")
    missing = refused(registry.sagemaker.create_model, **registry.model_of(f"{ARN}:model-package/orders/9"))[1]
    assert missing == f"ModelPackage {ARN}:model-package/orders/9 does not exist."


def test_a_decision_is_told_to_eventbridge(registry: Registry, aws: Callable[..., Any]) -> None:
    sqs, events = aws("sqs"), aws("events")
    queue = sqs.create_queue(QueueName="decisions")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]}
    events.put_rule(Name="decisions", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="decisions", Targets=[{"Id": "queue", "Arn": queue_arn}])
    arn = registry.version()
    registry.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    told: list[dict[str, Any]] = []

    def heard() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            told.append(json.loads(message["Body"])["detail"])
        return len(told) >= 2

    until(heard)
    assert [event["ModelApprovalStatus"] for event in told] == ["PendingManualApproval", "Approved"]
    assert {event["ModelPackageArn"] for event in told} == {arn}
