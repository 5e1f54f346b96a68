"""The amazon provider's hooks and operators run unchanged on the embedded AWS: jobs train, endpoints answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.embedded import IMAGE, Endpoint

ROLE = "arn:aws:iam::123456789012:role/training"


@pytest.fixture
def bucket(aws_environment: Endpoint, request: pytest.FixtureRequest) -> str:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    hook = S3Hook(aws_conn_id=None)
    name = "bucket-" + request.node.name.replace("_", "-")[5:50].strip("-")
    hook.create_bucket(name)
    hook.load_string('{"a": 1}\n{"a": 2}\n', "data/rows.jsonl", bucket_name=name)
    return name


def training(name: str, bucket: str, **more: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data/"}
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"steps": "3"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": "1", "VolumeSizeInGB": "10"},
        "StoppingCondition": {"MaxRuntimeInSeconds": "36000"},
        **more,
    }


def train(name: str, bucket: str, **more: Any) -> dict[str, Any]:
    from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTrainingOperator

    config = training(name, bucket, **more.pop("config", {}))
    options = {"aws_conn_id": None, "print_log": False, "check_interval": 1} | more
    done: dict[str, Any] = SageMakerTrainingOperator(task_id="train", config=config, **options).execute({})
    return done["Training"]


def model(name: str, data_uri: str, colour: str) -> dict[str, Any]:
    container = {"Image": IMAGE, "ModelDataUrl": data_uri, "Environment": {"COLOUR": colour}}
    return {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": container}


def endpoint_config(name: str, model_name: str) -> dict[str, Any]:
    variant = {"VariantName": "AllTraffic", "ModelName": model_name, "InstanceType": "ml.m5.large"}
    return {"EndpointConfigName": name, "ProductionVariants": [{**variant, "InitialInstanceCount": "1"}]}


def ask(endpoint_name: str) -> dict[str, Any]:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    runtime = AwsBaseHook(aws_conn_id=None, client_type="sagemaker-runtime").get_conn()
    answer = runtime.invoke_endpoint(EndpointName=endpoint_name, ContentType="text/plain", Body=b"hello")
    found: dict[str, Any] = json.loads(answer["Body"].read())
    return found


def test_the_s3_hook_writes_lists_copies_and_deletes(bucket):
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    hook = S3Hook(aws_conn_id=None)
    assert hook.list_keys(bucket) == ["data/rows.jsonl"]
    hook.copy_object("data/rows.jsonl", "copy/rows.jsonl", bucket, bucket)
    assert hook.read_key("copy/rows.jsonl", bucket) == '{"a": 1}\n{"a": 2}\n'
    hook.delete_objects(bucket, ["copy/rows.jsonl"])
    assert not hook.check_for_key("copy/rows.jsonl", bucket)
    assert not hook.check_for_bucket("a-bucket-that-is-not-there")


def test_the_training_operator_runs_a_job_that_read_its_data(bucket):
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook

    done = train("provider-train", bucket)
    assert done["TrainingJobStatus"] == "Completed"
    assert done["ModelArtifacts"]["S3ModelArtifacts"].startswith(f"s3://{bucket}/out/provider-train/")
    assert S3Hook(aws_conn_id=None).check_for_key(done["ModelArtifacts"]["S3ModelArtifacts"])
    hook = SageMakerHook(aws_conn_id=None)
    assert [job["TrainingJobName"] for job in hook.list_training_jobs(name_contains="provider-train")] == [
        "provider-train"
    ]


def test_the_training_operator_renames_a_job_whose_name_exists(bucket):
    first = train("provider-again", bucket, wait_for_completion=False)
    second = train("provider-again", bucket, wait_for_completion=False)
    assert first["TrainingJobName"] == "provider-again"
    assert second["TrainingJobName"].startswith("provider-again-")


def test_the_training_operator_fails_with_the_programs_own_words(bucket):
    with pytest.raises(Exception, match="invalid literal for int"):
        train("provider-fails", bucket, config={"HyperParameters": {"steps": "many"}})


def test_the_training_operator_accepts_spot_with_checkpoints(bucket):
    spot = {
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"s3://{bucket}/checkpoints"},
        "StoppingCondition": {"MaxRuntimeInSeconds": "36000", "MaxWaitTimeInSeconds": 72000},
    }
    done = train("provider-spot", bucket, config=spot)
    assert done["TrainingJobStatus"] == "Completed"
    assert done["BillableTimeInSeconds"] <= done["TrainingTimeInSeconds"]


def test_a_request_without_its_bucket_is_refused_before_a_job_exists(aws_environment):
    with pytest.raises(Exception, match="a-bucket-that-is-not-there"):
        train("provider-no-bucket", "a-bucket-that-is-not-there")


def test_endpoints_are_created_updated_answer_and_are_deleted(bucket):
    from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
    from airflow.providers.amazon.aws.operators.sagemaker import (
        SageMakerDeleteModelOperator,
        SageMakerEndpointConfigOperator,
        SageMakerEndpointOperator,
        SageMakerModelOperator,
    )

    data_uri = train("provider-for-endpoint", bucket)["ModelArtifacts"]["S3ModelArtifacts"]
    both = {"aws_conn_id": None}
    for colour in ("blue", "green"):
        SageMakerModelOperator(task_id="model", config=model(colour, data_uri, colour), **both).execute({})
        config = endpoint_config(f"config-{colour}", colour)
        SageMakerEndpointConfigOperator(task_id="config", config=config, **both).execute({})

    def deploy(colour: str, operation: str) -> dict[str, Any]:
        config = {"EndpointName": "provider-endpoint", "EndpointConfigName": f"config-{colour}"}
        operator = SageMakerEndpointOperator(
            task_id="deploy", config=config, operation=operation, check_interval=1, **both
        )
        done: dict[str, Any] = operator.execute({})
        return done["Endpoint"]

    assert deploy("blue", "create")["EndpointStatus"] == "InService"
    answer = ask("provider-endpoint")
    assert (answer["model"], answer["sent"], answer["colour"]) == ({"steps": 3, "rows": 2}, "hello", "blue")
    assert deploy("green", "update")["EndpointConfigName"] == "config-green"
    assert ask("provider-endpoint")["colour"] == "green"
    assert deploy("blue", "create")["EndpointConfigName"] == "config-blue", "an endpoint that exists is updated"

    hook = SageMakerHook(aws_conn_id=None)
    hook.get_conn().delete_endpoint(EndpointName="provider-endpoint")
    hook.get_conn().get_waiter("endpoint_deleted").wait(
        EndpointName="provider-endpoint", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    with pytest.raises(ClientError, match="Could not find"):
        hook.describe_endpoint("provider-endpoint")
    for colour in ("blue", "green"):
        hook.get_conn().delete_endpoint_config(EndpointConfigName=f"config-{colour}")
        SageMakerDeleteModelOperator(task_id="gone", config={"ModelName": colour}, **both).execute({})


def test_the_endpoint_operator_makes_model_configuration_and_endpoint_in_one(bucket):
    from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
    from airflow.providers.amazon.aws.operators.sagemaker import SageMakerEndpointOperator

    data_uri = train("provider-in-one", bucket)["ModelArtifacts"]["S3ModelArtifacts"]
    config = {
        "Model": model("one", data_uri, "red"),
        "EndpointConfig": endpoint_config("one", "one"),
        "Endpoint": {"EndpointName": "one", "EndpointConfigName": "one"},
    }
    SageMakerEndpointOperator(task_id="one", config=config, check_interval=1, aws_conn_id=None).execute({})
    assert ask("one")["colour"] == "red"
    SageMakerHook(aws_conn_id=None).get_conn().delete_endpoint(EndpointName="one")


@pytest.mark.long
def test_the_training_operator_prints_the_log_of_the_job_while_it_waits(bucket, capsys):
    done = train("provider-log", bucket, print_log=True)  # the provider describes the job every 30 seconds
    assert done["TrainingJobStatus"] == "Completed"
    printed = capsys.readouterr()
    assert "step=3 loss=0.3333" in printed.out + printed.err
