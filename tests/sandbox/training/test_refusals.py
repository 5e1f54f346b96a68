"""What CreateTrainingJob refuses at once, with AWS's code and text, and what only the sandbox does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.training.account import Jobs, channel
from tests.sandbox.training.programs import SLEEPER, TRAINER


def refusal(call: Callable[[], Any]) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def create_refused(jobs: Jobs, **further: Any) -> tuple[int, str, str]:
    answer = refusal(lambda: jobs.create("refused", TRAINER, **further))
    assert jobs.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    return answer


SPOT: dict[str, Any] = {"EnableManagedSpotTraining": True}


@pytest.mark.parametrize(
    ("further", "message"),
    [
        pytest.param(
            {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}},
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true",
            id="wait without Spot",
        ),
        pytest.param(
            SPOT | {"StoppingCondition": {"MaxRuntimeInSeconds": 61, "MaxWaitTimeInSeconds": 60}},
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
            id="wait shorter than run",
        ),
        pytest.param(
            SPOT | {"StoppingCondition": {"MaxRuntimeInSeconds": 61}},
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
            id="Spot without wait",
        ),
        pytest.param(
            SPOT
            | {
                "StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1},
                "ResourceConfig": {"KeepAlivePeriodInSeconds": 60},
            },
            "KeepAlivePeriodInSeconds is not supported when EnableManagedSpotTraining is set to true.",
            id="Spot and a warm pool",
        ),
        pytest.param(
            {"InputDataConfig": [channel("code", "code/"), channel("code", "code/")]},
            "Duplicate channel name 'code' in InputDataConfig: channel names must be unique.",
            id="the same channel twice",
        ),
        pytest.param(
            {"OutputDataConfig": {"S3OutputPath": "https://bucket/out"}},
            "Invalid OutputDataConfig.S3OutputPath 'https://bucket/out': it must be an s3:// URI.",
            id="output not in S3",
        ),
        pytest.param(
            {"ResourceConfig": {"InstancePreferences": [{"InstanceType": "ml.m5.large"}]}},
            "Specify exactly one of InstanceType, InstanceGroups and InstancePreferences in ResourceConfig.",
            id="two ways to name instances",
        ),
        pytest.param(
            {"AlgorithmSpecification": {"TrainingImage": ""}},
            "You must specify either the TrainingImage or the AlgorithmName in AlgorithmSpecification, and not both.",
            id="no image",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(jobs: Jobs, further: dict[str, Any], message: str) -> None:
    assert create_refused(jobs, **further) == (400, "ValidationException", message)


def test_spot_and_instance_preferences_are_refused_as_aws_does(jobs: Jobs) -> None:
    request = jobs.request("refused", **SPOT)
    request["ResourceConfig"] = {"InstancePreferences": [{"InstanceType": "ml.m5.large", "InstanceCount": 1}]}
    request["StoppingCondition"] = {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1}
    status, code, message = refusal(lambda: jobs.sagemaker.create_training_job(**request))
    assert (status, code) == (400, "ValidationException")
    assert message == "InstancePreferences is not supported when EnableManagedSpotTraining is set to true."


def test_several_missing_members_are_named_in_one_answer(jobs: Jobs) -> None:
    request = jobs.request("refused")
    del request["AlgorithmSpecification"], request["StoppingCondition"]
    status, code, message = refusal(lambda: jobs.sagemaker.create_training_job(**request))
    assert (status, code) == (400, "ValidationException")
    assert message == (
        "2 validation errors detected: "
        "Value null at 'algorithmSpecification' failed to satisfy constraint: Member must not be null; "
        "Value null at 'stoppingCondition' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize("uri", ["s3://bucket/nothing-here/", "s3://no-such-bucket/data"])
def test_a_channel_without_data_is_refused(jobs: Jobs, uri: str) -> None:
    data = channel("train", "x")
    data["DataSource"]["S3DataSource"]["S3Uri"] = uri
    status, code, message = create_refused(jobs, InputDataConfig=[data])
    assert (status, code) == (400, "ValidationException")
    assert message.startswith(f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure')
    assert '"arn:aws:iam::123456789012:role/training" has "s3:ListBucket" permissions' in message


def test_a_bucket_of_another_region_is_refused(jobs: Jobs) -> None:
    place = {"LocationConstraint": "eu-west-1"}
    jobs.s3.create_bucket(Bucket="elsewhere", CreateBucketConfiguration=place)
    jobs.s3.put_object(Bucket="elsewhere", Key="data/x", Body=b"x")
    data = channel("train", "x")
    data["DataSource"]["S3DataSource"]["S3Uri"] = "s3://elsewhere/data/"
    _, code, message = create_refused(jobs, InputDataConfig=[data])
    assert code == "ValidationException"
    assert "Please ensure that the bucket exists in the selected region (us-east-1)" in message


def test_a_name_is_taken_until_the_job_is_deleted(jobs: Jobs) -> None:
    arn = jobs.create("taken", TRAINER, "--steps", "1")
    taken = (
        400,
        "ResourceInUse",
        "Training job names must be unique within an AWS account and region, "
        f"and a training job with this name already exists ({arn})",
    )
    assert refusal(lambda: jobs.create("taken")) == taken
    jobs.end("taken")
    assert refusal(lambda: jobs.create("taken")) == taken
    jobs.sagemaker.delete_training_job(TrainingJobName="taken")
    assert jobs.create("taken", TRAINER, "--steps", "1") == arn
    assert jobs.end("taken")["TrainingJobStatus"] == "Completed"


def test_a_job_that_runs_cannot_be_deleted(jobs: Jobs) -> None:
    jobs.create("alive", SLEEPER)
    status, code, message = refusal(lambda: jobs.sagemaker.delete_training_job(TrainingJobName="alive"))
    assert (status, code) == (400, "ResourceInUse")
    assert "InProgress" in message


@pytest.mark.parametrize("operation", ["describe_training_job", "stop_training_job", "delete_training_job"])
def test_a_job_that_is_not_there(jobs: Jobs, operation: str) -> None:
    call = getattr(jobs.sagemaker, operation)
    assert refusal(lambda: call(TrainingJobName="nobody")) == (
        400,
        "ValidationException",
        "Requested resource not found.",
    )


def test_a_quota_of_zero_and_the_spot_quota_are_counted_apart(jobs: Jobs) -> None:
    quotas = jobs.sandbox.world.quotas
    quotas.set("us-east-1", "training", "ml.m5.large", 1)
    quotas.set("us-east-1", "spot_training", "ml.m5.large", 0)
    status, code, message = refusal(lambda: jobs.create_spot("spot"))
    assert (status, code) == (400, "ResourceLimitExceeded")
    assert message.startswith(
        "The account-level service limit 'ml.m5.large for spot training job usage' is 0 Instances, with current "
        "utilization of 0 Instances and a request delta of 1 Instances."
    )
    jobs.create("one", SLEEPER)
    _, code, message = refusal(lambda: jobs.create("two", SLEEPER))
    assert code == "ResourceLimitExceeded"
    assert "'ml.m5.large for training job usage' is 1 Instances, with current utilization of 1 Instances" in message
    quotas.set("us-east-1", "spot_training", "ml.m5.large", 1)
    jobs.create_spot("spot", SLEEPER)
    jobs.sagemaker.stop_training_job(TrainingJobName="one")
    jobs.end("one")
    jobs.create("two", SLEEPER)


def test_a_hundred_creates_at_once_get_as_many_jobs_as_the_quota_allows(jobs: Jobs) -> None:
    from concurrent.futures import ThreadPoolExecutor

    jobs.sandbox.world.quotas.set("us-east-1", "training", "ml.m5.large", 5)
    request = jobs.request("crowd", SLEEPER)

    def create(number: int) -> str:
        try:
            jobs.sagemaker.create_training_job(**request | {"TrainingJobName": f"crowd-{number}"})
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "created"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(create, range(40)))
    assert outcomes.count("created") == 5
    assert outcomes.count("ResourceLimitExceeded") == 35


@pytest.mark.parametrize(
    ("further", "member"),
    [
        ({"ResourceConfig": {"InstanceCount": 2}}, "ResourceConfig.InstanceCount"),
        ({"ResourceConfig": {"KeepAlivePeriodInSeconds": 60}}, "ResourceConfig.KeepAlivePeriodInSeconds"),
        ({"CheckpointConfig": {"S3Uri": "s3://bucket/c", "LocalPath": "/tmp/c"}}, "CheckpointConfig.LocalPath"),
        ({"CheckpointConfig": {"S3Uri": "s3://bucket/c", "LocalPath": "/opt/ml/../x"}}, "CheckpointConfig.LocalPath"),
        ({"InputDataConfig": [channel("code", "code/", InputMode="Pipe")]}, "InputDataConfig[code].InputMode"),
        ({"MlflowConfig": {"MlflowResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/x"}}, "Mlflow"),
        (
            {
                "ModelPackageConfig": {
                    "ModelPackageGroupArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/g"
                }
            },
            "ModelPackageConfig",
        ),
    ],
)
def test_what_the_sandbox_does_not_have_is_refused_by_name_and_not_retried(
    jobs: Jobs, further: dict[str, Any], member: str
) -> None:
    status, code, message = create_refused(jobs, **further)
    assert (status, code) == (501, "NotImplemented")
    assert member in message


def test_members_without_effect_are_shown_and_named_in_the_log(jobs: Jobs) -> None:
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    jobs.create("kept", TRAINER, "--steps", "1", VpcConfig=vpc, EnableNetworkIsolation=True)
    job = jobs.end("kept")
    assert (job["VpcConfig"], job["EnableNetworkIsolation"]) == (vpc, True)
    printed = jobs.printed("kept")
    assert "sandbox: VpcConfig has no effect here" in printed
    assert "sandbox: EnableNetworkIsolation has no effect here" in printed
