"""Fixtures for every folder: an embedded AWS in this process, and boto3 clients on it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.sandbox.settings import Settings

GRADERS = Path(__file__).parent / "operators" / "bedrock" / "graders"
# Nobody's own Airflow: it is read when Airflow is first imported, so before any test module is.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["AIRFLOW_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def _running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One server for the whole run: moto's state belongs to the process, so there is never a second one."""
    functions = tuple((each.name, each) for each in GRADERS.iterdir())
    settings = Settings(speed=1000.0, state_dir=tmp_path_factory.mktemp("sandbox"), slots=4, functions=functions)
    with Sandbox(settings) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_running_sandbox: Sandbox) -> Iterator[Sandbox]:
    """An empty embedded AWS, at 1000 modelled seconds per real second."""
    yield _running_sandbox
    _running_sandbox.reset()


@pytest.fixture
def aws(sandbox: Sandbox) -> Iterator[Callable[..., Any]]:
    """Makes boto3 clients as a program outside would: ``aws("s3")``, ``aws("sagemaker", region_name="eu-west-1")``."""
    import boto3
    from botocore.config import Config

    made = []

    def client(service: str, **options: Any) -> Any:
        options.setdefault("region_name", "us-east-1")
        options.setdefault("config", Config(retries={"mode": "standard", "total_max_attempts": 1}))
        made.append(
            boto3.client(
                service,
                endpoint_url=sandbox.url,
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                aws_secret_access_key="example",
                **options,
            )
        )
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the user's Airflow connection the only way to the embedded AWS: whatever ignores it reaches nothing."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    extra = {"endpoint_url": sandbox.url, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "AKIAIOSFODNN7EXAMPLE", "password": "example", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
