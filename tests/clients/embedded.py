"""An embedded AWS as a user starts it: its command line, a process of its own, and an image that it runs."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from demo.airflow_api import DIRECT
from demo.processes import Processes, clean_environment, wait_for

PROJECT = Path(__file__).resolve().parents[2]
FEW_LINES = Path(__file__).with_name("image")
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/few-lines:1"
ROLE = "arn:aws:iam::123456789012:role/training"
TOKEN = "token-of-the-tests"
REGION = "us-east-1"
KEYS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "example"}


@dataclass(frozen=True)
class Endpoint:
    """Where the embedded AWS listens, and what a client needs for it."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name.upper(): value for name, value in KEYS.items()},
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AIRFLOW_FINETUNE_SANDBOX_TOKEN": TOKEN,
        }

    @property
    def airflow_environment(self) -> dict[str, str]:
        extra = {"endpoint_url": self.url, "region_name": REGION}
        connection = {"conn_type": "aws", "login": "any", "password": "any", "extra": extra}
        return {
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
            "AIRFLOW_VAR_FINETUNE_ROLE_ARN": ROLE,
            "AIRFLOW_VAR_FINETUNE_IMAGE_URI": IMAGE,
        }

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=Config(proxies={}), **KEYS)

    def admin(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {"x-sandbox-token": TOKEN, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", content, headers, method=method)
        with DIRECT.open(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def serving(log: Path, *options: str, image: Path = FEW_LINES) -> Iterator[Endpoint]:
    """Run an embedded AWS; ``image`` holds the programs of its image."""
    log.write_text("")
    with Processes() as processes:
        environment = clean_environment(processes.folder) | {
            "PYTHONPATH": str(PROJECT / "plugins"),
            "AIRFLOW_FINETUNE_SANDBOX_TOKEN": TOKEN,
        }
        serve = [
            sys.executable,
            "-m",
            "airflow_finetune.sandbox",
            "serve",
            "--port",
            "0",
            "--image",
            f"{IMAGE}={image}",
        ]
        processes.start("the sandbox", [*serve, "--speed", "1000", *options], environment=environment, log=log)

        def ready() -> str | None:
            processes.check()
            found = [line for line in log.read_text().splitlines() if line.startswith("READY ")]
            return found[0].removeprefix("READY ") if found else None

        yield Endpoint(wait_for(f"the sandbox (log {log})", ready, seconds=60))
