"""kill -9 of the server: neither what trains nor what answers goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.sandbox.bedrock.account import ASKED, MICRO, ROLE, lines, order_records, until

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
SERVE = [sys.executable, "-m", "airflow_finetune.sandbox", "serve", "--port", "0", "--speed", "1000"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = {**os.environ, "PYTHONPATH": str(PLUGINS), "HOME": str(tmp_path)}
    command = [*SERVE, "--state", str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().split()[1]
        finally:
            process.kill()


def client(service: str, url: str) -> Any:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    config = Config(proxies={}, read_timeout=120, retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=url, config=config, **keys)


def programs(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """What runs below the server, with the programs of the zoo among it."""
    return psutil.Process(process.pid).children(recursive=True)


def modules(processes: list[psutil.Process]) -> set[str]:
    found = set()
    for each in processes:
        with contextlib.suppress(psutil.Error):
            found |= {word.rsplit(".", 1)[-1] for word in each.cmdline() if ".zoo." in word}
    return found


def ask(runtime: Any) -> None:
    with contextlib.suppress(BotoCoreError, ClientError):  # the server dies before it answers
        runtime.converse(modelId=ASKED, messages=[{"role": "user", "content": [{"text": "x"}]}])


def test_nothing_of_bedrock_is_left_after_kill_9(server: tuple[subprocess.Popen[str], str]) -> None:
    process, url = server
    s3, bedrock, runtime = (client(name, url) for name in ("s3", "bedrock", "bedrock-runtime"))
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="train.jsonl", Body=lines(order_records(1, 400)).encode())
    bedrock.create_model_customization_job(
        jobName="job",
        customModelName="model",
        roleArn=ROLE,
        baseModelIdentifier=MICRO,
        trainingDataConfig={"s3Uri": "s3://bucket/train.jsonl"},
        outputDataConfig={"s3Uri": "s3://bucket/out"},
    )
    asking = threading.Thread(target=ask, args=(runtime,))
    asking.start()
    until(lambda: modules(programs(process)) >= {"tune", "answer"})
    left = programs(process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    asking.join()
    assert left
    until(lambda: alive(left) == [])
    for each in (s3, bedrock, runtime):
        each.close()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if psutil.pid_exists(each.pid) and each.is_running()]
