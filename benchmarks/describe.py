"""DescribeTrainingJob, ours against moto's own server in the same run: the call that every poller makes."""

from __future__ import annotations

import sys
from typing import Any

import boto3
from botocore.config import Config

from benchmarks import servers
from benchmarks.measure import in_turn, report, spread
from demo.processes import Processes, wait_for

ROUNDS, CALLS = 40, 25


def client(service: str, url: str) -> Any:
    return boto3.client(service, endpoint_url=url, config=Config(retries={"total_max_attempts": 1}), **servers.KEYS)


def finished_job(url: str) -> Any:
    """Run one short job to its end, with the members that a real request has."""
    s3, sagemaker = client("s3", url), client("sagemaker", url)
    s3.create_bucket(Bucket="bench-bucket")
    s3.put_object(Bucket="bench-bucket", Key="data/a.jsonl", Body=b"{}\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bench-bucket/data/"}
    sagemaker.create_training_job(
        TrainingJobName="job",
        RoleArn=servers.ROLE,
        AlgorithmSpecification={
            "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/none:1",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh"],
            "ContainerArguments": ["-c", "echo done > /opt/ml/model/model"],
        },
        HyperParameters={f"name-{number}": str(number) for number in range(8)},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://bench-bucket/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 36000},
        Tags=[{"Key": "owner", "Value": "bench"}],
    )

    def ended() -> bool | None:
        state = sagemaker.describe_training_job(TrainingJobName="job")["TrainingJobStatus"]
        if state == "Failed":
            raise RuntimeError("the job failed")
        return True if state == "Completed" else None

    wait_for("the job", ended, seconds=60)
    return sagemaker


def main() -> int:
    with Processes() as processes:
        ours, _ = servers.sandbox(processes, "--speed", "1000")
        theirs, _ = servers.moto(processes)
        first, second = finished_job(ours), finished_job(theirs)

        def calls(sagemaker: Any) -> None:
            for _ in range(CALLS):
                sagemaker.describe_training_job(TrainingJobName="job")

        in_turn(lambda: calls(first), lambda: calls(second), 3)  # both warm
        pairs = in_turn(lambda: calls(first), lambda: calls(second), ROUNDS)
    mine = spread([a * 1000 / CALLS for a, _ in pairs])
    other = spread([b * 1000 / CALLS for _, b in pairs])
    ratio = spread([a / b for a, b in pairs])
    sentence = (
        f"DescribeTrainingJob takes {mine['median']} ms here and {other['median']} ms on moto's own server, boto3 "
        f"included: {ratio['median']} of its time (middle half {ratio['p25']} to {ratio['p75']}, {ROUNDS} pairs of "
        f"{CALLS} calls in turn)."
    )
    report("describe", sentence, ours_ms=mine, moto_ms=other, ratio=ratio, pairs=ROUNDS, calls_each=CALLS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
