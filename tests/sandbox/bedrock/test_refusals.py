"""What CreateModelCustomizationJob refuses before a job exists, and so before it costs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.sandbox.edge.faults import Rule
from tests.sandbox.bedrock.account import ASKED, MICRO, PREMIER, TITAN, Account, lines, order_records, refusal

TEACHER = {"distillationConfig": {"teacherModelConfig": {"teacherModelIdentifier": PREMIER}}}
GRADER = {"rftConfig": {"graderConfig": {"lambdaGrader": {
    "lambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:grade"}}}}  # fmt: skip


def refused(account: Account, **more: Any) -> str:
    code, text = refusal(account.bedrock.create_model_customization_job, **account.request(**more))
    assert code == "ValidationException"
    assert account.bedrock.list_model_customization_jobs()["modelCustomizationJobSummaries"] == []
    return text


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"baseModelIdentifier": "amazon.nova-colossal-v1:0"}, "The provided model identifier is invalid."),
        ({"baseModelIdentifier": PREMIER}, "does not support FINE_TUNING: it cannot be customized"),
        ({"baseModelIdentifier": ASKED}, f"(sandbox: {MICRO} can be customized)"),
        (
            {"customizationType": "CONTINUED_PRE_TRAINING"},
            f"The model {MICRO} does not support CONTINUED_PRE_TRAINING: it supports FINE_TUNING, DISTILLATION.",
        ),
        (
            {"baseModelIdentifier": "meta.llama3-1-8b-instruct-v1:0:128k"},
            "cannot be customized in us-east-1: use us-west-2.",
        ),
        (
            {"hyperParameters": {"epochCount": "6"}},
            "Hyperparameter epochCount has the value 6: it must be from 1 to 5.",
        ),
        (
            {"hyperParameters": {"epochCount": "2.5"}},
            "Hyperparameter epochCount has the value '2.5': it must be of type integer.",
        ),
        (
            {"hyperParameters": {"learningRate": "nan"}},
            "Hyperparameter learningRate has the value 'nan': it must be of type float.",
        ),
        (
            {"hyperParameters": {"epochs": "2"}},
            "Unsupported hyperparameter: epochs. Supported hyperparameters: batchSize, epochCount, learningRate, "
            "learningRateWarmupSteps.",
        ),
        ({"customizationType": "DISTILLATION"}, "DISTILLATION needs customizationConfig.distillationConfig."),
        ({"customizationConfig": TEACHER}, "FINE_TUNING does not take customizationConfig.distillationConfig."),
        ({"customizationConfig": GRADER}, "FINE_TUNING does not take customizationConfig.rftConfig."),
        (
            {"trainingDataConfig": {"invocationLogsConfig": {"invocationLogSource": {"s3Uri": "s3://bucket/logs"}}}},
            "FINE_TUNING does not take invocationLogsConfig",
        ),
        ({"trainingDataConfig": {}}, "either s3Uri or invocationLogsConfig"),
        (
            {"trainingDataConfig": {"s3Uri": "s3://bucket/absent.jsonl"}},
            "Could not validate GetObject permissions to access Amazon S3 bucket: bucket at key absent.jsonl",
        ),
        (
            {"trainingDataConfig": {"s3Uri": "s3://nobodys/train.jsonl"}},
            "Could not validate GetObject permissions to access Amazon S3 bucket: nobodys at key train.jsonl",
        ),
        (
            {"outputDataConfig": {"s3Uri": "s3://nobodys/out"}},
            "Amazon S3 perms missing (PutObject): Could not validate PutObject permissions to access S3 bucket: "
            "nobodys at key out/.write_access_check_file.tmp",
        ),
        ({"jobTags": [{"key": "aws:x", "value": "1"}]}, "Tag keys that start with aws: are reserved."),
        ({"baseModelIdentifier": "amazon.nova-micro-v1:0:128k!"}, "1 validation error detected"),
    ],
)
def test_a_request_is_refused(account: Account, more: dict[str, Any], text: str) -> None:
    assert text in refused(account, **more)


def test_a_teacher_must_be_one_for_its_student(account: Account) -> None:
    config = {"distillationConfig": {"teacherModelConfig": {"teacherModelIdentifier": ASKED}}}
    text = refused(account, customizationType="DISTILLATION", customizationConfig=config)
    assert f"The model {ASKED} cannot teach {MICRO}: its teachers are amazon.nova-pro-v1:0, {PREMIER}." in text


def test_a_distillation_takes_no_validation_data(account: Account) -> None:
    uri = account.put("val.jsonl", order_records(2, 8))
    more = {"customizationType": "DISTILLATION", "customizationConfig": TEACHER}
    text = refused(account, validationDataConfig={"validators": [{"s3Uri": uri}]}, **more)
    assert f"Validation data is not supported for DISTILLATION of {MICRO}" in text


def test_validation_data_must_be_there_too(account: Account) -> None:
    text = refused(account, validationDataConfig={"validators": [{"s3Uri": "s3://bucket/none.jsonl"}]})
    assert "bucket at key none.jsonl" in text


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("GetObject", "Could not validate GetObject permissions to access Amazon S3 bucket: bucket at key"),
        ("PutObject", "Could not validate PutObject permissions to access S3 bucket: bucket at key out/.write_access"),
    ],
)
def test_a_role_that_may_not_read_or_write_is_refused(account: Account, operation: str, text: str) -> None:
    rule = Rule("access_denied", service="bedrock", operation=operation, match={"roleArn": "*:role/poor"})
    account.sandbox.world.faults.add(rule)
    assert text in refused(account, roleArn="arn:aws:iam::123456789012:role/poor")
    account.submit("rich", records="")


@pytest.mark.parametrize("place", ["trainingDataConfig", "outputDataConfig"])
def test_a_bucket_of_another_region_is_refused(account: Account, place: str) -> None:
    there = account.aws("s3", region_name="eu-west-1")
    there.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    there.put_object(Bucket="far", Key="train.jsonl", Body=lines(order_records(1, 8)).encode())
    text = refused(account, **{place: {"s3Uri": "s3://far/train.jsonl"}})
    assert "The Amazon S3 bucket far is in the Region eu-west-1. It must be in the same Region" in text


def test_a_grader_that_nobody_stands_for_is_said_to_be_missing(account: Account) -> None:
    more = {"customizationType": "REINFORCEMENT_FINE_TUNING", "customizationConfig": GRADER}
    request = account.request(baseModelIdentifier="amazon.nova-2-lite-v1:0:256k", **more)
    code, text = refusal(account.bedrock.create_model_customization_job, **request)
    assert code == "NotImplemented"
    assert "--function grade=FOLDER" in text


def test_continued_pre_training_is_of_titan_here(account: Account) -> None:
    more = {"customizationType": "CONTINUED_PRE_TRAINING", "baseModelIdentifier": TITAN}
    account.submit("cpt", [], **more)
    assert "the training data is 0: the minimum is 1" in account.failure("cpt")
