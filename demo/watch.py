"""Follows one run until it is over: a line for every stage that is done, and what happens to the job between."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from demo import told
from demo.airflow_stack import AirflowStack
from demo.cloud import Cloud
from demo.processes import DemoError
from demo.progress import Progress
from demo.training import Training
from demo.trouble import Trouble

ATTEMPT = re.compile(r"-g\d+-a\d+$")  # what the names of one task's jobs differ in
OVER = ("success", "failed")
ENDED = {"skipped": "skipped", "upstream_failed": "not run", "removed": "removed"}
WAITS = {"up_for_retry": "failed, and is tried again in a moment"}
QUIET = ("open_scope", "guard")  # nothing to tell unless they fail
LIMIT_SECONDS = 1800.0
PAUSE_SECONDS = 1.0


class Job:
    """What is known of the training job, and what has been said of it.

    Attributes:
        training: read from its log.
    """

    def __init__(self, cloud: Cloud, progress: Progress, trouble: Trouble, log: Path) -> None:
        self._cloud, self._progress, self._trouble, self._log = cloud, progress, trouble, log
        self.training = Training()
        self._said: set[str] = set()

    def look(self) -> tuple[str, str] | None:
        """Say what is new; return AWS's status and the last step, None before there is a job."""
        names = self._cloud.job_names()
        if not names:
            return None
        job = self._cloud.job(names[-1])
        ours = [name for name in names if ATTEMPT.sub("", name) == ATTEMPT.sub("", names[-1])]
        lines = [line for name in ours for line in self._cloud.log_lines(name)]
        self._log.write_text("".join(f"{text}\n" for _, text in lines))
        self.training = Training.of(lines)
        self._trouble.look(self._cloud, names[-1], self.training)
        market = "Spot" if job.get("EnableManagedSpotTraining") else "on demand"
        self._say(f"submitted {names[-1]} ({job['ResourceConfig']['InstanceType']}, {market})")
        times = sum(each["Status"] == "Interrupted" for each in job.get("SecondaryStatusTransitions", ()))
        if times:
            self._say("AWS has taken the Spot instance away" + (f", {times} times now" if times > 1 else ""))
        for number, line in enumerate(self.training.resumed):
            before = self.training.seen[self.training.restarts[number] - 1][1] if self.training.restarts[number] else 0
            self._say(f"interrupted at step {before}, resumed at step {line.partition('step=')[2].split()[0]}")
        detail = self.training.text() if job["SecondaryStatus"] == "Training" else ""
        return str(job["SecondaryStatus"]), detail

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._progress.say(f"fine_tune: {text}")


class Watch:
    """One run.

    Args:
        stack: the Airflow.
        cloud: the AWS.
        progress: where to say it.
        job: the job of the run.
        run: (dag_id, run_id).

    Attributes:
        values: task -> what it has handed on.
        seconds: task -> how long it took, as Airflow counts.
    """

    def __init__(self, stack: AirflowStack, cloud: Cloud, progress: Progress, job: Job, run: tuple[str, str]) -> None:
        self._stack, self._cloud, self._progress, self._job, self._run = stack, cloud, progress, job, run
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
            name, state = task["task_id"], task["state"]
            if name in self._told or state not in (*OVER, *ENDED):
                continue
            self._told.add(name)
            self.seconds[name] = _seconds(task)
            if state == "success":
                self.values[name] = self._stack.api.xcom(*self._run, name)
                if name not in QUIET:
                    self._progress.say(f"{name}: {told.line(name, self.values[name])}")
            else:
                self._progress.say(f"{name}: {ENDED.get(state, state)}")

    def _show(self, tasks: list[dict[str, Any]]) -> None:
        states = {task["task_id"]: str(task["state"] or "waits") for task in tasks}
        busy = [name for name, state in states.items() if state in ("running", "deferred", "queued", "up_for_retry")]
        at = next((name for name in (*told.STAGES, *told.AROUND) if name in busy), None)
        if at is None:
            return
        stage = f"{told.STAGES.index(at) + 1}/{len(told.STAGES)} {at}" if at in told.STAGES else at
        if at == "fine_tune" and (seen := self._job.look()):
            self._progress.show(stage, *seen)
        elif at == "evaluate":
            asked = self._cloud.calls("InvokeEndpoint")
            self._progress.show(stage, "asks both models", f"{asked:,} requests answered" if asked else "")
        else:
            self._progress.show(stage, WAITS.get(states[at], "begins"))


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
