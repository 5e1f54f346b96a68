"""A whole Airflow in a temporary folder: PostgreSQL, scheduler, triggerer, dag-processor and api-server on loopback."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError

from demo import postgres
from demo.airflow_api import AirflowApi
from demo.processes import Process, Processes, clean_environment, wait_for

PROJECT = Path(__file__).resolve().parents[1]
COMPONENTS = ("scheduler", "triggerer", "dag_processor")  # as the health answer calls them
STARTED_LAST = 1  # the tier that is stopped first: before the database and the sandbox
LINGER = ("api-server", "triggerer", "dag-processor")  # they sit out a wait of ten seconds with nothing to finish
USER = "admin"

TUNED = {
    # A task's slot is free, and its successor starts, at the next heartbeat; the defaults are for thousands of tasks.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",  # a task that was killed is seen in seconds
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",  # a file that has changed is read at the next refresh
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__TEST_CONNECTION": "Disabled",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",  # the API server may load while the database is made
}


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fresh_log(path: Path) -> Path:
    """Return the path of a log that starts empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


class AirflowStack:
    """A real Airflow; use it as a context.

    Args:
        processes: runs the components; when it closes, they are gone.
        logs: the folder for the components' and the tasks' logs; stays.
        dags: the DAGs folder.
        plugins: the plugins folder.
        environment: more variables for every component, for example connections.
        parallelism: how many tasks run at once.
    """

    def __init__(
        self,
        processes: Processes,
        logs: Path,
        *,
        dags: Path = PROJECT / "dags",
        plugins: Path = PROJECT / "plugins",
        environment: Mapping[str, str] | None = None,
        parallelism: int = 4,
    ) -> None:
        self.processes, self.logs, self.dags, self.plugins = processes, logs.resolve(), dags, plugins
        self.parallelism, self.more = parallelism, dict(environment or {})
        self.home = processes.folder / "airflow"
        self.components: dict[str, Process] = {}
        self.environment: dict[str, str] = {}
        self.api = AirflowApi("http://not-started", USER, secrets.token_urlsafe(12))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.processes.stop(*self.components.values())

    def start(self) -> None:
        """Start everything and wait until all components say that they are healthy.

        Raises:
            DemoError: a component ended, or was not healthy in time; shows its log.
        """
        self.home.mkdir()
        self.logs.mkdir(parents=True, exist_ok=True)
        fresh_log(self.logs / "postgres.log")
        database = postgres.start(self.processes, self.logs)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        self.api = AirflowApi(url, USER, self.api.password)
        self.environment = self._environment(database, url, port)
        self.components["api-server"] = self._start(
            "api-server", "api-server"
        )  # loads long before it asks the database
        self._run("db-migrate", "db", "migrate")
        for name, *argv in (
            ("scheduler", "scheduler", "--skip-serve-logs"),  # its log server would listen on every address
            ("triggerer", "triggerer", "--skip-serve-logs"),
            ("dag-processor", "dag-processor"),
        ):
            self.components[name] = self._start(name, *argv)
        wait_for(f"Airflow on {url} (logs in {self.logs})", self._healthy, seconds=180, pause_seconds=0.3)

    def stop(self, name: str) -> None:
        """Stop one component."""
        self.processes.stop(self.components.pop(name))

    def restart(self, name: str) -> None:
        """Start a component that was stopped."""
        self.components[name] = self._start(name, name, *([] if name == "dag-processor" else ["--skip-serve-logs"]))

    def _start(self, name: str, *arguments: str) -> Process:
        return self.processes.start(
            f"airflow {name}",
            [sys.executable, "-m", "airflow", *arguments],
            environment=self.environment,
            log=fresh_log(self.logs / f"{name}.log"),
            folder=self.home,
            tier=STARTED_LAST,
            group=True,  # the scheduler's workers too: they would wait for their tasks
            grace_seconds=2.0 if name in LINGER else 12.0,
        )

    def _run(self, name: str, *arguments: str) -> None:
        self.processes.run(
            f"airflow {' '.join(arguments)}",
            [sys.executable, "-m", "airflow", *arguments],
            environment=self.environment,
            log=fresh_log(self.logs / f"{name}.log"),
            folder=self.home,
        )

    def _healthy(self) -> bool | None:
        self.processes.check()
        with contextlib.suppress(URLError, OSError):
            health = self.api.health()
            if all(health[name]["status"] == "healthy" for name in COMPONENTS):
                return True
        return None

    def _environment(self, database: str, url: str, port: int) -> dict[str, str]:
        passwords = self.home / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({USER: self.api.password}))
        mine = {
            "AIRFLOW_HOME": self.home,
            "AIRFLOW__CORE__DAGS_FOLDER": self.dags,
            "AIRFLOW__CORE__PLUGINS_FOLDER": self.plugins,
            "AIRFLOW__CORE__PARALLELISM": self.parallelism,
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": passwords,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": port,
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": self.logs / "tasks",
            "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": self.logs / "dag_processor",
        }
        return clean_environment(self.home) | TUNED | {name: str(value) for name, value in mine.items()} | self.more
