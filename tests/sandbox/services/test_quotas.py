"""Service Quotas through boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_finetune.sandbox.server import Sandbox

Aws = Callable[..., Any]


@pytest.fixture
def quotas(aws: Aws) -> Any:
    return aws("service-quotas")


def named(quotas: Any, name: str) -> dict[str, Any]:
    pages = quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="sagemaker", PaginationConfig={"PageSize": 30}
    )
    return next(quota for page in pages for quota in page["Quotas"] if quota["QuotaName"] == name)


def test_every_quota_is_listed_once_over_all_pages(sandbox: Sandbox, quotas: Any) -> None:
    pages = quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="sagemaker", PaginationConfig={"PageSize": 7}
    )
    codes = [quota["QuotaCode"] for page in pages for quota in page["Quotas"]]
    assert len(codes) == len(set(codes)) == len(sandbox.world.quotas.all)


def test_spot_and_on_demand_have_their_own_names_and_limits(sandbox: Sandbox, quotas: Any) -> None:
    sandbox.world.quotas.set("us-east-1", "spot_training", "ml.g5.2xlarge", 1)
    assert named(quotas, "ml.g5.2xlarge for spot training job usage")["Value"] == 1.0
    assert named(quotas, "ml.g5.2xlarge for training job usage")["Value"] > 1.0
    assert named(quotas, "ml.g5.2xlarge for endpoint usage")["Value"] > 1.0


def test_an_increase_is_approved_after_its_modelled_wait(sandbox: Sandbox, quotas: Any) -> None:
    quota = named(quotas, "ml.p4d.24xlarge for training job usage")
    assert quota["Value"] == 0.0
    asked = quotas.request_service_quota_increase(
        ServiceCode="sagemaker", QuotaCode=quota["QuotaCode"], DesiredValue=2.0
    )["RequestedQuota"]
    assert asked["Status"] == "PENDING"
    sandbox.world.clock.advance(sandbox.world.quotas.table["approval_seconds"])
    seen = quotas.get_requested_service_quota_change(RequestId=asked["Id"])["RequestedQuota"]
    assert seen["Status"] == "APPROVED"
    got = quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=quota["QuotaCode"])["Quota"]
    assert got["Value"] == 2.0
    default = quotas.get_aws_default_service_quota(ServiceCode="sagemaker", QuotaCode=quota["QuotaCode"])["Quota"]
    assert default["Value"] == 0.0
    history = quotas.list_requested_service_quota_change_history_by_quota(
        ServiceCode="sagemaker", QuotaCode=quota["QuotaCode"]
    )["RequestedQuotas"]
    assert [change["Id"] for change in history] == [asked["Id"]]
    pending = quotas.list_requested_service_quota_change_history(ServiceCode="sagemaker", Status="PENDING")
    assert pending["RequestedQuotas"] == []


def test_a_second_or_smaller_request_is_refused(quotas: Any) -> None:
    code = named(quotas, "ml.m5.large for training job usage")["QuotaCode"]
    asked = {"ServiceCode": "sagemaker", "QuotaCode": code}
    with pytest.raises(quotas.exceptions.IllegalArgumentException, match="greater than the current"):
        quotas.request_service_quota_increase(**asked, DesiredValue=1.0)
    quotas.request_service_quota_increase(**asked, DesiredValue=100.0)
    with pytest.raises(quotas.exceptions.ResourceAlreadyExistsException, match="Only one open"):
        quotas.request_service_quota_increase(**asked, DesiredValue=200.0)


def test_what_does_not_exist_is_said_so(quotas: Any) -> None:
    with pytest.raises(quotas.exceptions.NoSuchResourceException):
        quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-00000000")
    with pytest.raises(quotas.exceptions.NoSuchResourceException):
        quotas.list_service_quotas(ServiceCode="ec2")
    with pytest.raises(quotas.exceptions.InvalidPaginationTokenException):
        quotas.list_service_quotas(ServiceCode="sagemaker", NextToken="nonsense")
    assert [service["ServiceCode"] for service in quotas.list_services()["Services"]] == ["sagemaker"]


def test_regions_have_limits_of_their_own(sandbox: Sandbox, aws: Aws) -> None:
    sandbox.world.quotas.set("eu-west-1", "training", "ml.m5.large", 3)
    values = [
        named(aws("service-quotas", region_name=region), "ml.m5.large for training job usage")["Value"]
        for region in ("eu-west-1", "us-east-1")
    ]
    assert values[0] == 3.0
    assert values[1] != 3.0


def test_a_quota_of_zero_refuses_a_job_as_aws_does(sandbox: Sandbox, aws: Aws) -> None:
    aws("s3").create_bucket(Bucket="bucket")
    sandbox.world.quotas.set("us-east-1", "training", "ml.m5.large", 0)
    with pytest.raises(ClientError) as refused:
        aws("sagemaker").create_training_job(
            TrainingJobName="job",
            RoleArn="arn:aws:iam::123456789012:role/r",
            AlgorithmSpecification={"TrainingInputMode": "File", "TrainingImage": "image"},
            OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
    assert refused.value.response["Error"]["Code"] == "ResourceLimitExceeded"
