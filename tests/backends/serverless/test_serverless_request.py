"""The request of a spec: each field changes it, and it is checked before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune import ServerlessSpec, SpecError
from airflow_finetune.aws.shapes import faults
from airflow_finetune.backends.serverless.request import serverless_request
from tests.backends.serverless.specs import BASE, EVALUATOR, QWEN, given

MODEL = f"arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/{QWEN}/2.0.0"
GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/orders"
TRAIN, VALIDATION = "s3://acme/models/serverless-data/0/train.jsonl", "s3://acme/models/serverless-data/0/v.jsonl"
REWARDED = {"technique": "rlvr", "evaluator_arn": EVALUATOR}
NETWORK = {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]}
# Another legal value of every field, with what it needs beside it in both requests.
OTHER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "role_arn": ({}, {"role_arn": "arn:aws:iam::123456789012:role/other"}),
    "output_uri": ({}, {"output_uri": "s3://acme/other"}),
    "base_model": ({}, {"base_model": "meta-textgeneration-llama-3-2-1b-instruct"}),
    "hub": ({}, {"hub": "ours"}),
    "technique": ({}, {"technique": "dpo"}),
    "method": ({}, {"method": "full"}),
    "accept_eula": ({}, {"accept_eula": True}),
    "evaluator_arn": (REWARDED, {"evaluator_arn": f"{EVALUATOR}1"}),
    "epochs": ({}, {"epochs": 2}),
    "max_steps": ({}, {"max_steps": 7}),
    "batch_size": ({}, {"batch_size": 16}),
    "learning_rate": ({}, {"learning_rate": 0.0001}),
    "lora_rank": ({}, {"lora_rank": 4}),
    "lora_alpha": ({}, {"lora_alpha": 8}),
    "seed": ({}, {"seed": 1}),
    "hyperparameters": ({}, {"hyperparameters": {"lr_warmup_steps_ratio": 0.1}}),
    "sequence_length": ({}, {"sequence_length": "4K"}),
    "max_runtime_seconds": ({}, {"max_runtime_seconds": 3600}),
    "output_kms_key_id": ({}, {"output_kms_key_id": "alias/out"}),
    "subnets": (NETWORK, {"subnets": ["subnet-2"]}),
    "security_group_ids": (NETWORK, {"security_group_ids": ["sg-2"]}),
    "mlflow_arn": ({}, {"mlflow_arn": "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-1"}),
    "tags": ({}, {"tags": {"team": "nlp"}}),
    "request_overrides": ({}, {"request_overrides": {"HyperParameters": {"max_epochs": "2"}}}),
}
# Model, group and data come in as what was looked up and rendered; limits and prices are ours, AWS is not told.
LOOKED_UP = {"version", "dataset", "validation", "model_package_group", "limits", "prices"}


def request(validation_uri: str | None = None, **changes: Any) -> dict[str, Any]:
    return serverless_request(ServerlessSpec(**given(**changes)), MODEL, GROUP, TRAIN, validation_uri)


def test_the_whole_request_is_as_it_always_was() -> None:
    found = request(VALIDATION, epochs=2, learning_rate=1e-5, tags={"team": "nlp"}, output_kms_key_id="alias/out")
    source = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
    assert found == {
        "RoleArn": BASE["role_arn"],
        "InputDataConfig": [
            {"ChannelName": name, "DataSource": {"S3DataSource": {**source, "S3Uri": uri}}, "InputMode": "File"}
            for name, uri in (("train", TRAIN), ("validation", VALIDATION))
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://acme/models", "KmsKeyId": "alias/out"},
        "ServerlessJobConfig": {
            "BaseModelArn": MODEL,
            "AcceptEula": False,
            "JobType": "FineTuning",
            "CustomizationTechnique": "SFT",
            "Peft": "LORA",
        },
        "HyperParameters": {"max_epochs": "2", "learning_rate": "1e-05"},
        "ModelPackageConfig": {"ModelPackageGroupArn": GROUP},
        "Tags": [{"Key": "sagemaker-sdk:jumpstart-model-id", "Value": QWEN}, {"Key": "team", "Value": "nlp"}],
    }


def test_all_weights_are_asked_for_by_saying_nothing_of_an_adapter() -> None:
    assert "Peft" not in request(method="full")["ServerlessJobConfig"]


@pytest.mark.parametrize("field", sorted(set(ServerlessSpec.model_fields) - LOOKED_UP))
def test_changing_a_field_changes_the_request(field: str) -> None:
    beside, changes = OTHER[field]
    assert request(**{**beside, **changes}) != request(**beside)


@pytest.mark.parametrize("field", sorted((set(OTHER) | {"version", "dataset", "model_package_group"}) - {"tags"}))
def test_changing_a_field_changes_the_digest(field: str) -> None:
    more = {"version": "1.0.0", "dataset": "s3://acme/other.jsonl", "model_package_group": "others"}
    beside, changes = OTHER.get(field, ({}, {field: more.get(field)}))
    assert ServerlessSpec(**given(**{**beside, **changes})).digest() != ServerlessSpec(**given(**beside)).digest()


def test_what_only_describes_a_job_is_not_in_its_digest() -> None:
    plain, told = ServerlessSpec(**given()), ServerlessSpec(**given(tags={"a": "b"}, prices={"sft_lora": 1}))
    assert plain.digest() == told.digest()


@pytest.mark.parametrize("field", sorted(OTHER))
def test_every_request_is_one_that_botocore_accepts(field: str) -> None:
    beside, changes = OTHER[field]
    whole = {"TrainingJobName": "x", **request(**{**beside, **changes})}
    assert faults("sagemaker", "CreateTrainingJob", whole) == []


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"TrainingJobName": "mine"}, "the name is the claim on the job"),
        ({"ResourceConfig": {"InstanceType": "ml.g5.xlarge"}}, "a serverless job has none"),
        ({"EnableManagedSpotTraining": True}, "not bought by instance"),
        ({"RoleArn": 3}, "RoleArn"),
    ],
)
def test_overrides_that_cannot_work_are_refused(overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        request(request_overrides=overrides)
