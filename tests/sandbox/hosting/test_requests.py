"""What is accepted, refused, shown and listed of models, configurations and endpoints, in AWS's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.hosting.account import IMAGE, ROLE, Account, packed

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """Give code and text of the error that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_model_is_shown_as_it_was_made(account: Account) -> None:
    uri = account.put("m/model.tar.gz", packed({"a": "b"}))
    container = {"Image": IMAGE, "ModelDataUrl": uri, "Environment": {"A": "b"}}
    made = account.sagemaker.create_model(
        ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE, Tags=[{"Key": "team", "Value": "orders"}]
    )
    assert made["ModelArn"] == f"{ARN}:model/m"
    seen = account.sagemaker.describe_model(ModelName="m")
    assert seen["PrimaryContainer"] == container
    assert (seen["ExecutionRoleArn"], seen["EnableNetworkIsolation"]) == (ROLE, False)
    assert "Tags" not in seen
    assert account.sagemaker.list_tags(ResourceArn=made["ModelArn"])["Tags"] == [{"Key": "team", "Value": "orders"}]


def test_names_that_exist_and_names_that_do_not_are_refused_in_awss_words(account: Account) -> None:
    sagemaker = account.sagemaker
    account.model("m")
    account.config("c")
    primary = {"Image": IMAGE}
    variant = {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    code = "ValidationException"
    assert refused(sagemaker.create_model, ModelName="m", PrimaryContainer=primary, ExecutionRoleArn=ROLE) == (
        code,
        f'Cannot create already existing model "{ARN}:model/m".',
    )
    assert refused(sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[variant]) == (
        code,
        f'Cannot create already existing endpoint configuration "{ARN}:endpoint-config/c".',
    )
    for call in (sagemaker.describe_model, sagemaker.delete_model):
        assert refused(call, ModelName="x") == (code, f'Could not find model "{ARN}:model/x".')
    for call in (sagemaker.describe_endpoint_config, sagemaker.delete_endpoint_config):
        assert refused(call, EndpointConfigName="x") == (
            code,
            f'Could not find endpoint configuration "{ARN}:endpoint-config/x".',
        )
    for call in (sagemaker.describe_endpoint, sagemaker.delete_endpoint):
        assert refused(call, EndpointName="x") == (code, f'Could not find endpoint "{ARN}:endpoint/x".')
    assert refused(sagemaker.create_endpoint, EndpointName="e", EndpointConfigName="x") == (
        code,
        f'Could not find endpoint configuration "{ARN}:endpoint-config/x".',
    )
    assert refused(
        sagemaker.create_endpoint_config, EndpointConfigName="d", ProductionVariants=[{**variant, "ModelName": "x"}]
    ) == (code, f'Could not find model "{ARN}:model/x".')


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ({"ModelDataUrl": "s3://models/none.tar.gz"}, "Could not find model data at s3://models/none.tar.gz."),
        (
            {"ModelDataUrl": "s3://no-such-bucket/m.tar.gz"},
            "Could not access model data at s3://no-such-bucket/m.tar.gz",
        ),
        (
            {"ModelDataSource": {"S3DataSource": _s3}}
            if (_s3 := {"S3Uri": "s3://models/none/", "S3DataType": "S3Prefix", "CompressionType": "None"})
            else {},
            "Could not find model data at s3://models/none/.",
        ),
        (
            {"ModelDataSource": {"S3DataSource": {**_s3, "S3Uri": "s3://models/none"}}},
            "must end with a forward slash",
        ),
        ({"ModelDataSource": {"S3DataSource": {**_s3, "CompressionType": "Gzip"}}}, "needs S3DataType S3Object"),
    ],
)
def test_a_model_without_its_data_is_refused(account: Account, container: dict[str, Any], text: str) -> None:
    request = {"ModelName": "m", "PrimaryContainer": {"Image": IMAGE, **container}, "ExecutionRoleArn": ROLE}
    code, said = refused(account.sagemaker.create_model, **request)
    assert code == "ValidationException"
    assert text in said
    assert account.sagemaker.list_models()["Models"] == []


def test_what_the_sandbox_does_not_have_is_refused_with_a_501_that_names_it(account: Account) -> None:
    two = [{"Image": IMAGE}, {"Image": IMAGE}]
    code, text = refused(account.sagemaker.create_model, ModelName="m", Containers=two, ExecutionRoleArn=ROLE)
    assert (code, text) == (
        "NotImplemented",
        "The sandbox does not have inference pipelines of several containers: leave out Containers.",
    )
    account.model("m")
    serverless = {
        "VariantName": "a",
        "ModelName": "m",
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1},
    }
    code, text = refused(
        account.sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[serverless]
    )
    assert code == "NotImplemented"
    assert "serverless inference" in text


def test_lists_are_filtered_sorted_and_paged(account: Account) -> None:
    for number in range(5):
        account.sagemaker.create_model(
            ModelName=f"m-{number}", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE
        )
    account.sagemaker.create_model(ModelName="other", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE)
    pages = account.sagemaker.get_paginator("list_models").paginate(
        NameContains="m-", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    names = [[each["ModelName"] for each in page["Models"]] for page in pages]
    assert names == [["m-0", "m-1"], ["m-2", "m-3"], ["m-4"]]
    assert account.sagemaker.list_models(MaxResults=1)["Models"][0]["ModelName"] == "other"
    assert account.sagemaker.list_models(NameContains="M-")["Models"] == []
    assert refused(account.sagemaker.list_models, NextToken="bm90IG1pbmU=")[0] == "ValidationException"
    assert account.sagemaker.list_endpoints(StatusEquals="Failed")["Endpoints"] == []


def test_tags_of_ours_are_kept_here_and_tags_of_others_are_motos(account: Account) -> None:
    sagemaker = account.sagemaker
    account.model("m")
    arn = f"{ARN}:model/m"
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    assert sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "3"}])["Tags"][0]["Value"] == "3"
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["b", "none"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "3"}]
    assert refused(sagemaker.list_tags, ResourceArn=f"{ARN}:model/none")[1].startswith("Could not find model")
    motos = sagemaker.create_experiment(ExperimentName="motos")["ExperimentArn"]
    sagemaker.add_tags(ResourceArn=motos, Tags=[{"Key": "moto", "Value": "yes"}])
    assert sagemaker.list_tags(ResourceArn=motos)["Tags"] == [{"Key": "moto", "Value": "yes"}]
    code, _ = refused(
        sagemaker.add_tags, ResourceArn=arn, Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)]
    )
    assert code == "ResourceLimitExceeded"


def test_one_instance_too_many_is_refused_with_awss_text(account: Account) -> None:
    account.sandbox.world.quotas.set("us-east-1", "endpoint", "ml.m5.large", 1)
    account.model("m")
    account.config("two", {"VariantName": "a", "ModelName": "m", "InitialInstanceCount": 2})
    code, text = refused(account.sagemaker.create_endpoint, EndpointName="e", EndpointConfigName="two")
    assert code == "ResourceLimitExceeded"
    assert text.startswith(
        "The account-level service limit 'ml.m5.large for endpoint usage' is 1 Instances, with current utilization of "
        "0 Instances and a request delta of 2 Instances."
    )
    assert account.names() == []
    account.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName=account.config("one"))
    code, text = refused(account.sagemaker.create_endpoint, EndpointName="f", EndpointConfigName="one")
    assert "current utilization of 1 Instances and a request delta of 1 Instances" in text
    account.wait("e", "InService")
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}]
    resize = account.sagemaker.update_endpoint_weights_and_capacities
    code, text = refused(resize, EndpointName="e", DesiredWeightsAndCapacities=wanted)
    assert code == "ResourceLimitExceeded"
    assert "current utilization of 1 Instances and a request delta of 2 Instances" in text
    assert account.sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
