"""The demo's cloud: the embedded AWS in a process of its own, the data in its S3, and what it says about itself."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from demo.airflow_api import DIRECT
from demo.airflow_stack import PROJECT, fresh_log
from demo.processes import Processes, clean_environment, wait_for

REGION, BUCKET = "us-east-1", "finetune-demo"
ROLE = "arn:aws:iam::123456789012:role/finetune-demo"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.8.0-transformers4.56.2"
SERVING_IMAGE = IMAGE.replace("training", "inference")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
PLUGINS = PROJECT / "plugins"
BASE = PLUGINS / "airflow_finetune/sandbox/zoo/tiny-llama"
BASE_PREFIX = "models/tiny-llama/"
KEYS = {"aws_access_key_id": "any-key", "aws_secret_access_key": "any-key-that-no-log-line-holds"}  # logs mask it
LOGIN = {"login": KEYS["aws_access_key_id"], "password": KEYS["aws_secret_access_key"]}
LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class Cloud:
    """The embedded AWS while it runs.

    Args:
        processes: runs it.
        log: its output.
        speed: modelled seconds in a real one, for waits and bills.
        token: opens its own API.
    """

    def __init__(self, processes: Processes, log: Path, speed: float, token: str) -> None:
        self.speed, self._token = speed, token
        environment = clean_environment(processes.folder) | {
            "PYTHONPATH": str(PLUGINS),
            "AIRFLOW_FINETUNE_SANDBOX_TOKEN": token,
        }
        argv = [sys.executable, "-m", "airflow_finetune.sandbox", "serve", "--port", "0", "--speed", str(speed)]
        state = processes.folder / "sandbox"
        state.mkdir(mode=0o700)
        process = processes.start(
            "the embedded AWS", [*argv, "--state", state], environment=environment, log=fresh_log(log)
        )

        def ready() -> str | None:
            processes.check()
            found = [line for line in process.log.read_text().splitlines() if line.startswith("READY ")]
            return found[0].removeprefix("READY ") if found else None

        self.url = wait_for(f"the embedded AWS (log {log})", ready, seconds=60)
        self.s3, self.sagemaker, self.logs, self.runtime = (
            self.client(name) for name in ("s3", "sagemaker", "logs", "sagemaker-runtime")
        )

    def client(self, service: str) -> Any:
        """Return a boto3 client on it."""
        config = Config(proxies={}, retries={"mode": "standard"}, read_timeout=120)
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=config, **KEYS)

    @property
    def airflow_environment(self) -> dict[str, str]:
        """Return what points an Airflow here: a connection, and the variables that the pipeline file names."""
        extra = {"endpoint_url": self.url, "region_name": REGION}
        connection = {"conn_type": "aws", "extra": extra} | LOGIN
        return {
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
            "AIRFLOW_VAR_FINETUNE_BUCKET": BUCKET,
            "AIRFLOW_VAR_FINETUNE_ROLE_ARN": ROLE,
            "AIRFLOW_VAR_FINETUNE_IMAGE_URI": IMAGE,
            "AIRFLOW_VAR_FINETUNE_SERVING_IMAGE_URI": SERVING_IMAGE,
            "AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT": "demo",
        }

    def prepare(self, raw: Mapping[str, Sequence[Path]]) -> int:
        """Make bucket and role, and put raw data and the tiny base model into S3; return how many raw files there are.

        Args:
            raw: prefix in the bucket -> files, or folders of files.
        """
        self.s3.create_bucket(Bucket=BUCKET)
        iam = self.client("iam")
        iam.create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.close()
        for path in sorted(BASE.iterdir()):
            self.s3.upload_file(str(path), BUCKET, f"{BASE_PREFIX}{path.name}")
        named = [(prefix, path, name) for prefix, places in raw.items() for path, name in files_below(places)]
        for prefix, path, name in named:
            self.s3.upload_file(str(path), BUCKET, f"{prefix}{name}")
        return len(named)

    def download(self, uri: str | None, path: Path) -> bool:
        """Fetch one object to a file; False where there is none."""
        bucket, _, key = (uri or "").removeprefix("s3://").partition("/")
        if not key:
            return False
        self.s3.download_file(bucket, key, str(path))
        return True

    def stored_bytes(self) -> int:
        """Return how much lies in S3."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return sum(row["Size"] for page in pages for row in page.get("Contents", ()))

    def job_names(self) -> list[str]:
        """Return the training jobs, oldest first."""
        pages = self.sagemaker.get_paginator("list_training_jobs").paginate(
            SortBy="CreationTime", SortOrder="Ascending"
        )
        return [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]

    def job(self, name: str) -> dict[str, Any]:
        """Return AWS's description of a training job."""
        described: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
        return described

    def log_lines(self, job_name: str) -> list[tuple[float, str]]:
        """Return a job's log so far: (seconds since the epoch, line)."""
        try:
            streams = self.logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job_name}/")
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        found: list[tuple[float, str]] = []
        for stream in streams["logStreams"]:
            pages = self.logs.get_paginator("filter_log_events").paginate(
                logGroupName=LOG_GROUP, logStreamNames=[stream["logStreamName"]]
            )
            found += [(event["timestamp"] / 1000, event["message"]) for page in pages for event in page["events"]]
        return found

    def bill(self) -> list[dict[str, Any]]:
        """Return the lines of the bill so far."""
        lines: list[dict[str, Any]] = self.admin("GET", "bill")["lines"]
        return lines

    def left_billing(self) -> list[str]:
        """Return what still costs money: meters that run, jobs that are not over, endpoints."""
        busy = {line["arn"] for line in self.bill() if line["running"]}
        jobs = self.sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
        endpoints = self.sagemaker.list_endpoints()["Endpoints"]
        return sorted(busy | {job["TrainingJobArn"] for job in jobs} | {each["EndpointArn"] for each in endpoints})

    def calls(self, operation: str) -> int:
        """Return how often an operation was called and answered with success."""
        calls = self.admin("GET", f"calls?operation={operation}")["calls"]
        return sum(call.get("outcome") == "ok" for call in calls)

    def admin(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Call the sandbox's own API."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"x-sandbox-token": self._token, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", content, headers, method=method)
        with DIRECT.open(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


def files_below(places: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each file with its name below the place that it was found in."""
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                yield path, path.name if path == place else path.relative_to(place).as_posix()
