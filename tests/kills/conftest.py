"""One Airflow and one embedded AWS for all kills; what became of every run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from demo.airflow_stack import AirflowStack
from demo.processes import Processes
from tests.clients.embedded import PROJECT, serving
from tests.dags.tickets import IMAGE, day_of_tickets, golden
from tests.kills.cases import CARELESS, CASES
from tests.kills.harness import HEADER, Harness, Outcome
from tests.sandbox.hosting.account import packed

REMEMBERING = "123456789012.dkr.ecr.us-east-1.amazonaws.com/remembers:1"
TICKETS = day_of_tickets(date(2026, 1, 1), 200)
LOSSES = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",  # a lost worker is seen in seconds
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",  # and a lost triggerer
}


@pytest.fixture(scope="package")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    logs = tmp_path_factory.mktemp("kills")
    second = ("--image", f"{REMEMBERING}={IMAGE}")
    with serving(logs / "sandbox.log", "--slots", "4", *second) as aws, Processes() as processes:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="kills")
        s3.put_object(Bucket="kills", Key="data/train.jsonl", Body=b'{"prompt": "a", "completion": "b"}\n')
        s3.put_object(Bucket="kills", Key="model/config.json", Body=b"{}")
        s3.put_object(Bucket="kills", Key="model.tar.gz", Body=packed({"model.json": "{}"}))
        s3.put_object(Bucket="kills", Key="slow.tar.gz", Body=packed({"model.json": '{"starts_in_seconds": 5}'}))
        s3.put_object(Bucket="kills", Key="golden.jsonl", Body=golden())
        s3.put_object(Bucket="kills", Key="raw/tickets.jsonl", Body=TICKETS)
        rows = [json.loads(line) for line in TICKETS.splitlines()]
        for name, pairs in (("knows-nothing", {}), ("knows", {row["text"]: row["topic"] for row in rows})):
            model = json.dumps({"pairs": pairs, "behaves": "well"})
            s3.put_object(Bucket="kills", Key=f"{name}.tar.gz", Body=packed({"model.json": model}))
        s3.close()
        environment = aws.airflow_environment | LOSSES
        with AirflowStack(
            processes,
            logs,
            dags=Path(__file__).with_name("dags"),
            plugins=PROJECT / "plugins",
            environment=environment,
            parallelism=8,
        ) as stack:
            yield Harness(stack, aws)


@pytest.fixture(scope="package")
def outcomes(harness: Harness, pytestconfig: pytest.Config) -> Iterator[dict[str, Outcome]]:
    found = harness.run([*CASES, CARELESS])
    yield found
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("", HEADER, *(outcome.row() for outcome in found.values()), sep="\n", file=sys.stderr)
