"""Asks hubs and trains their models through boto3, as a program outside does, by what a document says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

PUBLIC = "SageMakerPublicHub"
QWEN = "huggingface-llm-qwen2-5-7b-instruct"
LLAMA = "meta-textgeneration-llama-3-2-1b-instruct"
MISTRAL = "huggingface-llm-mistral-7b-instruct"
FALCON = "huggingface-llm-falcon-7b-bf16"
MINILM = "huggingface-textembedding-all-minilm-l6-v2"
ROLE = "arn:aws:iam::123456789012:role/tuning"
PATIENCE_SECONDS = 300.0

Client = Callable[..., Any]


def described(sagemaker: Any, model: str, **further: Any) -> dict[str, Any]:
    """DescribeHubContent's answer, its document read."""
    asked = {"HubName": PUBLIC, "HubContentType": "Model", **further}
    answer = dict(sagemaker.describe_hub_content(HubContentName=model, **asked))
    answer["HubContentDocument"] = json.loads(answer["HubContentDocument"])
    return answer


def document(sagemaker: Any, model: str) -> dict[str, Any]:
    """The document of a model of the public hub."""
    return dict(described(sagemaker, model)["HubContentDocument"])


def channel(name: str, uri: str, **source: Any) -> dict[str, Any]:
    place = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated", **source}
    return {"ChannelName": name, "DataSource": {"S3DataSource": place}, "CompressionType": "None"}


def request(name: str, of: Mapping[str, Any], data: str, accept: bool = False, **chosen: Any) -> dict[str, Any]:
    """The request that the document of a model asks for; ``chosen`` are hyperparameters."""
    eula = {"ModelAccessConfig": {"AcceptEula": True}} if accept else {}
    defaults = {each["Name"]: str(each["Default"]) for each in of["Hyperparameters"]}
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "HyperParameters": defaults | {key: str(value) for key, value in chosen.items()},
        "AlgorithmSpecification": {
            "TrainingImage": of["TrainingEcrUri"],
            "TrainingInputMode": "File",
            "MetricDefinitions": of["TrainingMetrics"],
        },
        "InputDataConfig": [
            channel("training", data),
            channel("model", of["TrainingArtifactUri"], **eula),
            channel("code", of["TrainingScriptUri"]),
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out", "CompressionType": "NONE"},
        "ResourceConfig": {
            "InstanceType": of["DefaultTrainingInstanceType"],
            "InstanceCount": 1,
            "VolumeSizeInGB": of["TrainingVolumeSize"],
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": of["MaxRuntimeInSeconds"]},
        "EnableNetworkIsolation": of["TrainingEnableNetworkIsolation"],
    }


def end(sagemaker: Any, name: str) -> dict[str, Any]:
    """Wait for the end of a job and return its description."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        job = dict(sagemaker.describe_training_job(TrainingJobName=name))
        if job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"):
            return job
        time.sleep(0.1)
    raise AssertionError(f"{name} has not ended")


def printed(logs: Any, name: str) -> list[str]:
    """All lines that a job has printed."""
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    lines: list[str] = []
    for stream in sorted(each["logStreamName"] for each in streams):
        events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
        lines += [event["message"] for event in events]
    return lines


def instructions(s3: Any, prefix: str, rows: list[dict[str, Any]], template: Mapping[str, str] | None = None) -> str:
    """Put training data into the bucket ``bucket``, and return its URI."""
    s3.put_object(Bucket="bucket", Key=f"{prefix}/train.jsonl", Body="\n".join(json.dumps(row) for row in rows))
    if template:
        s3.put_object(Bucket="bucket", Key=f"{prefix}/template.json", Body=json.dumps(template))
    return f"s3://bucket/{prefix}/"
