"""The sandbox's folder, copied to a place where there is nothing else of ours, starts and answers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from tests.contracts.source_tree import PACKAGE, PLUGINS

SERVE = f"""
import runpy, sys
sys.path[:] = [sys.argv.pop(1), *(p for p in sys.path if p != {str(PLUGINS)!r})]
runpy.run_module("alone", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    shutil.copytree(PLUGINS / PACKAGE / "sandbox", tmp_path / "alone", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-I", "-c", SERVE, str(tmp_path), "serve", "--port", "0"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_copied_sandbox_starts_answers_and_ends(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    ready, _, url = server.stdout.readline().strip().partition(" ")
    assert ready == "READY"
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    with closing(boto3.client("sagemaker", endpoint_url=url, **keys)) as sagemaker:
        assert sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0
