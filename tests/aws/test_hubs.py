"""Hubs as they are asked over HTTP: models, versions, lists, private hubs, and why something is not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_finetune.aws.hubs import PUBLIC_HUB, HubModel, hub_model, hub_versions, list_hub_models, why_missing
from airflow_finetune.lifecycle.failures import FailureClass, Refusal
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox

QWEN = "huggingface-llm-qwen2-5-7b-instruct"
LLAMA = "meta-textgeneration-llama-3-2-1b-instruct"
PUBLIC_ARN = f"arn:aws:sagemaker:us-east-1:aws:hub-content/{PUBLIC_HUB}/Model"


@pytest.fixture
def sagemaker(aws: Callable[..., Any]) -> Any:
    return aws("sagemaker")


@pytest.fixture
def private(sagemaker: Any) -> str:
    sagemaker.create_hub(HubName="acme-hub", HubDescription="what Acme may use")
    sagemaker.create_hub_content_reference(HubName="acme-hub", SageMakerPublicHubContentArn=f"{PUBLIC_ARN}/{LLAMA}")
    return "acme-hub"


def missing(client: Any, model_id: str, version: str | None = None, hub: str = PUBLIC_HUB) -> str:
    found = hub_model(client, model_id, version=version, hub=hub)
    assert isinstance(found, Refusal)
    return " ".join(why_missing(client, model_id, version, hub, found))


def test_the_newest_version_is_taken_unless_one_is_named(sagemaker):
    newest, older = hub_model(sagemaker, QWEN), hub_model(sagemaker, QWEN, version="1.0.0")
    assert isinstance(newest, HubModel)
    assert isinstance(older, HubModel)
    assert (newest.version, older.version) == ("2.0.0", "1.0.0")
    assert newest.arn == f"{PUBLIC_ARN}/{QWEN}/2.0.0"
    assert (newest.volume_gb, older.volume_gb) == (256, 128)
    assert hub_versions(sagemaker, QWEN) == ("2.0.0", "1.1.0", "1.0.0")


def test_every_model_of_the_hub_is_listed_with_its_newest_version(sagemaker):
    found = list_hub_models(sagemaker)
    assert isinstance(found, list)
    assert {QWEN: "2.0.0", LLAMA: "1.1.0"}.items() <= {each.id: each.version for each in found}.items()
    assert [each.id for each in found if each.is_retired] == ["huggingface-llm-falcon-7b-bf16"]
    only = list_hub_models(sagemaker, contains="llama")
    assert isinstance(only, list)
    assert [each.id for each in only] == [LLAMA]


def test_a_retired_model_and_one_that_is_not_trained_say_so(sagemaker):
    falcon = hub_model(sagemaker, "huggingface-llm-falcon-7b-bf16")
    embeds = hub_model(sagemaker, "huggingface-textembedding-all-minilm-l6-v2")
    assert isinstance(falcon, HubModel)
    assert isinstance(embeds, HubModel)
    assert falcon.retired != ""
    assert (embeds.retired, embeds.trains) == ("", False)


def test_a_private_hub_gives_its_reference_first(sagemaker, private):
    found = hub_model(sagemaker, LLAMA, hub=private)
    assert isinstance(found, HubModel)
    assert found.is_reference
    assert found.gated
    assert ":hub-content/acme-hub/ModelReference/" in found.arn
    listed = list_hub_models(sagemaker, private)
    assert isinstance(listed, list)
    assert [(each.id, each.is_reference) for each in listed] == [(LLAMA, True)]


def test_an_unknown_name_is_told_with_those_that_are_like_it(sagemaker):
    found = missing(sagemaker, "huggingface-llm-qwen-7b-instruct")
    assert f"Did you mean {QWEN}" in found
    assert "us-east-1" in found
    assert "No model there has a name like it" in missing(sagemaker, "zzz")


def test_an_unknown_version_is_told_with_those_that_there_are(sagemaker):
    assert "There is no version 9.9.9; there are 2.0.0, 1.1.0, 1.0.0." in missing(sagemaker, QWEN, "9.9.9")


def test_a_hub_that_is_not_there_is_told_as_such(sagemaker):
    found = missing(sagemaker, QWEN, hub="nobodys-hub")
    assert "of the hub itself" in found
    assert "us-east-1 may not have it" in found


def test_a_private_hub_without_permission_is_told_with_the_rights_that_it_takes(sagemaker, private, sandbox: Sandbox):
    sandbox.world.faults.add(Rule("access_denied", operation="DescribeHubContent"))
    refusal = hub_model(sagemaker, LLAMA, hub=private)
    assert isinstance(refusal, Refusal)
    assert refusal.meaning is FailureClass.DENIED
    told = why_missing(sagemaker, LLAMA, None, private, refusal)
    assert "sagemaker:DescribeHubContent" in told.next_step
    assert "acme-hub" in told.next_step
