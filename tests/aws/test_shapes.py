"""A request is checked against botocore's own model: everything at once, and more than botocore itself checks."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.aws.shapes import faults

GOOD: dict[str, Any] = {
    "TrainingJobName": "job",
    "RoleArn": "arn:aws:iam::123456789012:role/trainer",
    "OutputDataConfig": {"S3OutputPath": "s3://acme/x"},
    "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
}


def check(**changes: Any) -> str:
    return " ".join(faults("sagemaker", "CreateTrainingJob", {**GOOD, **changes}))


def test_a_good_request_has_no_faults():
    assert check() == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Foo": 1}, "Foo"),
        ({"RoleArn": 1}, "RoleArn"),
        ({"RoleArn": "x" * 30}, "does not match"),
        ({"TrainingJobName": "a" * 64}, "at most 63"),
        ({"TrainingJobName": "a b"}, "does not match"),
        ({"ResourceConfig": {"InstanceType": "ml.nope"}}, "ResourceConfig.InstanceType: unknown value"),
        ({"ResourceConfig": {"InstanceCount": -1}}, "InstanceCount"),
        ({"OutputDataConfig": {}}, "S3OutputPath"),
        ({"Tags": [{"Key": "k" * 129, "Value": ""}]}, "Tags[0].Key"),
        ({"Environment": {"1 bad": "x"}}, "(key: 1 bad)"),
        ({"Environment": {f"k{n}": "" for n in range(101)}}, "Environment: 101 entries, at most 100"),
        ({"EnableManagedSpotTraining": "yes"}, "EnableManagedSpotTraining"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "MaxRuntimeInSeconds"),
        ({"RetryStrategy": {"MaximumRetryAttempts": 31}}, "at most 30"),
        (
            {"AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "Tape"}},
            "must be one of Pipe, File, FastFile",
        ),
    ],
)
def test_a_fault_is_found_with_its_place(changes: dict[str, Any], words: str):
    assert words in check(**changes)


def test_all_faults_are_found_at_once():
    said = check(Foo=1, RoleArn=2, TrainingJobName="a b", ResourceConfig={"InstanceCount": "many"})
    assert all(word in said for word in ("Foo", "RoleArn", "TrainingJobName", "InstanceCount"))


def test_what_the_installed_botocore_does_not_know_is_said_with_the_way_to_a_newer_one():
    (said,) = faults("sagemaker", "CreateSomethingOfNextYear", {})
    assert "does not know CreateSomethingOfNextYear: pip install --upgrade boto3." in said
    assert check(Foo=1).endswith("comes with pip install --upgrade boto3.)")
    assert "upgrade" not in check(RoleArn="role"), "the control: a value that is wrong is no member that is missing"
