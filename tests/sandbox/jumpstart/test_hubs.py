"""Hubs and their contents, as boto3 sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_finetune.sandbox.edge.faults import rule_from
from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.jumpstart.account import FALCON, LLAMA, MINILM, MISTRAL, PUBLIC, QWEN, Client, described

PUBLIC_ARN = f"arn:aws:sagemaker:us-east-1:aws:hub-content/{PUBLIC}/Model/{QWEN}"


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_public_hub_is_there_without_anybody_making_it(aws: Client) -> None:
    sagemaker = aws("sagemaker", region_name="eu-west-1")
    arn = f"arn:aws:sagemaker:eu-west-1:aws:hub/{PUBLIC}"
    hub = sagemaker.describe_hub(HubName=PUBLIC)
    assert (hub["HubArn"], hub["HubStatus"]) == (arn, "InService")
    assert sagemaker.describe_hub(HubName=arn)["HubName"] == PUBLIC
    assert [each["HubName"] for each in sagemaker.list_hubs()["HubSummaries"]] == [PUBLIC]
    assert refused(sagemaker.describe_hub, HubName="none")[0] == "ResourceNotFound"


def test_its_models_are_listed_in_pages_with_their_newest_version(aws: Client) -> None:
    sagemaker, found, token = aws("sagemaker"), [], {}
    while True:
        page = sagemaker.list_hub_contents(
            HubName=PUBLIC,
            HubContentType="Model",
            MaxResults=2,
            SortBy="HubContentName",
            SortOrder="Ascending",
            **token,
        )
        assert len(page["HubContentSummaries"]) <= 2
        found += page["HubContentSummaries"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [each["HubContentName"] for each in found] == sorted([QWEN, LLAMA, MISTRAL, FALCON, MINILM])
    assert {each["HubContentName"]: each["SupportStatus"] for each in found}[FALCON] == "Deprecated"
    assert next(each for each in found if each["HubContentName"] == QWEN)["HubContentVersion"] == "2.0.0"
    few = sagemaker.list_hub_contents(HubName=PUBLIC, HubContentType="Model", NameContains="llama")
    assert [each["HubContentName"] for each in few["HubContentSummaries"]] == [LLAMA]
    assert not sagemaker.list_hub_contents(HubName=PUBLIC, HubContentType="Notebook")["HubContentSummaries"]


def test_a_model_is_described_in_its_newest_or_in_a_named_version(aws: Client) -> None:
    sagemaker = aws("sagemaker", region_name="us-west-2")
    newest, first = described(sagemaker, QWEN), described(sagemaker, QWEN, HubContentVersion="1.0.0")
    assert newest["HubContentArn"] == f"arn:aws:sagemaker:us-west-2:aws:hub-content/{PUBLIC}/Model/{QWEN}/2.0.0"
    assert (newest["HubContentStatus"], newest["DocumentSchemaVersion"]) == ("Available", "2.3.0")
    assert newest["HubContentDocument"]["TrainingScriptUri"].startswith("s3://jumpstart-cache-prod-us-west-2/")
    assert first["HubContentDocument"]["TrainingVolumeSize"] != newest["HubContentDocument"]["TrainingVolumeSize"]
    listed = sagemaker.list_hub_content_versions(
        HubName=PUBLIC, HubContentType="Model", HubContentName=QWEN, MinVersion="1.1.0", SortOrder="Ascending"
    )["HubContentSummaries"]
    assert [each["HubContentVersion"] for each in listed] == ["1.1.0", "2.0.0"]
    for asked in ({"HubContentVersion": "9.0.0"}, {"HubContentType": "ModelReference"}):
        ways = {"HubName": PUBLIC, "HubContentType": "Model", "HubContentName": QWEN, **asked}
        assert refused(sagemaker.describe_hub_content, **ways)[0] == "ResourceNotFound"


@pytest.mark.parametrize("model", [QWEN, LLAMA, MISTRAL])
def test_a_trainable_model_says_all_that_a_job_needs(aws: Client, model: str) -> None:
    hub = described(aws("sagemaker"), model)["HubContentDocument"]
    assert hub["TrainingSupported"] is True
    assert hub["DefaultTrainingInstanceType"] in hub["SupportedTrainingInstanceTypes"]
    for row in hub["Hyperparameters"]:
        assert row["Type"] in ("int", "float", "text", "bool")
        assert row["Scope"] in ("algorithm", "container")
        assert "Options" not in row or row["Default"] in row["Options"]
        assert "Min" not in row or row["Min"] <= row["Default"] <= row["Max"]
    names = [row["Name"] for row in hub["Hyperparameters"]]
    assert len(names) == len(set(names))
    assert ("save_steps" in names) == (model != MISTRAL)
    assert all(
        variant["Properties"]["ImageUri"] for variant in hub["TrainingInstanceTypeVariants"]["Variants"].values()
    )
    techniques = {each["CustomizationTechnique"] for each in hub.get("RecipeCollection", [])}
    assert techniques == {QWEN: {"SFT", "DPO", "RLVR", "RLAIF"}, LLAMA: {"SFT"}, MISTRAL: set()}[model]
    assert hub.get("GatedBucket", False) == (model == LLAMA)


@pytest.mark.parametrize("model", [FALCON, MINILM])
def test_others_say_that_they_are_not_trained(aws: Client, model: str) -> None:
    assert described(aws("sagemaker"), model)["HubContentDocument"]["TrainingSupported"] is False


def test_a_private_hub_shows_a_public_model_by_reference(aws: Client) -> None:
    sagemaker = aws("sagemaker")
    arn = sagemaker.create_hub(HubName="ours", HubDescription="d", Tags=[{"Key": "team", "Value": "ml"}])["HubArn"]
    made = sagemaker.create_hub_content_reference(
        HubName="ours", SageMakerPublicHubContentArn=PUBLIC_ARN, HubContentName="qwen", MinVersion="1.1.0"
    )
    assert (
        made["HubContentArn"] == "arn:aws:sagemaker:us-east-1:123456789012:hub-content/ours/ModelReference/qwen/2.0.0"
    )
    found = described(sagemaker, "qwen", HubName=arn, HubContentType="ModelReference")
    assert (found["SageMakerPublicHubContentArn"], found["ReferenceMinVersion"]) == (PUBLIC_ARN, "1.1.0")
    assert found["HubContentDocument"] == described(sagemaker, QWEN)["HubContentDocument"]
    ways = {"HubName": "ours", "HubContentType": "ModelReference", "HubContentName": "qwen"}
    assert refused(sagemaker.describe_hub_content, HubContentVersion="1.0.0", **ways)[0] == "ResourceNotFound"
    assert refused(sagemaker.delete_hub, HubName="ours")[0] == "ResourceInUse"
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]
    sagemaker.update_hub_content_reference(**ways, MinVersion="2.0.0")
    versions = sagemaker.list_hub_content_versions(**ways)["HubContentSummaries"]
    assert [each["HubContentVersion"] for each in versions] == ["2.0.0"]
    sagemaker.delete_hub_content_reference(**ways)
    assert refused(sagemaker.describe_hub_content, **ways)[0] == "ResourceNotFound"
    sagemaker.update_hub(HubName="ours", HubDescription="other")
    assert sagemaker.describe_hub(HubName="ours")["HubDescription"] == "other"
    sagemaker.delete_hub(HubName="ours")
    assert refused(sagemaker.describe_hub, HubName="ours")[0] == "ResourceNotFound"


def test_a_private_hub_holds_models_of_its_own(aws: Client) -> None:
    sagemaker = aws("sagemaker")
    sagemaker.create_hub(HubName="ours", HubDescription="d")
    ways = {"HubName": "ours", "HubContentType": "Model", "HubContentName": "mine"}
    own = {"DocumentSchemaVersion": "2.3.0", "HubContentDocument": json.dumps({"Url": "u"}), **ways}
    first = sagemaker.import_hub_content(**own)["HubContentArn"]
    second = sagemaker.import_hub_content(**own)["HubContentArn"]
    assert (first.rsplit("/", 1)[-1], second.rsplit("/", 1)[-1]) == ("1.0.0", "1.1.0")
    assert refused(sagemaker.import_hub_content, **own, HubContentVersion="1.0.0")[0] == "ResourceInUse"
    assert refused(sagemaker.import_hub_content, **{**own, "HubContentDocument": "no"})[0] == "ValidationException"
    assert described(sagemaker, "mine", HubName="ours")["HubContentVersion"] == "1.1.0"
    for version in ("1.1.0", "1.0.0"):
        sagemaker.delete_hub_content(**ways, HubContentVersion=version)
    assert refused(sagemaker.describe_hub_content, **ways)[0] == "ResourceNotFound"


def test_nobody_changes_what_is_not_theirs(aws: Client, sandbox: Sandbox) -> None:
    sagemaker = aws("sagemaker")
    foreign = "arn:aws:sagemaker:us-east-1:999999999999:hub/theirs"
    code, text = refused(sagemaker.describe_hub, HubName=foreign)
    assert code == "AccessDeniedException"
    assert text.endswith(f"is not authorized to perform: sagemaker:DescribeHub on resource: {foreign}")
    assert refused(sagemaker.delete_hub, HubName=PUBLIC)[0] == "AccessDeniedException"
    assert refused(sagemaker.create_hub, HubName=PUBLIC, HubDescription="d")[0] == "ResourceInUse"
    missing = PUBLIC_ARN.replace(QWEN, "no-such-model")
    sagemaker.create_hub(HubName="ours", HubDescription="d")
    wrong = {"HubName": "ours", "SageMakerPublicHubContentArn": missing}
    assert refused(sagemaker.create_hub_content_reference, **wrong)[0] == "ResourceNotFound"
    rule = {"kind": "access_denied", "operation": "DescribeHubContent", "match": {"HubName": "ours"}}
    sandbox.world.faults.add(rule_from(rule))
    ways = {"HubName": "ours", "HubContentType": "ModelReference", "HubContentName": QWEN}
    assert refused(sagemaker.describe_hub_content, **ways)[0] == "AccessDeniedException"
    assert described(sagemaker, QWEN)["HubContentVersion"] == "2.0.0"
