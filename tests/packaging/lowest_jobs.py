"""Runs one job of each backend in both wait modes, in an environment with the lowest versions; prints what came of it.

python lowest_jobs.py       prints one JSON object: backend -> "worker" and "triggerer" -> what the task returned
"""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from typing import Any

import boto3

from airflow_finetune import FineTuneOperator
from airflow_finetune.aws.shapes import faults
from airflow_finetune.backends import BACKENDS
from demo import orders
from tests.execution_api import TaskRun, in_dag

ROLE = os.environ["AIRFLOW_VAR_FINETUNE_ROLE_ARN"]
HUB_MODEL = "huggingface-llm-qwen2-5-7b-instruct"
COMMON = {"dataset": "s3://lowest/train.jsonl", "output_uri": "s3://lowest/models/", "role_arn": ROLE, "epochs": 1}
SPECS: dict[str, dict[str, Any]] = {
    "spot_training": {"base_model": "s3://lowest/base/", "image_uri": os.environ["AIRFLOW_VAR_FINETUNE_IMAGE_URI"]},
    "bedrock": {"base_model": "amazon.nova-micro-v1:0:128k"},
    "jumpstart": {"model_id": HUB_MODEL, "hyperparameters": {"max_steps": 4}},
    "serverless": {"base_model": HUB_MODEL, "model_package_group": "lowest", "max_steps": 4},
}


def main() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="lowest")
    s3.put_object(Bucket="lowest", Key="base/config.json", Body=b"{}")
    turns = [[("user", raw["text"]), ("assistant", raw["json"])] for raw in orders.records(1, 16)]
    chats = [{"messages": [{"role": role, "content": text} for role, text in each]} for each in turns]
    s3.put_object(Bucket="lowest", Key="train.jsonl", Body="".join(json.dumps(each) + "\n" for each in chats).encode())
    s3.close()
    found: dict[str, Any] = {}
    for backend in (each.name for each in BACKENDS):
        found[backend] = {}
        for way in ("worker", "triggerer"):
            spec = {"backend": backend, **COMMON, **SPECS[backend]}
            options = {"poll_seconds": 0.3, "deferrable": way == "triggerer", "spec": spec}
            run = TaskRun(in_dag(lambda: FineTuneOperator(task_id=way, **options), dag_id=backend))  # noqa: B023 - called at once
            state = run.try_once()
            found[backend][way] = {
                "state": state,
                "error": str(run.error),
                "deferrals": len(run.deferrals),
                "model": run.result if state == "success" else None,
            }
    newer = faults("sagemaker", "CreateTrainingJob", {"ServerlessJobConfig": {"SequenceLength": "2048"}})
    names = ("apache-airflow-providers-amazon", "boto3", "botocore", "pydantic", "moto", "apache-airflow")
    versions = {name: version(name) for name in names if name != "moto"}
    print(json.dumps({"runs": found, "versions": versions, "newer": newer}))


if __name__ == "__main__":
    main()
