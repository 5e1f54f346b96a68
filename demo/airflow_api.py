"""The few calls of Airflow's REST API that a demo and its tests make, with the standard library."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

READS = 3  # how often more a question is asked
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: never through a proxy


class ApiError(RuntimeError):
    """Airflow refused a call.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class AirflowApi:
    """One Airflow, as one user."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, self.user, self.password = url.rstrip("/"), user, password
        self._token: str | None = None

    def health(self) -> dict[str, Any]:
        """Return the state of each component; needs no login."""
        return self._send("GET", "/api/v2/monitor/health", None, None)

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Call a path below /api/v2.

        Raises:
            ApiError: the answer was not a 2xx; what only reads is asked again when the server is too busy.
        """
        if self._token is None:
            login = {"username": self.user, "password": self.password}
            self._token = self._send("POST", "/auth/token", login, None)["access_token"]
        for _ in range(READS if method == "GET" else 0):
            try:
                return self._send(method, f"/api/v2{path}", body, self._token)
            except ApiError as error:
                if error.status < 500:
                    raise
            except OSError:  # URLError and TimeoutError are
                pass
            time.sleep(1)
        return self._send(method, f"/api/v2{path}", body, self._token)

    def dag_is_known(self, dag_id: str) -> bool:
        """Tell whether the scheduler has this DAG.

        Raises:
            RuntimeError: the file that should hold it could not be imported.
        """
        try:
            self.call("GET", f"/dags/{dag_id}")
        except ApiError as error:
            if error.status != 404:
                raise
            if broken := self.call("GET", "/importErrors")["import_errors"]:
                raise RuntimeError(f"{broken[0]['filename']}: {broken[0]['stack_trace']}") from None
            return False
        return True

    def dag_ids(self) -> list[str]:
        """Return the DAGs that the scheduler has."""
        return [str(dag["dag_id"]) for dag in self.call("GET", "/dags")["dags"]]

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG."""
        self.call("PATCH", f"/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, object] | None = None) -> None:
        """Start a run."""
        self.call("POST", f"/dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}})

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return ``queued``, ``running``, ``success`` or ``failed``."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        found: list[dict[str, Any]] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return found

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return one task instance."""
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task has handed on; None when it has not."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        try:
            value = self.call("GET", path)["value"]
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            return value

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Set a task's state, as a person does in the UI."""
        self.call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", {"new_state": state})

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task, as a person does in the UI."""
        body = {"dag_run_id": run_id, "task_ids": [task_id], "dry_run": False, "only_failed": False}
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", body | {"reset_dag_runs": True})

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        """Return a task's log, a line an entry."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        entries = self.call("GET", f"{path}?full_content=true")["content"]
        return [line(entry) for entry in entries]

    def _send(self, method: str, path: str, body: object, token: str | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, headers, method=method)
        try:
            with DIRECT.open(request, timeout=60) as answer:
                found: dict[str, Any] = json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")[:500]
            raise ApiError(error.code, f"{method} {path}: HTTP {error.code}: {text}") from None
        return found


def line(entry: dict[str, Any] | str) -> str:
    """Return one entry of a structured log as text."""
    if isinstance(entry, str):
        return entry
    text = " ".join(str(entry.get(part) or "") for part in ("timestamp", "level", "event")).strip()
    for trace in entry.get("error_detail") or ():
        text += f"\n    {trace.get('exc_type')}: {trace.get('exc_value')}"
    return text
