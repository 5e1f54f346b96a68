"""The request of a spec: each field changes it, and it is checked before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.aws.shapes import faults
from airflow_finetune.backends.bedrock.families import family_of
from airflow_finetune.backends.bedrock.request import as_text, customization_request
from airflow_finetune.backends.bedrock.spec import BedrockSpec
from airflow_finetune.errors import SpecError
from tests.backends.bedrock.test_bedrock_spec import BASE, DISTILLATION, HAIKU, MICRO, REINFORCED, given

TRAIN, VALIDATION = "s3://acme/models/bedrock-data/0/train.jsonl", "s3://acme/models/bedrock-data/0/validation.jsonl"
COHERE = {"base_model": "cohere.command-light-text-v14:7:4k"}
# Another legal value of every field, with what it needs beside it in both requests.
OTHER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "role_arn": ({}, {"role_arn": "arn:aws:iam::123456789012:role/other"}),
    "output_uri": ({}, {"output_uri": "s3://acme/other"}),
    "base_model": ({}, {"base_model": "amazon.nova-lite-v1:0:300k"}),
    "customization": ({}, {"base_model": "amazon.titan-text-lite-v1:0:4k", "customization": "continued_pre_training"}),
    "model_name": ({}, {"model_name": "orders"}),
    "epochs": ({}, {"epochs": 2}),
    "batch_size": ({}, {"batch_size": 1}),
    "learning_rate": ({}, {"learning_rate": 0.00002}),
    "learning_rate_multiplier": ({"base_model": HAIKU}, {"learning_rate_multiplier": 0.5}),
    "learning_rate_warmup_steps": ({}, {"learning_rate_warmup_steps": 0}),
    "early_stopping_threshold": (COHERE, {"early_stopping_threshold": 0.05}),
    "early_stopping_patience": (COHERE, {"early_stopping_patience": 2}),
    "evaluation_percentage": (COHERE, {"evaluation_percentage": 10}),
    "hyperparameters": ({}, {"hyperparameters": {"epochCount": 3}}),
    "teacher_model": (DISTILLATION, {"teacher_model": "amazon.nova-pro-v1:0"}),
    "max_response_length": (DISTILLATION, {"max_response_length": 100}),
    "invocation_logs": (DISTILLATION, {"dataset": ..., "invocation_logs": {"uri": "s3://acme/logs/"}}),
    "grader_arn": (REINFORCED, {"grader_arn": "arn:aws:lambda:us-east-1:123456789012:function:other"}),
    "max_prompt_length": (REINFORCED, {"max_prompt_length": 100}),
    "samples_per_prompt": (REINFORCED, {"samples_per_prompt": 2}),
    "inference_max_tokens": (REINFORCED, {"inference_max_tokens": 100}),
    "reasoning_effort": (REINFORCED, {"reasoning_effort": "low"}),
    "evaluation_interval": (REINFORCED, {"evaluation_interval": 3}),
    "model_kms_key_id": ({}, {"model_kms_key_id": "alias/models"}),
    "subnets": ({"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]}, {"subnets": ["subnet-2"]}),
    "security_group_ids": ({"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]}, {"security_group_ids": ["sg-2"]}),
    "tags": ({}, {"tags": {"team": "nlp"}}),
    "request_overrides": ({}, {"request_overrides": {"hyperParameters": {"epochCount": "2"}}}),
}
# Data comes in as the address of what was rendered; limits and prices are ours, AWS is not told.
NOT_IN_THE_REQUEST = {"keep_answers", "dataset", "validation", "curated_validation", "limits", "prices"}


def request(validation_uri: str | None = None, **changes: Any) -> dict[str, Any]:
    spec = BedrockSpec(**given(**changes))
    limits = family_of(spec.base_model, spec.customization, spec.limits).limits
    return customization_request(spec, limits, TRAIN, validation_uri)


def refusal(**changes: Any) -> str:
    with pytest.raises(SpecError) as caught:
        request(**changes)
    return str(caught.value)


def test_the_whole_request_is_as_it_always_was():
    found = request(VALIDATION, epochs=2, learning_rate=1e-5, tags={"team": "nlp"}, model_kms_key_id="alias/models")
    assert found == {
        "roleArn": BASE["role_arn"],
        "baseModelIdentifier": MICRO,
        "customizationType": "FINE_TUNING",
        "customModelKmsKeyId": "alias/models",
        "trainingDataConfig": {"s3Uri": TRAIN},
        "validationDataConfig": {"validators": [{"s3Uri": VALIDATION}]},
        "outputDataConfig": {"s3Uri": "s3://acme/models"},
        "hyperParameters": {"epochCount": "2", "learningRate": "0.00001"},
        "jobTags": [{"key": "team", "value": "nlp"}],
    }


@pytest.mark.parametrize("field", sorted(set(BedrockSpec.model_fields) - NOT_IN_THE_REQUEST))
def test_changing_a_field_changes_the_request(field: str):
    beside, changes = OTHER[field]
    assert request(**{**beside, **changes}) != request(**beside)


@pytest.mark.parametrize("field", sorted(set(OTHER) - {"tags"}))
def test_changing_a_field_changes_the_digest(field: str):
    beside, changes = OTHER[field]
    assert BedrockSpec(**given(**{**beside, **changes})).digest() != BedrockSpec(**given(**beside)).digest()


@pytest.mark.parametrize("field", sorted(OTHER))
def test_every_request_is_one_that_botocore_accepts(field: str):
    beside, changes = OTHER[field]
    whole = {"jobName": "x", "customModelName": "x", **request(**{**beside, **changes})}
    assert faults("bedrock", "CreateModelCustomizationJob", whole) == []


def test_reinforcement_has_its_own_place_for_what_others_call_hyperparameters():
    found = request(**REINFORCED, epochs=2, batch_size=16, learning_rate=0.0001, samples_per_prompt=4)
    assert "hyperParameters" not in found
    assert found["customizationConfig"]["rftConfig"]["hyperParameters"] == {
        "epochCount": 2,
        "batchSize": 16,
        "learningRate": 0.0001,
        "trainingSamplePerPrompt": 4,
    }


def test_logs_take_the_place_of_data():
    filters = {"equals": {"team": "a"}}
    logs = {"uri": "s3://acme/logs/", "use_prompt_response": True, "filters": filters}
    found = request(**DISTILLATION, dataset=..., invocation_logs=logs)
    assert found["trainingDataConfig"] == {
        "invocationLogsConfig": {
            "usePromptResponse": True,
            "invocationLogSource": {"s3Uri": "s3://acme/logs/"},
            "requestMetadataFilters": filters,
        }
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(2, "2"), (0.00001, "0.00001"), (5e-06, "0.000005"), (1.0, "1.0"), (True, "true"), ("a b", "a b"), (10, "10")],
)
def test_hyperparameters_are_texts_without_an_exponent(value: Any, text: str):
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"request_overrides": {"jobName": "mine"}}, "must not set jobName: the name is the claim on the job"),
        ({"request_overrides": {"customModelName": "mine"}}, "must not set customModelName: use the field model_name"),
        ({"request_overrides": {"baseModelIdentifier": "x"}}, "must not set baseModelIdentifier: use the field"),
        ({"request_overrides": {"customizationType": "IMPORTED"}}, "must not set customizationType"),
        ({"request_overrides": {"jobTags": []}}, "must not set jobTags: use the field tags"),
        ({"request_overrides": {"customModelTags": []}}, "must not set customModelTags: use the field tags"),
        ({"request_overrides": {"clientRequestToken": "x"}}, "must not set clientRequestToken"),
        ({"request_overrides": {"hyperParameters": {"epochCount": "9"}}}, "epochCount is 9 and must be from 1 to 5"),
        ({"request_overrides": {"roleArn": None}}, "roleArn"),
        ({"request_overrides": {"unheard": 1}}, "unheard"),
        (
            {**DISTILLATION, "request_overrides": {"validationDataConfig": {"validators": [{"s3Uri": VALIDATION}]}}},
            "no v",
        ),
        ({"base_model": "x" * 3000}, "2048"),
        ({"base_model": "not a model!"}, "baseModelIdentifier: does not match"),
        ({**REINFORCED, "batch_size": 8}, "batchSize"),
        ({**REINFORCED, "learning_rate": 0.5}, "learningRate"),
        ({**REINFORCED, "grader_arn": "arn:aws:lambda:nowhere"}, "lambdaArn: does not match"),
        ({"tags": {"team": "\u00e9\u00e9"}}, "jobTags[0].value: does not match"),
        ({"output_uri": "s3://Upper/x"}, "outputDataConfig.s3Uri: does not match"),
        ({"subnets": ["x!"], "security_group_ids": ["sg-1"]}, "vpcConfig"),
    ],
    ids=str,
)
def test_what_aws_would_refuse_is_named_before_it_is_sent(changes: dict[str, Any], said: str):
    text = refusal(**changes)
    assert said in text
    assert text.startswith("CreateModelCustomizationJob request: ")


def test_overrides_are_merged():
    found = request(request_overrides={"hyperParameters": {"epochCount": "3"}}, epochs=2, learning_rate=0.00001)
    assert found["hyperParameters"] == {"epochCount": "3", "learningRate": "0.00001"}
