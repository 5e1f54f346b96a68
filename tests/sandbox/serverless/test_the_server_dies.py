"""kill -9 of the server: what trains does not go on."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.sandbox.bedrock.account import lines, until
from tests.sandbox.bedrock.test_the_server_dies import alive, client, modules, programs, server
from tests.sandbox.serverless.account import GROUP, QWEN, chats, model_arn
from tests.sandbox.training.account import ROLE, channel

pytestmark = pytest.mark.long
__all__ = ["server"]


def test_nothing_is_left_after_kill_9(server: tuple[subprocess.Popen[str], str]) -> None:
    process, url = server
    s3, sagemaker = client("s3", url), client("sagemaker", url)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="train.jsonl", Body=lines(chats(1, 400)).encode())
    sagemaker.create_model_package_group(ModelPackageGroupName="orders")
    sagemaker.create_training_job(
        TrainingJobName="job",
        RoleArn=ROLE,
        InputDataConfig=[channel("train", "train.jsonl")],
        OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
        ServerlessJobConfig={
            "BaseModelArn": model_arn(QWEN),
            "JobType": "FineTuning",
            "CustomizationTechnique": "SFT",
            "Peft": "LORA",
        },
        ModelPackageConfig={"ModelPackageGroupArn": GROUP},
    )
    until(lambda: "tune" in modules(programs(process)))
    left = programs(process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert left
    until(lambda: alive(left) == [])
    for each in (s3, sagemaker):
        each.close()
