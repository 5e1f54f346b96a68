"""An embedded AWS as a user starts it (its command line, a process of its own), and an image that it runs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.processes import Processes, clean_environment, wait_for

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))  # before anything imports Airflow

PROJECT = Path(__file__).resolve().parents[2]
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/few-lines:1"
TOKEN = "token-of-the-tests"


@dataclass(frozen=True)
class Endpoint:
    """Where the embedded AWS listens, and what a client's environment needs for it."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AIRFLOW_FINETUNE_SANDBOX_TOKEN": TOKEN,
        }


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    log = tmp_path_factory.mktemp("embedded-aws") / "log"
    log.write_text("")
    with Processes() as processes:
        environment = clean_environment(processes.folder) | {
            "PYTHONPATH": str(PROJECT / "plugins"),
            "AIRFLOW_FINETUNE_SANDBOX_TOKEN": TOKEN,
        }
        image = f"{IMAGE}={Path(__file__).with_name('image')}"
        serve = [sys.executable, "-m", "airflow_finetune.sandbox", "serve", "--port", "0", "--image", image]
        processes.start("the sandbox", [*serve, "--speed", "1000"], environment=environment, log=log)

        def ready() -> str | None:
            processes.check()
            found = [line for line in log.read_text().splitlines() if line.startswith("READY ")]
            return found[0].removeprefix("READY ") if found else None

        yield Endpoint(wait_for(f"the sandbox (log {log})", ready, seconds=60))


@pytest.fixture
def aws_environment(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The embedded AWS as the AWS of this process."""
    for name, value in endpoint.environment.items():
        monkeypatch.setenv(name, value)
    return endpoint
