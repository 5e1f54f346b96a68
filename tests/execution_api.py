"""Airflow's Execution API in memory, so that the real task runner runs operators without a database.

The data models below are the task SDK's own; they may change with a release of Airflow, and then only this file does.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx
from airflow.sdk import DAG, BaseOperator, timezone
from airflow.sdk._shared.module_loading import import_string
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import TaskInstance
from airflow.sdk.execution_time.supervisor import run_task_in_process
from airflow.sdk.serde import deserialize, serialize

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PAUSES = frozenset({"deferred", "up_for_retry", "up_for_reschedule"})


@dataclass
class Deferral:
    """What a task has left in the metadata database when it was deferred."""

    classpath: str
    trigger_kwargs: dict[str, Any]
    next_method: str
    next_kwargs: dict[str, Any]
    timeout: timedelta | None


@dataclass
class TaskRun:
    """One task instance: its XComs, tries and deferrals, over retries and clears.

    Attributes:
        task: a task of a DAG.
        retries: what Airflow would take from the task.
        run_id: of the DAG run.
        conf: of the DAG run.
        map_index: -1 for a task that is not mapped.
        connections: by id, what the Execution API answers.
        paused: DAG id -> whether it is paused, for the DAGs that the Execution API knows.
    """

    task: BaseOperator
    retries: int = 0
    run_id: str = "manual__2026-11-20T00:00:00+00:00"
    conf: dict[str, Any] = field(default_factory=dict)
    map_index: int = -1
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    paused: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.max_tries = self.retries
        self.try_number = 0
        self.xcoms: dict[str, Any] = {}
        self.rendered: dict[str, Any] = {}
        self.state: str | None = None
        self.error: BaseException | None = None
        self.deferrals: list[Deferral] = []
        self.skipped: list[str] = []
        self.questions: list[dict[str, Any]] = []
        self.triggered: dict[str, dict[str, Any]] = {}

    def try_once(self, events: Callable[[Deferral], Any] | None = None) -> str:
        """Run one try to its end, as a scheduler and a triggerer would; return the state of the task.

        Args:
            events: gives the event of a deferral; None runs the trigger.
        """
        self.try_number += 1
        state = self.run_part(None)
        while state == "deferred":
            deferral = self.deferrals[-1]
            event = fire(deferral) if events is None else events(deferral)
            state = self.resume(deferral, event)
        return state

    def resume(self, deferral: Deferral, event: Any) -> str:
        """Run the next part of a deferred task with an event."""
        kwargs = {**deferral.next_kwargs, "event": event}
        return self.run_part((deferral.next_method, kwargs))

    def resume_failed(self, error: str) -> str:
        """Run the next part of a deferred task whose trigger has timed out or failed, as the scheduler starts it."""
        return self.run_part(("__fail__", {"error": error, "traceback": None}))

    def answer(self, chosen: str, user: dict[str, str] | None, **params: Any) -> str:
        """Run the rest of a task that waits for a person, with an answer; a user of None is a timeout's default."""
        event = {"chosen_options": [chosen], "params_input": params, "responded_at": NOW, "responded_by_user": user}
        return self.run_part(("execute_complete", {"event": {**event, "timedout": user is None}}))

    def clear(self) -> None:
        """Do to the task instance what Airflow does when somebody clears it."""
        self.max_tries = self.try_number + self.retries
        self.state = None

    def run_part(self, resumed: tuple[str, dict[str, Any]] | None) -> str:
        """Run the task in this process until it ends or is deferred."""
        ti = TaskInstance(
            id=uuid.uuid4(),
            task_id=self.task.task_id,
            dag_id=self.task.dag.dag_id,
            run_id=self.run_id,
            try_number=self.try_number,
            dag_version_id=uuid.uuid4(),
            map_index=self.map_index,
        )
        transport = httpx.MockTransport(lambda request: self._answer(request, resumed))
        client = Client(base_url=None, dry_run=True, token="", transport=transport)
        result = run_task_in_process(ti, self._fresh(), client=client)
        self.state, self.error = (
            str(result.state.value if hasattr(result.state, "value") else result.state),
            result.error,
        )
        return self.state

    def _fresh(self) -> BaseOperator:
        # A worker parses the DAG for every part: what an operator kept in memory is gone.
        return self.task.prepare_for_execution()

    @property
    def result(self) -> Any:
        """The task's XCom."""
        return deserialize(self.xcoms["return_value"])

    def _answer(self, request: httpx.Request, resumed: tuple[str, dict[str, Any]] | None) -> httpx.Response:
        path = unquote(request.url.path).lstrip("/")
        if path.endswith("/run"):
            return httpx.Response(200, json=self._context(resumed))
        if path.endswith("/state"):
            self._note(json.loads(request.content))
            return httpx.Response(200)
        if path.endswith("/skip-downstream"):
            self.skipped = list(json.loads(request.content)["tasks"])
            return httpx.Response(204)
        if path.endswith("/rtif"):
            self.rendered = json.loads(request.content)
            return httpx.Response(201, json={"message": "stored"})
        kind, _, rest = path.partition("/")
        if kind == "hitlDetails":
            self.questions.append(json.loads(request.content))
            return httpx.Response(201, json=self.questions[-1])
        if kind == "dag-runs":
            known = rest in self.triggered
            self.triggered.setdefault(rest, json.loads(request.content).get("conf", {}))
            return httpx.Response(409, json={"detail": {"reason": "already_exists"}}) if known else httpx.Response(204)
        if kind in ("xcoms", "connections", "variables", "dags"):
            return self._found(kind, rest, request)
        return httpx.Response(200, json={"inactive_assets": []})

    def _found(self, kind: str, rest: str, request: httpx.Request) -> httpx.Response:
        if kind == "xcoms":
            return self._xcom(request.method, rest.rsplit("/", 1)[-1], request)
        if kind == "dags":
            return self._dag(rest)
        found = self.connections.get(rest) if kind == "connections" else None
        return httpx.Response(200, json=found) if found else _not_found()

    def _dag(self, dag_id: str) -> httpx.Response:
        if dag_id not in self.paused:
            return _not_found()
        where = {"bundle_name": "dags-folder", "bundle_version": None, "relative_fileloc": "x.py"}
        more = {**where, "owners": "airflow", "tags": [], "next_dagrun": None}
        return httpx.Response(200, json={"dag_id": dag_id, "is_paused": self.paused[dag_id], **more})

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("state") == "deferred":
            timeout = message.get("trigger_timeout")
            self.deferrals.append(
                Deferral(
                    message["classpath"],
                    deserialize(message["trigger_kwargs"]),
                    message["next_method"],
                    deserialize(message["next_kwargs"]),
                    None if timeout is None else _duration(timeout),
                )
            )

    def _xcom(self, method: str, key: str, request: httpx.Request) -> httpx.Response:
        if method == "POST":
            self.xcoms[key] = json.loads(request.content or b"null")  # httpx sends no body for None
            return httpx.Response(201)
        if key not in self.xcoms:
            return _not_found()
        return httpx.Response(200, json={"key": key, "value": self.xcoms[key]})

    def _context(self, resumed: tuple[str, dict[str, Any]] | None) -> dict[str, Any]:
        when = NOW.isoformat()
        method, kwargs = resumed or (None, None)
        return {
            "dag_run": {
                "dag_id": self.task.dag.dag_id,
                "run_id": self.run_id,
                "logical_date": when,
                "data_interval_start": when,
                "data_interval_end": when,
                "run_after": when,
                "start_date": when,
                "end_date": None,
                "run_type": "manual",
                "state": "running",
                "conf": self.conf,
                "consumed_asset_events": [],
                "partition_key": None,
            },
            "max_tries": self.max_tries,
            "should_retry": self.try_number <= self.max_tries,
            "next_method": method,
            "next_kwargs": serialize(kwargs) if kwargs is not None else None,
        }


def in_dag(make: Callable[[], BaseOperator], dag_id: str = "orders", **dag: Any) -> BaseOperator:
    """Return a task inside a DAG."""
    with DAG(dag_id, schedule=None, start_date=timezone.datetime(2026, 1, 1), **dag):
        return make()


def trigger_of(deferral: Deferral) -> Any:
    """Make the trigger as the triggerer does, from its address and stored arguments."""
    return import_string(deferral.classpath)(**deferral.trigger_kwargs)


def fire(deferral: Deferral, limit_seconds: float = 120.0) -> Any:
    """Run a trigger until its first event and return what it carries."""

    async def first() -> Any:
        async for event in trigger_of(deferral).run():
            return event.payload
        raise AssertionError("the trigger has ended without an event")

    return asyncio.run(asyncio.wait_for(first(), limit_seconds))


def states(run: TaskRun, tries: int) -> Iterator[str]:
    """Yield the state after each of some tries."""
    for _ in range(tries):
        yield run.try_once()


def _duration(text: Any) -> timedelta:
    from pydantic import TypeAdapter

    return TypeAdapter(timedelta).validate_python(text)


def _not_found() -> httpx.Response:
    return httpx.Response(404, json={"detail": {"reason": "not_found", "message": "not found"}})
