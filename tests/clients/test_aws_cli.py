"""The AWS CLI, in an environment of its own, drives the embedded AWS from the first bucket to the deleted endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from demo.processes import clean_environment
from tests.clients.embedded import IMAGE, PROJECT, Endpoint

pytestmark = pytest.mark.long  # installs the CLI once, and every call is a Python start of a second

VENV = PROJECT / ".venvs" / "awscli"
ROLE = "arn:aws:iam::123456789012:role/training"


@pytest.fixture(scope="module")
def program() -> Path:
    """The CLI; the folder stays for the next run."""
    aws = VENV / "bin" / "aws"
    if not aws.exists():
        uv = Path(sys.executable).with_name("uv")
        environment = os.environ | {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV], env=environment, check=True
        )
        python = VENV / "bin" / "python"
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", python, "awscli>=1.45"], env=environment, check=True
        )
    return aws


class Cli:
    """Runs commands of the AWS CLI; the answer is the parsed JSON, or None when there is no output."""

    def __init__(self, program: Path, environment: dict[str, str], folder: Path) -> None:
        self.program, self.environment, self.folder = program, environment, folder

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [self.program, *arguments]
        return subprocess.run(argv, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False)

    def __call__(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--output", "json")
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def cli(program: Path, endpoint: Endpoint, tmp_path: Path) -> Cli:
    return Cli(program, clean_environment(tmp_path) | endpoint.environment, tmp_path)


def train(cli: Cli, name: str, steps: int) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://cli-bucket/data/"}
    cli(
        "sagemaker",
        "create-training-job",
        *("--training-job-name", name),
        *("--role-arn", ROLE),
        *("--algorithm-specification", f"TrainingImage={IMAGE},TrainingInputMode=File"),
        *("--hyper-parameters", f"steps={steps}"),
        *("--input-data-config", json.dumps([{"ChannelName": "train", "DataSource": {"S3DataSource": source}}])),
        *("--output-data-config", "S3OutputPath=s3://cli-bucket/out"),
        *("--resource-config", "InstanceType=ml.m5.large,InstanceCount=1,VolumeSizeInGB=10"),
        *("--stopping-condition", "MaxRuntimeInSeconds=360000"),
    )


def test_the_cli_makes_buckets_trains_waits_stops_serves_and_deletes(cli):
    assert cli("sts", "get-caller-identity")["Account"] == "123456789012"

    (cli.folder / "rows.jsonl").write_text('{"a": 1}\n')
    assert cli.run("s3", "mb", "s3://cli-bucket").returncode == 0
    assert cli.run("s3", "cp", "rows.jsonl", "s3://cli-bucket/data/rows.jsonl").returncode == 0
    assert "rows.jsonl" in cli.run("s3", "ls", "s3://cli-bucket/data/").stdout

    train(cli, "cli-train", steps=3)
    cli("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", "cli-train")
    job = cli("sagemaker", "describe-training-job", "--training-job-name", "cli-train")
    assert job["TrainingJobStatus"] == "Completed"
    listed = cli("sagemaker", "list-training-jobs", "--name-contains", "cli-train")
    assert [each["TrainingJobName"] for each in listed["TrainingJobSummaries"]] == ["cli-train"]

    group = "/aws/sagemaker/TrainingJobs"
    streams = cli(
        *("logs", "describe-log-streams", "--log-group-name", group, "--log-stream-name-prefix", "cli-train/")
    )
    stream = streams["logStreams"][0]["logStreamName"]
    events = cli("logs", "get-log-events", "--log-group-name", group, "--log-stream-name", stream)["events"]
    assert "step=3 loss=0.3333" in [event["message"] for event in events]
    assert cli.run("s3", "cp", job["ModelArtifacts"]["S3ModelArtifacts"], "model.tar.gz").returncode == 0
    assert (cli.folder / "model.tar.gz").stat().st_size > 0

    train(cli, "cli-stop", steps=100_000)
    cli("sagemaker", "stop-training-job", "--training-job-name", "cli-stop")
    stopped = wait_until_ended(cli, "cli-stop")
    assert stopped["TrainingJobStatus"] == "Stopped"

    container = f"Image={IMAGE},ModelDataUrl={job['ModelArtifacts']['S3ModelArtifacts']}"
    cli(
        "sagemaker",
        "create-model",
        "--model-name",
        "cli",
        "--execution-role-arn",
        ROLE,
        "--primary-container",
        container,
    )
    variant = "VariantName=AllTraffic,ModelName=cli,InstanceType=ml.m5.large,InitialInstanceCount=1"
    cli("sagemaker", "create-endpoint-config", "--endpoint-config-name", "cli", "--production-variants", variant)
    cli("sagemaker", "create-endpoint", "--endpoint-name", "cli", "--endpoint-config-name", "cli")
    cli("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "cli")
    body = ["--body", "hello", "--content-type", "text/plain"]
    cli("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "cli", *body, "answer.json")
    assert json.loads((cli.folder / "answer.json").read_text())["model"] == {"steps": 3, "rows": 1}
    cli("sagemaker", "delete-endpoint", "--endpoint-name", "cli")
    cli("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", "cli")
    cli("sagemaker", "delete-endpoint-config", "--endpoint-config-name", "cli")
    cli("sagemaker", "delete-model", "--model-name", "cli")
    assert cli("sagemaker", "list-endpoints")["Endpoints"] == []


def wait_until_ended(cli: Cli, name: str) -> dict[str, Any]:
    until = time.monotonic() + 120
    while True:
        job: dict[str, Any] = cli("sagemaker", "describe-training-job", "--training-job-name", name)
        if job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") or time.monotonic() > until:
            return job


def test_the_cli_reads_quotas_and_prices(cli):
    quotas = cli("service-quotas", "list-service-quotas", "--service-code", "sagemaker")["Quotas"]
    names = [quota["QuotaName"] for quota in quotas]
    assert "ml.g5.2xlarge for spot training job usage" in names
    assert "ml.g5.2xlarge for training job usage" in names
    filters = [
        "Type=TERM_MATCH,Field=regionCode,Value=us-east-1",
        "Type=TERM_MATCH,Field=instanceName,Value=ml.g5.2xlarge",
    ]
    found = cli(
        *("pricing", "get-products", "--region", "us-east-1", "--service-code", "AmazonSageMaker"),
        *("--filters", *filters),
    )
    assert found["PriceList"]
    assert "ml.g5.2xlarge" in found["PriceList"][0]


def test_the_cli_sees_awss_words_when_a_request_is_refused(cli):
    refused = cli.run("sagemaker", "describe-training-job", "--training-job-name", "not-there")
    assert refused.returncode != 0
    assert "(ValidationException)" in refused.stderr
    assert "Requested resource not found" in refused.stderr


def test_an_operation_that_nobody_implements_ends_the_cli_at_once_with_a_clear_word(cli, endpoint):
    refused = cli.run("sagemaker", "list-monitoring-executions")
    assert refused.returncode != 0
    assert "(NotImplemented)" in refused.stderr
    assert "does not implement sagemaker:ListMonitoringExecutions" in refused.stderr
    calls = endpoint.admin("GET", "calls?operation=ListMonitoringExecutions")["calls"]
    assert len(calls) == 1, "no retries"
