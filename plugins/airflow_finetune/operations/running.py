"""What a running Airflow says through its public interfaces: the REST API, or the command line on its own machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_finetune.redact import redacted_text

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HTTP_SECONDS = 15
_CLI_SECONDS = 180


@dataclass(frozen=True)
class Silence:
    """Airflow was asked and has not told.

    Attributes:
        said: why.
        is_absence: whether it answered that there is no such thing.
    """

    said: str
    is_absence: bool = False


@dataclass(frozen=True)
class Cleanup:
    """The DAG that cleans up.

    Attributes:
        is_paused: whether it does nothing.
        last_success: the end of its last good run; None when there was none.
    """

    is_paused: bool
    last_success: datetime | None


def health(api_url: str) -> dict[str, Any] | Silence:
    """Return what Airflow's API server says about its components; it asks for no login."""
    return _got(f"{api_url}/api/v2/monitor/health", None)


def cleanup_state(api_url: str, dag_id: str, token: str | None) -> Cleanup | Silence:
    """Return the state of the cleanup DAG: from the REST API with a token, else from Airflow's command line."""
    if token is None:
        return _from_command_line(dag_id)
    url = f"{api_url}/api/v2/dags/{quote(dag_id, safe='')}"
    dag = _got(url, token)
    runs = _got(f"{url}/dagRuns?state=success&order_by=-end_date&limit=1", token)
    for answer in (dag, runs):
        if isinstance(answer, Silence):
            return answer
    ends = [_time(run["end_date"]) for run in runs["dag_runs"] if run["end_date"]]  # type: ignore[index]  # no Silence
    return Cleanup(bool(dag["is_paused"]), max(ends, default=None))  # type: ignore[index]  # likewise


def _from_command_line(dag_id: str) -> Cleanup | Silence:
    with ThreadPoolExecutor(2) as pool:  # each takes seconds to start
        dag = pool.submit(_printed, "dags", "details", dag_id)
        listed = pool.submit(_printed, "dags", "list-runs", dag_id, "--state", "success")
        details, runs = dag.result(), listed.result()
    if isinstance(details, Silence) or isinstance(runs, Silence):
        return details if isinstance(details, Silence) else runs  # type: ignore[return-value]  # one of them is
    ends = [_time(run["end_date"]) for run in runs if run.get("end_date")]
    return Cleanup(str(details[0]["is_paused"]) == "True", max(ends, default=None))


def _printed(*arguments: str) -> list[dict[str, Any]] | Silence:
    command = [sys.executable, "-m", "airflow", *arguments, "--output", "json"]
    name = f"`airflow {' '.join(arguments)}`"
    environment = {**os.environ, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_CLI_SECONDS, env=environment
        )
    except subprocess.TimeoutExpired:
        return Silence(f"{name} has not ended within {_CLI_SECONDS} seconds.")
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        said = redacted_text(lines[-1])
        return Silence(f"{name} said: {said}", is_absence="does not exist in 'dag' table" in said)
    rows: list[dict[str, Any]] = json.loads([row for row in done.stdout.splitlines() if row.startswith("[")][-1])
    return rows  # other lines are warnings that Airflow's libraries print


def _got(url: str, token: str | None) -> dict[str, Any] | Silence:
    host, scheme = urlsplit(url).hostname, urlsplit(url).scheme
    if scheme not in ("http", "https"):
        return Silence(f"{url} is no address of an API server.")
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    proxies = [urllib.request.ProxyHandler({})] if host in _LOOPBACK else []  # loopback: never through a proxy
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked
    try:
        with urllib.request.build_opener(*proxies).open(request, timeout=_HTTP_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return Silence(f"{url} answered {error.code} {error.reason}.", is_absence=error.code == 404)
    except (OSError, ValueError) as error:
        return Silence(f"{url}: {getattr(error, 'reason', error)}.")
    return found


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
