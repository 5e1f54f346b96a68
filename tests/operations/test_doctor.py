"""The doctor as a person runs it: beside an Airflow that does not run, with servers that answer, and without AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.cli import main
from airflow_finetune.operations.account import account
from airflow_finetune.operations.checks import COMPONENTS
from airflow_finetune.operations.running import Cleanup, Silence, cleanup_state, health
from demo.processes import clean_environment
from tests.clients.embedded import PROJECT

BEAT = "2026-11-20T11:59:58+00:00"
BARE = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__API__BASE_URL": "http://127.0.0.1:1",
    "AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT": "tests",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
PIPELINE = PROJECT / "include/pipelines/orders.yaml"


@contextmanager
def api(answers: dict[str, Any], token: str | None = None) -> Iterator[str]:
    """Serve answers by path, as Airflow's API server would; gives the address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            allowed = token is None or path.endswith("/health") or self.headers["Authorization"] == f"Bearer {token}"
            status = 401 if not allowed else 200 if path in answers else 404
            body = json.dumps(answers.get(path, {"detail": "no"})).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()


def answers(**changes: Any) -> dict[str, Any]:
    health = {name: {"status": "healthy", f"latest_{name}_heartbeat": BEAT} for name in COMPONENTS}
    found = {
        "/api/v2/monitor/health": health,
        "/api/v2/dags/cleanup_expired": {"dag_id": "cleanup_expired", "is_paused": False},
        "/api/v2/dags/cleanup_expired/dagRuns": {"dag_runs": [{"end_date": "2026-11-20T11:50:00Z"}]},
    }
    return {**found, **changes}


def test_a_cleanup_is_read_through_the_rest_api_with_a_token():
    with api(answers(), token="a-token") as url:
        assert cleanup_state(url, "cleanup_expired", "a-token") == Cleanup(
            False, datetime(2026, 11, 20, 11, 50, tzinfo=UTC)
        )
        none = cleanup_state(url, "nobody", "a-token")
        assert isinstance(none, Silence)
        assert none.is_absence
        refused = cleanup_state(url, "cleanup_expired", "another")
        assert isinstance(refused, Silence)
        assert "401" in refused.said
        assert not refused.is_absence
        assert health(url) == answers()["/api/v2/monitor/health"], "needs no token"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "file:///etc/passwd", "nonsense"])
def test_an_api_that_is_not_there_is_silence_with_a_reason(url: str):
    found = health(url)
    assert isinstance(found, Silence)
    assert url.split("/")[0] in found.said


def test_what_is_no_json_is_silence():
    with api({"/api/v2/monitor/health": None}) as url:
        assert isinstance(health(f"{url}/nowhere"), Silence)


def test_an_account_is_who_the_connection_is_and_what_it_may_run(company, aws):
    name = "ml.m5.large for endpoint usage"
    found = account(aws, {name})
    assert found.identity.startswith("arn:aws:")
    assert (found.region, found.error) == ("us-east-1", "")
    assert found.quotas[name].value == 20
    company.fault("access_denied", operation="ListServiceQuotas")
    assert "AccessDenied" in account(aws, {name}).quotas_error
    assert account(aws, set()).quotas_error == "", "nothing was asked for"
    company.fault("access_denied", operation="GetCallerIdentity")
    assert "AccessDenied" in account(aws, {name}).error


def test_credentials_that_are_not_there_are_said_in_botocores_words(monkeypatch):
    import boto3

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def client(region: str | None) -> Callable[[str], Any]:
        return lambda service: boto3.Session(region_name=region).client(service)

    assert account(client("us-east-1"), set()).error == "NoCredentialsError: Unable to locate credentials"
    assert account(client(None), set()).error == "NoRegionError: You must specify a region."


def connection(company: Any, **changes: str) -> str:
    extra = {"endpoint_url": company.sandbox.url, "region_name": "us-east-1"}
    fields = {"conn_type": "aws", "login": "AKIAIOSFODNN7EXAMPLE", "password": "example", "extra": extra}
    return json.dumps({**fields, **changes})


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs the command line in this process, without AWS unless a connection is given; gives status and output."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.startswith("AIRFLOW_CONN_")]:
        monkeypatch.delenv(name)
    for name, value in (BARE | {"AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")  # the tests' Airflow has no database

    def run(*arguments: str | Path, **more: str) -> tuple[int, str]:
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        status = main(["doctor", *map(str, arguments)])
        return status, capsys.readouterr().out

    return run


def test_without_airflow_and_without_credentials_it_says_both_and_ends_with_1(doctor):
    status, printed = doctor("--region", "us-east-1", AIRFLOW_API_TOKEN="any")
    assert status == 1
    assert "fail  api server: Airflow is not running, or not there" in printed
    assert "warn  scheduler: Not known" in printed
    assert "fail  credentials: NoCredentialsError: Unable to locate credentials" in printed
    assert "warn  connection aws_default: " in printed
    assert "ok    deployment: This Airflow is 'tests'." in printed
    assert "warn  DAG cleanup_expired: Not known: http://127.0.0.1:1" in printed


def test_a_paused_cleanup_a_quota_of_zero_and_a_dead_scheduler_each_fail(doctor, company):
    company.sandbox.world.quotas.set("us-east-1", "endpoint", "ml.m5.large", 0)
    dead = {"status": "unhealthy", "latest_scheduler_heartbeat": None}
    changes = {
        "/api/v2/dags/cleanup_expired": {"is_paused": True},
        "/api/v2/monitor/health": {**answers()["/api/v2/monitor/health"], "scheduler": dead},
    }
    with api(answers(**changes), token="t") as url:
        more = {"AIRFLOW_CONN_AWS_DEFAULT": connection(company), "AIRFLOW_API_TOKEN": "t"}
        status, printed = doctor(PIPELINE, "--api-url", url, **more)
    assert status == 1
    failed = [line for line in printed.splitlines() if line.startswith("fail")]
    assert len(failed) == 3, printed
    assert "fail  scheduler: It is not alive: its last heartbeat was at never." in printed
    assert "fail  DAG cleanup_expired: It is paused" in printed
    assert "quota ml.m5.large for endpoint usage: It is 0 in us-east-1, and a run needs 2 at once." in printed
    assert "3 failed" in printed.splitlines()[-1]


class Home:
    """An Airflow of its own that nobody has started, and programs in processes of their own."""

    def __init__(self, home: Path) -> None:
        (home / "dags").mkdir(parents=True)
        self.environment = clean_environment(home) | BARE
        self.environment |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "PYTHONPATH": str(PROJECT / "plugins"),
        }

    def run(self, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            env=self.environment | more,
            cwd=self.environment["AIRFLOW_HOME"],
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "airflow")


def test_with_everything_in_order_it_ends_with_0_and_prints_json_and_no_secret(home, company):
    secret, fresh = "a-very-secret-key-of-nobody", datetime.now(UTC).isoformat()
    more = {"AIRFLOW_CONN_AWS_DEFAULT": connection(company, password=secret), "AIRFLOW_API_TOKEN": "token-of-nobody"}
    runs = {"/api/v2/dags/cleanup_expired/dagRuns": {"dag_runs": [{"end_date": fresh}]}}
    with api(answers(**runs), token="token-of-nobody") as url:
        done = home.run("airflow_finetune", "doctor", PIPELINE, "--json", "--api-url", url, **more)
    found = json.loads(done.stdout)
    assert [row for row in found["findings"] if row["outcome"] != "ok"] == []
    assert (done.returncode, found["ok"]) == (0, True)
    names = [row["name"] for row in found["findings"]]
    assert {"scheduler", "triggerer", "dag_processor", "plugin", "credentials", "DAG cleanup_expired"} <= set(names)
    assert "pipeline orders.yaml: quota ml.m5.large for endpoint usage" in names
    assert secret not in done.stdout + done.stderr
    assert "token-of-nobody" not in done.stdout + done.stderr


@pytest.mark.long
def test_without_a_token_it_asks_airflows_own_command_line(home):
    def cleanup() -> dict[str, Any]:
        done = home.run("airflow_finetune", "doctor", "--json", "--region", "us-east-1")
        assert "Traceback" not in done.stderr
        return next(row for row in json.loads(done.stdout)["findings"] if row["name"] == "DAG cleanup_expired")

    assert cleanup()["outcome"] == "warn", "nobody has made its database"
    assert home.run("airflow", "db", "migrate").returncode == 0
    missing = cleanup()
    assert (missing["outcome"], "There is none" in missing["found"]) == ("fail", True)
    folder = Path(home.environment["AIRFLOW__CORE__DAGS_FOLDER"])
    shutil.copy(PROJECT / "dags" / "cleanup_expired.py", folder)
    assert home.run("airflow", "dags", "reserialize").returncode == 0
    paused = cleanup()
    assert (paused["outcome"], "It is paused" in paused["found"]) == ("fail", True)
    assert home.run("airflow", "dags", "unpause", "cleanup_expired", "--yes").returncode == 0
    on = cleanup()
    assert (on["outcome"], on["found"]) == ("warn", "It has not succeeded yet.")
