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
        {
            "Effect": "Allow",
            "Principal": {"Service": ["sagemaker.amazonaws.com", "bedrock.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        },
    ],
}
PLUGINS = PROJECT / "plugins"
BASE = PLUGINS / "airflow_finetune/sandbox/zoo/tiny-llama"
BASE_PREFIX = "models/tiny-llama/"
KEYS = {"aws_access_key_id": "any-key", "aws_secret_access_key": "any-key-that-no-log-line-holds"}  # logs mask it
LOGIN = {"login": KEYS["aws_access_key_id"], "password": KEYS["aws_secret_access_key"]}


class Cloud:
    """The embedded AWS while it runs.

    Args:
        processes: runs it.
        log: its output.
        speed: modelled seconds in a real one, for waits and bills.
        token: opens its own API.
        models: glob on the id of a base model of Bedrock -> the folder whose weights stand for it.
    """

    def __init__(
        self, processes: Processes, log: Path, speed: float, token: str, models: Mapping[str, Path] | None = None
    ) -> None:
        self.speed, self._token = speed, token
        environment = clean_environment(processes.folder) | {
            "PYTHONPATH": str(PLUGINS),
            "AIRFLOW_FINETUNE_SANDBOX_TOKEN": token,
        }
        argv = [sys.executable, "-m", "airflow_finetune.sandbox", "serve", "--port", "0", "--speed", str(speed)]
        argv += [word for glob, folder in (models or {}).items() for word in ("--model", f"{glob}={folder}")]
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
        self.s3, self.sagemaker, self.logs, self.bedrock = map(self.client, ("s3", "sagemaker", "logs", "bedrock"))

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

    def bill(self) -> list[dict[str, Any]]:
        """Return the lines of the bill so far."""
        lines: list[dict[str, Any]] = self.admin("GET", "bill")["lines"]
        return lines

    def left_billing(self) -> list[str]:
        """Return what still costs money: meters that run, jobs that are not over, what serves models."""
        busy = {str(line["arn"]) for line in self.bill() if line["running"]}
        jobs = self.sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
        busy |= {job["TrainingJobArn"] for job in jobs}
        busy |= {each["EndpointArn"] for each in self.sagemaker.list_endpoints()["Endpoints"]}
        ours = self.bedrock
        jobs = ours.list_model_customization_jobs(statusEquals="InProgress")["modelCustomizationJobSummaries"]
        busy |= {job["jobArn"] for job in jobs}
        deployments = ours.list_custom_model_deployments()["modelDeploymentSummaries"]
        busy |= {each["customModelDeploymentArn"] for each in deployments}
        throughputs = ours.list_provisioned_model_throughputs()["provisionedModelSummaries"]
        return sorted(busy | {each["provisionedModelArn"] for each in throughputs})

    def calls(self, operation: str, outcome: str = "ok") -> int:
        """Return how often an operation was called and ended so: ``ok``, AWS's error code, or a planned fault."""
        calls = self.admin("GET", f"calls?operation={operation}")["calls"]
        return sum(call.get("outcome") == outcome for call in calls)

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
