"""What AWS refuses of a serverless job: at once, or when it looks into the data."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.serverless.account import FALCON, LLAMA, QWEN, Serverless, model_arn
from tests.sandbox.training.account import channel

VALIDATION = "ValidationException"
REWARD = "arn:aws:sagemaker:us-east-1:123456789012:hub-content/h/JsonDoc/e/1.0.0"


def refusal(jobs: Serverless, *args: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        jobs.submit("job", *args, **more)
    assert jobs.sagemaker.list_training_jobs()["TrainingJobSummaries"] == [], "nothing was made"
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("config", "code", "said"),
    [
        ({"BaseModelArn": model_arn("no-such-model")}, "ResourceNotFound", "no-such-model does not exist"),
        ({"BaseModelArn": model_arn(QWEN, "9.9.9")}, "ResourceNotFound", "9.9.9 does not exist"),
        ({"BaseModelArn": model_arn(QWEN, region="us-west-2")}, "ResourceNotFound", "us-west-2"),
        ({"BaseModelArn": model_arn(LLAMA)}, VALIDATION, "ServerlessJobConfig.AcceptEula to true"),
        ({"BaseModelArn": model_arn(LLAMA), "AcceptEula": False}, VALIDATION, "AcceptEula to true"),
        ({"BaseModelArn": model_arn(FALCON)}, VALIDATION, "SFT (LORA) is not supported for model"),
        (
            {"BaseModelArn": model_arn(LLAMA), "AcceptEula": True, "CustomizationTechnique": "DPO"},
            VALIDATION,
            "it has SFT (LORA), SFT (full).",
        ),
        ({"SequenceLength": "1024K"}, VALIDATION, "SequenceLength 1024K is not supported for SFT"),
        ({"CustomizationTechnique": None}, VALIDATION, "CustomizationTechnique is required"),
        ({"CustomizationTechnique": "RLVR"}, VALIDATION, "EvaluatorArn is required"),
        ({"JobType": "Evaluation"}, VALIDATION, "EvaluationType is required"),
        ({"JobType": "Evaluation", "EvaluationType": "CustomScorerEvaluation"}, VALIDATION, "EvaluatorArn is required"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(jobs: Serverless, config: dict[str, Any], code: str, said: str) -> None:
    found = refusal(jobs, None, config)
    assert found[0] == code
    assert said in found[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_epochs": "0"}, "must be between 1 and"),
        ({"max_epochs": "two"}, "must be of the type integer"),
        ({"learning_rate": "nan"}, "must be between"),
        ({"warmth": "1"}, "Hyperparameter warmth is not supported by the recipe"),
    ],
)
def test_hyperparameters_outside_of_the_recipe_are_refused(jobs: Serverless, given: dict[str, str], said: str) -> None:
    code, message = refusal(jobs, HyperParameters=given)
    assert code == VALIDATION
    assert said in message


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ModelPackageConfig": None}, "ModelPackageConfig is required"),
        (
            {
                "ModelPackageConfig": {
                    "ModelPackageGroupArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/none"
                }
            },
            "model-package-group/none does not exist",
        ),
        ({"InputDataConfig": [channel("train", "nothing/")]}, "No S3 objects found"),
        ({"InputDataConfig": [channel("model", "job/train.jsonl")]}, "Channel 'model' is not supported"),
        ({"InputDataConfig": None}, "must have a channel 'train'"),
        (
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
            "ResourceConfig is not supported when ServerlessJobConfig is specified",
        ),
        ({"CheckpointConfig": {"S3Uri": "s3://bucket/c"}}, "CheckpointConfig is not supported"),
    ],
)
def test_what_such_a_job_does_not_take_is_refused(jobs: Serverless, more: dict[str, Any], said: str) -> None:
    code, message = refusal(jobs, **more)
    assert code == VALIDATION
    assert said in message


def test_a_license_that_is_accepted_opens_a_gated_model(jobs: Serverless) -> None:
    jobs.fault("capacity", "job")
    jobs.submit("job", None, {"BaseModelArn": model_arn(LLAMA), "AcceptEula": True, "Peft": None})
    assert jobs.failure("job").startswith("CapacityError")


def test_one_job_above_the_quota_is_refused_and_the_quota_can_be_raised(jobs: Serverless) -> None:
    quotas = jobs.client("service-quotas")
    code = next(
        each["QuotaCode"]
        for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
        for each in page["Quotas"]
        if each["QuotaName"] == "serverless model customization for concurrent jobs"
    )
    limit = quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"]["Value"]
    jobs.sandbox.world.training._slots.free = 0
    for number in range(int(limit)):
        jobs.submit(f"job-{number}")
    with pytest.raises(jobs.sagemaker.exceptions.ResourceLimitExceeded, match="is 4 Jobs, with current utilization"):
        jobs.submit("one-more")
    jobs.sandbox.world.quotas.set("us-east-1", "serverless", "serverless model customization", 5)
    jobs.submit("one-more")


SFT, DPO, RLVR = (
    {"CustomizationTechnique": "SFT"},
    {"CustomizationTechnique": "DPO"},
    {"CustomizationTechnique": "RLVR"},
)
USER, ASSISTANT = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    ("record", "config", "said"),
    [
        ({"text": "a"}, SFT, "it must hold messages, or prompt and completion"),
        ({"messages": [USER]}, SFT, "the last message of messages must be the assistant's"),
        ({"messages": [ASSISTANT, USER]}, SFT, "messages must begin with the user"),
        ({"prompt": "a"}, SFT, "completion must be a text that is not empty"),
        ({"messages": [USER, ASSISTANT]}, DPO, "chosen is missing"),
        (
            {"chosen": [USER, ASSISTANT], "rejected": [{"role": "user", "content": "c"}, ASSISTANT]},
            DPO,
            "must differ in the last message only",
        ),
        ({"prompt": [USER]}, {**RLVR, "EvaluatorArn": REWARD}, "reward_model must be an object"),
        ([], SFT, "not a JSON object"),
    ],
)
def test_data_of_another_form_fails_the_job_with_file_and_line(
    jobs: Serverless, record: Any, config: dict[str, Any], said: str
) -> None:
    good = {
        "SFT": {"prompt": "a", "completion": "b"},
        "DPO": {"prompt": "a", "chosen": "b", "rejected": "c"},
        "RLVR": {"prompt": [USER], "reward_model": {"style": "rule", "ground_truth": "b"}},
    }[config["CustomizationTechnique"]]
    jobs.submit("job", [good, record], config)
    reason = jobs.failure("job")
    assert reason.startswith("ClientError: Dataset validation failed:train.jsonl, line 2: ")
    assert said in reason
    assert jobs.bill() == []
