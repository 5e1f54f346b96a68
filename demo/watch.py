"""Follows one run until it is over: a line for every stage that is done, and what happens to the job between."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from demo import told
from demo.airflow_stack import AirflowStack
from demo.cloud import Cloud
from demo.jobs import Jobs
from demo.processes import DemoError
from demo.progress import Progress

OVER = ("success", "failed")
ENDED = {"skipped": "skipped", "upstream_failed": "not run", "removed": "removed"}
WAITS = {"up_for_retry": "failed, and is tried again in a moment"}
QUIET = ("open_scope", "guard", "advice_open_scope", "advice_guard")  # nothing to tell unless they fail
LIMIT_SECONDS = 1800.0
PAUSE_SECONDS = 1.0


class Watch:
    """One run.

    Args:
        stack: the Airflow.
        cloud: the AWS.
        progress: where to say it.
        jobs: of the run.
        run: (dag_id, run_id).

    Attributes:
        values: task -> what it has handed on.
        seconds: task -> how long it took, as Airflow counts.
    """

    def __init__(self, stack: AirflowStack, cloud: Cloud, progress: Progress, jobs: Jobs, run: tuple[str, str]) -> None:
        self._stack, self._cloud, self._progress, self._jobs, self._run = stack, cloud, progress, jobs, run
        self._told: set[str] = set()
        self.values: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}

    def until_over(self) -> str:
        """Follow the run; return its last state.

        Raises:
            DemoError: a process ended, or the run takes too long.
        """
        until = time.monotonic() + LIMIT_SECONDS
        while True:
            self._stack.processes.check()
            state = self._stack.api.run_state(*self._run)
            tasks = self._stack.api.tasks(*self._run)
            self._tell(tasks)
            if state in OVER:
                return state
            if time.monotonic() > until:
                raise DemoError(f"The run did not end within {LIMIT_SECONDS:.0f} seconds; it is {state}.")
            self._show(tasks)
            time.sleep(PAUSE_SECONDS)

    def _tell(self, tasks: list[dict[str, Any]]) -> None:
        for task in sorted(tasks, key=lambda task: str(task["end_date"] or "")):
            name, state, kind = task["task_id"], task["state"], told.stage(task["task_id"])
            if name in self._told or state not in (*OVER, *ENDED):
                continue
            self._told.add(name)
            self.seconds[name] = _seconds(task)
            if state == "success":
                self.values[name] = self._stack.api.xcom(*self._run, name)
                if kind not in QUIET:
                    self._progress.say(f"{name}: {told.line(kind, self.values[name])}")
            else:
                self._progress.say(f"{name}: {ENDED.get(state, state)}")

    def _show(self, tasks: list[dict[str, Any]]) -> None:
        states = {task["task_id"]: str(task["state"] or "waits") for task in tasks}
        busy = [name for name, state in states.items() if state in ("running", "deferred", "queued", "up_for_retry")]
        if candidates := [name for name in busy if told.stage(name) != name]:
            at_work = ", ".join(f"{name.partition('.')[0]} in {told.stage(name)}" for name in candidates)
            self._progress.show("candidates", at_work, _longest(tasks, candidates))
            return
        at = next((name for name in (*told.STAGES, *told.AROUND) if name in busy), None)
        if at is None:
            return
        stage = f"{told.STAGES.index(at) + 1}/{len(told.STAGES)} {at}" if at in told.STAGES else at
        if at == "fine_tune" and (seen := self._jobs.look()):
            self._progress.show(stage, *seen)
        elif at == "evaluate":
            asked = self._cloud.calls(self._jobs.asks) if self._jobs.asks else 0
            self._progress.show(stage, "asks both models", f"{asked:,} requests answered" if asked else "")
        else:
            self._progress.show(stage, WAITS.get(states[at], "begins"))


def _longest(tasks: list[dict[str, Any]], names: list[str]) -> str:
    """Return for how long the longest of some tasks has been at work."""
    began = [
        datetime.fromisoformat(task["start_date"]) for task in tasks if task["task_id"] in names and task["start_date"]
    ]
    return f"for {(datetime.now(UTC) - min(began)).total_seconds():.0f} s" if began else ""


def logs_of_failures(stack: AirflowStack, dag_id: str, run_id: str) -> dict[str, list[str]]:
    """Return task -> the log of its last try, for tasks that failed."""
    return {
        task["task_id"]: stack.api.log(dag_id, run_id, task["task_id"], task["try_number"])
        for task in stack.api.tasks(dag_id, run_id)
        if task["state"] == "failed" and task["try_number"]
    }


def _seconds(task: dict[str, Any]) -> float:
    if not task["start_date"] or not task["end_date"]:
        return 0.0
    began, ended = (datetime.fromisoformat(task[name]) for name in ("start_date", "end_date"))
    return round((ended - began).total_seconds(), 1)
