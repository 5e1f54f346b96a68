"""The AWS CLI, in an environment of its own, drives the embedded AWS from the first bucket to the deleted endpoint."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from demo.processes import clean_environment
from tests.clients.embedded import IMAGE, Endpoint
from tests.clients.environments import environment_with

pytestmark = pytest.mark.long  # installs the CLI once, and every call is a Python start of a second

ROLE = "arn:aws:iam::123456789012:role/training"
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def program() -> Path:
    """The CLI; the folder stays for the next run."""
    return environment_with("awscli>=1.45", "awscli") / "bin" / "aws"


class Cli:
    """Runs commands of the AWS CLI; the answer is the parsed JSON, or None when there is no output."""

    def __init__(self, program: Path, environment: dict[str, str], folder: Path) -> None:
        self.program, self.environment, self.folder = program, environment, folder

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [self.program, *arguments]
        return subprocess.run(argv, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        argv = [self.program, *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, env=self.environment, cwd=self.folder, stdout=pipe, stderr=pipe, text=True)

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


def until(what: Callable[[], Any]) -> Any:
    """The first true value of a condition; fails after a generous time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def ended(endpoint: Endpoint, kind: str, name: str) -> str:
    """Waits with a client that asks more often than the CLI, which does so every 30, 60 or 120 seconds.

    Returns:
        The final status.
    """
    client = endpoint.client("sagemaker")
    describe = {"Training": client.describe_training_job, "Processing": client.describe_processing_job}[kind]

    def look() -> str | None:
        status = str(describe(**{f"{kind}JobName": name})[f"{kind}JobStatus"])
        return status if status in ("Completed", "Failed", "Stopped") else None

    status = until(look)
    client.close()
    return str(status)


def test_the_cli_makes_buckets_trains_waits_stops_serves_and_deletes(cli, endpoint):
    assert cli("sts", "get-caller-identity")["Account"] == "123456789012"

    (cli.folder / "rows.jsonl").write_text('{"a": 1}\n')
    assert cli.run("s3", "mb", "s3://cli-bucket").returncode == 0
    assert cli.run("s3", "cp", "rows.jsonl", "s3://cli-bucket/data/rows.jsonl").returncode == 0
    assert "rows.jsonl" in cli.run("s3", "ls", "s3://cli-bucket/data/").stdout

    train(cli, "cli-train", steps=3)
    train(cli, "cli-stop", steps=100_000)
    assert ended(endpoint, "Training", "cli-train") == "Completed"
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

    wait = ["sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", "cli-stop"]
    with cli.start(*wait) as waiting:
        until(lambda: asked_about(endpoint, "DescribeTrainingJob", "cli-stop"))
        cli("sagemaker", "stop-training-job", "--training-job-name", "cli-stop")
        assert ended(endpoint, "Training", "cli-stop") == "Stopped"
        assert waiting.poll() is None, "a job in progress was neither success nor failure; it asks again in two minutes"
        waiting.kill()
    cli(*wait)
    cli("sagemaker", "delete-training-job", "--training-job-name", "cli-stop")
    gone = cli.run("sagemaker", "describe-training-job", "--training-job-name", "cli-stop")
    assert "(ValidationException)" in gone.stderr

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
    patient = endpoint.client("sagemaker")
    often = {"Delay": 1, "MaxAttempts": PATIENCE_SECONDS}
    patient.get_waiter("endpoint_in_service").wait(EndpointName="cli", WaiterConfig=often)
    cli("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "cli")
    body = ["--body", "hello", "--content-type", "text/plain"]
    cli("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "cli", *body, "answer.json")
    assert json.loads((cli.folder / "answer.json").read_text())["model"] == {"steps": 3, "rows": 1}
    cli("sagemaker", "delete-endpoint", "--endpoint-name", "cli")
    patient.get_waiter("endpoint_deleted").wait(EndpointName="cli", WaiterConfig=often)
    patient.close()
    cli("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", "cli")
    cli("sagemaker", "delete-endpoint-config", "--endpoint-config-name", "cli")
    cli("sagemaker", "delete-model", "--model-name", "cli")
    assert cli("sagemaker", "list-endpoints")["Endpoints"] == []


def asked_about(endpoint: Endpoint, operation: str, name: str) -> bool:
    """Whether somebody has asked about a job of this name."""
    calls = endpoint.admin("GET", f"calls?operation={operation}")["calls"]
    return any(name in json.dumps(call) for call in calls)


def process(cli: Cli, name: str, script: str) -> None:
    source = {"S3Uri": "s3://cli-process/rows.jsonl", "LocalPath": "/opt/ml/processing/input", "S3DataType": "S3Prefix"}
    target = {"S3Uri": f"s3://cli-process/{name}", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    inputs = [{"InputName": "rows", "S3Input": source | {"S3InputMode": "File"}}]
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    cli(
        "sagemaker",
        "create-processing-job",
        *("--processing-job-name", name),
        *("--role-arn", ROLE),
        *("--app-specification", json.dumps({"ImageUri": IMAGE, "ContainerEntrypoint": ["sh", "-c", script]})),
        *("--processing-inputs", json.dumps(inputs)),
        *("--processing-output-config", json.dumps({"Outputs": [{"OutputName": "o", "S3Output": target}]})),
        *("--processing-resources", json.dumps({"ClusterConfig": cluster})),
    )


def test_the_cli_runs_waits_for_stops_and_deletes_processing_jobs(cli, endpoint):
    s3 = endpoint.client("s3")
    s3.create_bucket(Bucket="cli-process")
    s3.put_object(Bucket="cli-process", Key="rows.jsonl", Body=b"1\n2\n")
    process(cli, "cli-count", "wc -l < /opt/ml/processing/input/rows.jsonl > /opt/ml/processing/output/count")
    process(cli, "cli-sleep", "sleep 3600")
    assert ended(endpoint, "Processing", "cli-count") == "Completed"
    cli("sagemaker", "wait", "processing-job-completed-or-stopped", "--processing-job-name", "cli-count")
    described = cli("sagemaker", "describe-processing-job", "--processing-job-name", "cli-count")
    assert described["ProcessingJobStatus"] == "Completed"
    assert s3.get_object(Bucket="cli-process", Key="cli-count/count")["Body"].read().strip() == b"2"
    s3.close()
    cli("sagemaker", "stop-processing-job", "--processing-job-name", "cli-sleep")
    assert ended(endpoint, "Processing", "cli-sleep") == "Stopped"
    listed = cli("sagemaker", "list-processing-jobs", "--name-contains", "cli-", "--sort-by", "Name")
    found = {each["ProcessingJobName"]: each["ProcessingJobStatus"] for each in listed["ProcessingJobSummaries"]}
    assert found == {"cli-count": "Completed", "cli-sleep": "Stopped"}
    cli("sagemaker", "delete-processing-job", "--processing-job-name", "cli-sleep")
    gone = cli.run("sagemaker", "describe-processing-job", "--processing-job-name", "cli-sleep")
    assert "Could not find requested job with name: cli-sleep" in gone.stderr


def test_the_cli_finds_the_models_of_the_public_hub(cli):
    hub = ["--hub-name", "SageMakerPublicHub", "--hub-content-type", "Model"]
    listed = cli("sagemaker", "list-hub-contents", *hub, "--name-contains", "llama-3-2")
    (found,) = [each["HubContentName"] for each in listed["HubContentSummaries"]]
    model = cli("sagemaker", "describe-hub-content", *hub, "--hub-content-name", found)
    assert model["HubContentStatus"] == "Available"
    document = json.loads(model["HubContentDocument"])
    assert document["TrainingSupported"] is True
    assert document["HostingEulaUri"].startswith("s3://jumpstart-cache-prod-us-east-1/")
    assert cli.run("s3", "cp", document["HostingEulaUri"], "eula.txt").returncode == 0
    assert (cli.folder / "eula.txt").stat().st_size > 0
    refused = cli.run("sagemaker", "describe-hub-content", *hub, "--hub-content-name", "not-there")
    assert "(ResourceNotFound)" in refused.stderr


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
