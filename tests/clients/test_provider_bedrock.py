"""The amazon provider's Bedrock operators and sensors run unchanged on the embedded AWS: models train and answer."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo import orders
from tests.clients.embedded import Endpoint

ROLE = "arn:aws:iam::123456789012:role/bedrock"
BASE = "amazon.nova-micro-v1:0:128k"


@pytest.fixture
def bucket(aws_environment: Endpoint) -> str:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    hook = S3Hook(aws_conn_id=None)
    if not hook.check_for_bucket("provider-bedrock"):
        hook.create_bucket("provider-bedrock")
    hook.load_string("".join(record(raw) for raw in orders.records(1, 8)), "train.jsonl", "provider-bedrock", True)
    return "provider-bedrock"


def record(raw: dict[str, str]) -> str:
    turns = (("user", raw["text"]), ("assistant", raw["json"]))
    messages = [{"role": role, "content": [{"text": text}]} for role, text in turns]
    return json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": messages}) + "\n"


def customize(name: str, bucket: str, **more: Any) -> str:
    from airflow.providers.amazon.aws.operators.bedrock import BedrockCustomizeModelOperator

    options: dict[str, Any] = {
        "job_name": name,
        "custom_model_name": f"{name}-model",
        "role_arn": ROLE,
        "base_model_id": BASE,
        "training_data_uri": f"s3://{bucket}/train.jsonl",
        "output_data_uri": f"s3://{bucket}/out",
        "hyperparameters": {"epochCount": "1"},
        "waiter_delay": 1,
        "waiter_max_attempts": 600,
        "aws_conn_id": None,
    }
    operator = BedrockCustomizeModelOperator(task_id="customize", **{**options, **more})
    done: Any = operator.execute({})
    return str(done)


def bedrock() -> Any:
    from airflow.providers.amazon.aws.hooks.bedrock import BedrockHook

    return BedrockHook(aws_conn_id=None).conn


@pytest.mark.long
def test_a_model_is_customized_given_throughput_and_asked(bucket: str) -> None:
    from airflow.providers.amazon.aws.hooks.bedrock import BedrockRuntimeHook
    from airflow.providers.amazon.aws.operators.bedrock import (
        BedrockCreateProvisionedModelThroughputOperator,
        BedrockInvokeModelOperator,
    )
    from airflow.providers.amazon.aws.sensors.bedrock import (
        BedrockCustomizeModelCompletedSensor,
        BedrockProvisionModelThroughputCompletedSensor,
    )

    arn = customize("provider-customize", bucket)
    job = bedrock().get_model_customization_job(jobIdentifier=arn)
    assert job["status"] == "Completed"
    assert BedrockCustomizeModelCompletedSensor(task_id="s", job_name="provider-customize", aws_conn_id=None).poke({})
    throughput = BedrockCreateProvisionedModelThroughputOperator(
        task_id="buy", model_units=1, provisioned_model_name="provider-units", model_id=job["outputModelArn"],
        waiter_delay=1, waiter_max_attempts=60, aws_conn_id=None,
    ).execute({})  # fmt: skip
    sensor = BedrockProvisionModelThroughputCompletedSensor(task_id="t", model_id=throughput, aws_conn_id=None)
    assert sensor.poke({})
    asked = {"messages": [{"role": "user", "content": [{"text": "hello"}]}], "inferenceConfig": {"maxTokens": 5}}
    answer = BedrockInvokeModelOperator(task_id="ask", model_id=throughput, input_data=asked, aws_conn_id=None).execute(
        {}
    )
    assert answer["output"]["message"]["role"] == "assistant"
    runtime = BedrockRuntimeHook(aws_conn_id=None).conn
    said = runtime.converse(modelId=throughput, messages=asked["messages"], inferenceConfig={"maxTokens": 5})
    assert said["output"]["message"]["content"] == answer["output"]["message"]["content"]
    bedrock().delete_provisioned_model_throughput(provisionedModelId=throughput)
    bedrock().delete_custom_model(modelIdentifier=job["outputModelArn"])


def test_a_job_whose_name_exists_is_renamed(bucket: str) -> None:
    first = customize("provider-again", bucket, wait_for_completion=False)
    second = customize("provider-again", bucket, custom_model_name="another", wait_for_completion=False)
    names = [bedrock().get_model_customization_job(jobIdentifier=each)["jobName"] for each in (first, second)]
    assert names[0] == "provider-again"
    assert names[1].startswith("provider-again-")
    for each in (first, second):
        with contextlib.suppress(ClientError):  # it has ended already
            bedrock().stop_model_customization_job(jobIdentifier=each)


def test_a_job_with_bad_data_fails_the_operator(bucket: str) -> None:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    S3Hook(aws_conn_id=None).load_string("{}\n", "bad.jsonl", bucket, True)
    with pytest.raises(Exception, match="terminal failure"):
        customize("provider-bad", bucket, training_data_uri=f"s3://{bucket}/bad.jsonl")
