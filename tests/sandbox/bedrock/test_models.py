"""Base models, custom models, their deployments and provisioned throughput: what each shows, refuses and costs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.sandbox.edge.faults import Rule
from tests.sandbox.bedrock.account import ASKED, MICRO, PREMIER, TITAN, Account, refusal, until

DEPLOYMENTS, UNITS = "modelDeploymentSummaries", "provisionedModelSummaries"
DAY = 86_400.0


def ids(account: Account, **filters: str) -> list[str]:
    return [model["modelId"] for model in account.bedrock.list_foundation_models(**filters)["modelSummaries"]]


def test_base_models_say_what_they_support(account: Account) -> None:
    model = account.bedrock.get_foundation_model(modelIdentifier=MICRO)["modelDetails"]
    assert model["customizationsSupported"] == ["FINE_TUNING", "DISTILLATION"]
    assert model["inferenceTypesSupported"] == ["PROVISIONED"]
    asked = account.bedrock.get_foundation_model(modelIdentifier=ASKED)["modelDetails"]
    assert (asked["customizationsSupported"], asked["inferenceTypesSupported"]) == ([], ["ON_DEMAND"])
    by_arn = account.bedrock.get_foundation_model(modelIdentifier=model["modelArn"])["modelDetails"]
    assert by_arn["modelId"] == MICRO
    absent = refusal(account.bedrock.get_foundation_model, modelIdentifier="amazon.nothing-v1:0")
    assert absent == ("ValidationException", "The provided model identifier is invalid.")


def test_base_models_are_listed_by_what_they_support(account: Account) -> None:
    assert TITAN in ids(account, byCustomizationType="CONTINUED_PRE_TRAINING")
    assert MICRO not in ids(account, byCustomizationType="CONTINUED_PRE_TRAINING")
    assert MICRO not in ids(account, byInferenceType="ON_DEMAND")
    assert all(each.startswith("meta.") for each in ids(account, byProvider="meta"))
    assert ids(account, byOutputModality="IMAGE") == []
    assert PREMIER in ids(account)


def test_a_model_is_customized_only_in_its_regions(account: Account) -> None:
    there = account.aws("bedrock", region_name="us-west-2")
    assert there.get_foundation_model(modelIdentifier=MICRO)["modelDetails"]["customizationsSupported"] == []
    llama = "meta.llama3-1-8b-instruct-v1:0:128k"
    assert "FINE_TUNING" in there.get_foundation_model(modelIdentifier=llama)["modelDetails"]["customizationsSupported"]


def test_custom_models_are_listed_and_deleted_and_their_storage_is_billed_until_then(account: Account) -> None:
    arn = account.model("orders")
    account.model("other", base=TITAN)
    [shown] = account.bedrock.list_custom_models(nameContains="orders")["modelSummaries"]
    assert (shown["modelArn"], shown["baseModelName"], shown["ownerAccountId"]) == (arn, "Nova Micro", "123456789012")
    foundation = f"arn:aws:bedrock:us-east-1::foundation-model/{TITAN}"
    [other] = account.bedrock.list_custom_models(foundationModelArnEquals=foundation)["modelSummaries"]
    assert other["modelName"] == "other"
    assert account.bedrock.list_custom_models(isOwned=False)["modelSummaries"] == []
    account.sandbox.world.clock.advance(730 * 3600)
    [month] = [line for line in account.bill("custom_model_storage") if line.arn == arn]
    assert month.quantity == pytest.approx(1, abs=0.1)
    assert month.usd == pytest.approx(1.95, abs=0.2)
    weights = account.sandbox.world.store.get("custom_model", "us-east-1", "orders")
    assert weights is not None
    folder = account.sandbox.world.bedrock.inference.path_of(weights["_weights"])
    assert folder.is_dir()
    account.bedrock.delete_custom_model(modelIdentifier=arn)
    assert not folder.exists()
    assert not [line for line in account.bill("custom_model_storage") if line.arn == arn and line.running]
    assert refusal(account.bedrock.get_custom_model, modelIdentifier="orders")[0] == "ResourceNotFoundException"
    assert refusal(account.bedrock.delete_custom_model, modelIdentifier="orders")[0] == "ResourceNotFoundException"


def test_a_model_in_use_is_not_deleted(account: Account) -> None:
    arn = account.model("orders")
    deployment = account.deployed("d", arn)
    bought = account.bedrock.create_provisioned_model_throughput(
        modelUnits=1, provisionedModelName="p", modelId="orders"
    )["provisionedModelArn"]
    code, text = refusal(account.bedrock.delete_custom_model, modelIdentifier="orders")
    assert code == "ConflictException"
    assert deployment in text
    assert bought in text
    account.bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier="d")
    assert refusal(account.bedrock.delete_custom_model, modelIdentifier="orders")[0] == "ConflictException"
    account.bedrock.delete_provisioned_model_throughput(provisionedModelId=bought)
    account.bedrock.delete_custom_model(modelIdentifier="orders")


def test_a_deployment_becomes_active_is_updated_under_its_arn_and_goes(account: Account) -> None:
    first, second = account.model("first"), account.model("second")
    account.sandbox.world.clock.advance(1)
    arn = account.bedrock.create_custom_model_deployment(
        modelDeploymentName="d", modelArn=first, description="why", tags=[{"key": "lease", "value": "1"}]
    )["customModelDeploymentArn"]
    assert account.deployment(arn)["modelDeploymentName"] == "d"
    until(lambda: account.deployment("d")["status"] == "Active")
    account.bedrock.update_custom_model_deployment(modelArn=second, customModelDeploymentIdentifier=arn)
    until(lambda: account.deployment("d").get("updateDetails", {}).get("updateStatus") == "UpdateCompleted")
    shown = account.deployment("d")
    assert (shown["modelArn"], shown["customModelDeploymentArn"], shown["description"]) == (second, arn, "why")
    [listed] = account.bedrock.list_custom_model_deployments(modelArnEquals=second)[DEPLOYMENTS]
    assert (listed["customModelDeploymentName"], listed["status"]) == ("d", "Active")
    assert account.bedrock.list_custom_model_deployments(modelArnEquals=first)[DEPLOYMENTS] == []
    tags = account.bedrock.list_tags_for_resource(resourceARN=arn)["tags"]
    assert tags == [{"key": "lease", "value": "1"}]
    account.bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=arn)
    gone = refusal(account.bedrock.get_custom_model_deployment, customModelDeploymentIdentifier="d")
    assert gone[0] == "ResourceNotFoundException"


def test_what_cannot_be_deployed_is_refused(account: Account) -> None:
    create = account.bedrock.create_custom_model_deployment
    titan, micro = account.model("titan", base=TITAN), account.model("micro")
    assert "cannot be deployed on demand" in refusal(create, modelDeploymentName="d", modelArn=titan)[1]
    absent = micro[:-12] + "absent000000"
    assert refusal(create, modelDeploymentName="d", modelArn=absent)[0] == "ResourceNotFoundException"
    create(modelDeploymentName="d", modelArn=micro)
    assert "currently in use" in refusal(create, modelDeploymentName="d", modelArn=micro)[1]


def test_two_deployments_may_be_created_at_once(account: Account) -> None:
    arn = account.model("m")
    store, clock = account.sandbox.world.store, account.sandbox.world.clock
    for name in ("a", "b"):
        account.bedrock.create_custom_model_deployment(modelDeploymentName=name, modelArn=arn)
        store.update(
            "custom_model_deployment", "us-east-1", name,
            lambda document: document.update(status="Creating", _ready_at=clock.modelled() + DAY * 365, _done={}),
        )  # fmt: skip
    code, text = refusal(account.bedrock.create_custom_model_deployment, modelDeploymentName="c", modelArn=arn)
    assert code == "ServiceQuotaExceededException"
    assert "In-progress custom model deployments of this account: 2" in text


def test_a_deployment_without_capacity_fails_with_its_reason(account: Account) -> None:
    account.sandbox.world.faults.add(Rule("capacity", target="d"))
    arn = account.model("m")
    account.bedrock.create_custom_model_deployment(modelDeploymentName="d", modelArn=arn)
    until(lambda: account.deployment("d")["status"] == "Failed")
    assert "not enough capacity" in account.deployment("d")["failureMessage"]


def bought(account: Account, **more: Any) -> str:
    request = {"modelUnits": 1, "provisionedModelName": "p", "modelId": MICRO, **more}
    return str(account.bedrock.create_provisioned_model_throughput(**request)["provisionedModelArn"])


def units(account: Account, identifier: str = "p") -> dict[str, Any]:
    found: dict[str, Any] = account.bedrock.get_provisioned_model_throughput(provisionedModelId=identifier)
    return found


def test_throughput_is_billed_by_unit_and_hour_until_it_is_deleted(account: Account) -> None:
    arn = bought(account, modelUnits=2, modelId=account.model("m"))
    until(lambda: units(account)["status"] == "InService")
    shown = units(account, arn)
    assert (shown["modelUnits"], shown["desiredModelUnits"]) == (2, 2)
    assert shown["foundationModelArn"].endswith(MICRO)
    account.sandbox.world.clock.advance(3600)
    [running] = account.bill("provisioned_throughput")
    assert running.running
    assert running.usd == pytest.approx(running.quantity * 2 * 108.15)
    assert running.quantity > 1
    account.bedrock.delete_provisioned_model_throughput(provisionedModelId="p")
    assert [line.running for line in account.bill("provisioned_throughput")] == [False]
    gone = refusal(account.bedrock.get_provisioned_model_throughput, provisionedModelId="p")
    assert gone[0] == "ResourceNotFoundException"


def test_a_commitment_cannot_be_deleted_before_its_term(account: Account) -> None:
    arn = bought(account, commitmentDuration="OneMonth")
    shown = units(account)
    assert (shown["commitmentExpirationTime"] - shown["creationTime"]).days == 30
    code, text = refusal(account.bedrock.delete_provisioned_model_throughput, provisionedModelId=arn)
    assert code == "ConflictException"
    assert text.startswith("You can't delete a Provisioned Throughput before the commitment term is over")
    account.sandbox.world.clock.advance(30 * DAY)
    account.bedrock.delete_provisioned_model_throughput(provisionedModelId=arn)


def test_throughput_changes_name_and_model_but_not_the_base(account: Account) -> None:
    first, second, titan = account.model("first"), account.model("second"), account.model("titan", base=TITAN)
    bought(account, modelId=first)
    update = account.bedrock.update_provisioned_model_throughput
    until(lambda: units(account)["status"] == "InService")
    assert "must have the base model" in refusal(update, provisionedModelId="p", desiredModelId=titan)[1]
    update(provisionedModelId="p", desiredProvisionedModelName="q", desiredModelId=second)
    until(lambda: units(account, "q")["status"] == "InService")
    assert units(account, "q")["modelArn"] == second
    assert refusal(account.bedrock.get_provisioned_model_throughput, provisionedModelId="p")[0] == (
        "ResourceNotFoundException"
    )
    [listed] = account.bedrock.list_provisioned_model_throughputs(modelArnEquals=second)[UNITS]
    assert listed["provisionedModelName"] == "q"


def test_what_cannot_be_bought_is_refused(account: Account) -> None:
    create = account.bedrock.create_provisioned_model_throughput
    request = {"modelUnits": 1, "provisionedModelName": "p", "modelId": MICRO}
    code, text = refusal(create, **{**request, "modelUnits": 3})
    assert (code, "2, of which 0 are in use" in text) == ("ServiceQuotaExceededException", True)
    assert "not supported for the model" in refusal(create, **{**request, "modelId": ASKED})[1]
    assert refusal(create, **{**request, "modelId": "nothing"})[0] == "ResourceNotFoundException"
    bought(account, clientRequestToken="t")
    assert bought(account, clientRequestToken="t") == units(account)["provisionedModelArn"]
    assert "currently in use" in refusal(create, **request)[1]


def test_tags_are_added_changed_listed_and_removed(account: Account) -> None:
    arn = bought(account, tags=[{"key": "owner", "value": "a"}])
    client = account.bedrock
    client.tag_resource(resourceARN=arn, tags=[{"key": "owner", "value": "b"}, {"key": "lease", "value": "c"}])
    client.untag_resource(resourceARN=arn, tagKeys=["lease", "absent"])
    assert client.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "owner", "value": "b"}]
    many = [{"key": f"k{number}", "value": ""} for number in range(51)]
    assert refusal(client.tag_resource, resourceARN=arn, tags=many)[0] == "TooManyTagsException"
    absent = refusal(client.list_tags_for_resource, resourceARN=arn[:-12] + "absent000000")
    assert absent[0] == "ResourceNotFoundException"
