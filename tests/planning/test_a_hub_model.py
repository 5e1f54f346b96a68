"""What a plan says of a model of a hub: what it freezes, and everything that it refuses before anything is made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_finetune.errors import SpecError
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.values import Plan
from tests.planning.conftest import ROLE, Company

QWEN = "huggingface-llm-qwen2-5-7b-instruct"
LLAMA = "meta-textgeneration-llama-3-2-1b-instruct"
MISTRAL = "huggingface-llm-mistral-7b-instruct"
PUBLIC_ARN = "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model"
MUTATING = ("Create", "Put", "Add", "Delete", "Upload")


def chat(*contents: str) -> dict[str, Any]:
    return {"messages": [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(contents)]}


def put(company: Company, *examples: Any, key: str = "hub.jsonl") -> str:
    body = "".join(json.dumps(example) + "\n" for example in examples)
    company.aws("s3").put_object(Bucket="acme", Key=key, Body=body.encode())
    return f"s3://acme/{key}"


def spec(company: Company, **changes: Any) -> dict[str, Any]:
    fields = {
        "backend": "jumpstart",
        "role_arn": ROLE,
        "output_uri": "s3://acme/models/",
        "model_id": QWEN,
        "dataset": put(company, chat("a", "b"), chat("c", "d")),
        "max_runtime_seconds": 3600,
        "max_wait_seconds": 7200,
    }
    return {**fields, **changes}


def refused(company: Company, **changes: Any) -> str:
    """What a plan says that is refused, and that nothing was made or written."""
    fields = spec(company, **changes)
    company.sandbox.world.calls.clear()
    with pytest.raises(SpecError) as error:
        company.plan(fields)
    assert [
        each.operation for each in company.sandbox.world.calls.records() if each.operation.startswith(MUTATING)
    ] == []
    return str(error.value)


def test_the_version_is_looked_up_once_and_frozen(company: Company):
    plan = company.plan(spec(company))
    assert plan.resolved == {"version": "2.0.0"}
    assert company.plan(spec(company, version="1.0.0")).resolved == {"version": "1.0.0"}
    assert Plan.load(plan.dump()) == plan
    assert plan.image_uri.startswith("763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:")
    assert [(rung.market, rung.instance_type) for rung in plan.rungs] == [("on_demand", "ml.g5.2xlarge")]


def test_spot_has_its_fallback_and_says_where_it_knows_checkpoints_from(company: Company):
    plan = company.plan(spec(company, spot=True))
    assert [rung.market for rung in plan.rungs] == ["spot", "on_demand"]
    assert "see docs/jumpstart.md" in {check.name: check.said for check in plan.checks}["checkpoints"]


def test_hosting_without_an_instance_is_priced_on_the_one_that_the_hub_says(company: Company):
    plan = company.plan(spec(company), hosting={"arms": 2, "hours": 1})
    assert plan.hosting is not None
    assert plan.hosting.model_dump()["instance_type"] == "ml.g5.2xlarge"
    with pytest.raises(SpecError, match="Give the instance of the endpoints"):
        company.plan(hosting={"arms": 2, "hours": 1})


def test_an_accepted_license_is_planned(company: Company):
    assert company.plan(spec(company, model_id=LLAMA, accept_eula=True)).resolved == {"version": "1.1.0"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_id": "huggingface-llm-qwen-7b-instruct"}, ["ResourceNotFound", f"Did you mean {QWEN}", "us-east-1"]),
        ({"version": "3.0.0"}, ["There is no version 3.0.0; there are 2.0.0, 1.1.0, 1.0.0."]),
        ({"hub": "nobodys-hub"}, ["of the hub itself"]),
        ({"model_id": "huggingface-llm-falcon-7b-bf16"}, ["it is retired"]),
        ({"model_id": "huggingface-textembedding-all-minilm-l6-v2"}, ["TrainingSupported: false"]),
        ({"model_id": LLAMA}, ["is gated", "/fmhMetadata/eula/llama3_2Eula.txt", "accept_eula: true"]),
        ({"instance_type": "ml.m5.large"}, ["ml.m5.large is none on which", "Choose one of ml.g5.2xlarge, "]),
        ({"epochs": 5000}, ["epoch is 5000 and must be from 1 to 1000"]),
        ({"hyperparameters": {"lora_dropout": 2}}, ["lora_dropout is 2 and must be from 0 to 1"]),
        ({"hyperparameters": {"peft_type": "dora"}}, ["peft_type is 'dora' and must be one of None, lora"]),
        ({"model_id": MISTRAL, "spot": True}, ["keeps no checkpoints", "Write spot: false"]),
        (
            {"template": {"prompt": "{question}", "completion": "{completion}"}},
            ["hub.jsonl, line 1: the template wants question", "nothing was uploaded"],
        ),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_with_what_can(company: Company, changes: dict[str, Any], words: list[str]):
    said = refused(company, **changes)
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    ("method", "example", "words"),
    [
        ("instruction", {"prompt": "a", "completion": "b"}, "line 1: it is no canonical example"),
        ("instruction", chat("a", "b", "c", "d"), "method: chat takes conversations"),
        ("chat", chat("a"), "the last message must be the assistant's"),
        ("domain_adaptation", {"text": "a"}, "line 1: it is no canonical example"),
    ],
)
def test_data_in_the_wrong_form_for_the_method_is_refused(company: Company, method: str, example: Any, words: str):
    assert words in refused(company, method=method, dataset=put(company, example, key="wrong.jsonl"))


def test_a_dataset_that_is_not_there_and_a_license_are_told_together(company: Company):
    said = refused(company, model_id=LLAMA, dataset="s3://acme/nowhere.jsonl")
    assert "2 faults" in said
    assert "s3://acme/nowhere.jsonl: nothing is there." in said
    assert "is gated" in said


def test_a_private_hub_gives_a_reference_or_says_which_right_is_missing(company: Company):
    sagemaker = company.aws("sagemaker")
    sagemaker.create_hub(HubName="acme-hub", HubDescription="what Acme may use")
    sagemaker.create_hub_content_reference(HubName="acme-hub", SageMakerPublicHubContentArn=f"{PUBLIC_ARN}/{QWEN}")
    assert company.plan(spec(company, hub="acme-hub")).resolved == {"version": "2.0.0"}
    assert "ResourceNotFound" in refused(company, hub="acme-hub", model_id=LLAMA)
    company.sandbox.world.faults.add(Rule("access_denied", operation="DescribeHubContent"))
    said = refused(company, hub="acme-hub")
    assert "AWS answered AccessDenied" in said
    assert "sagemaker:DescribeHubContent" in said


def test_too_small_a_quota_is_refused(company: Company):
    said = refused(company, instance_count=1000)
    assert "the run needs 1000 at once" in said
