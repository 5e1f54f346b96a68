"""Runs DAG runs on a real Airflow, kills what a case says at the moment it says, and tells what became of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.serving.scope import ScopeClaim
from demo.airflow_stack import AirflowStack
from tests.clients.embedded import Endpoint
from tests.kills.cases import Case, Place

PATIENCE_SECONDS = 240.0
AT_ONCE = 6  # runs
ENDED = ("success", "failed")


@dataclass
class Outcome:
    """What became of a run.

    Attributes:
        case: which one.
        kills: for each, what was killed and how many jobs or endpoints of the run AWS knew.
        state: of the run.
        tasks: task id -> state, tries.
        creates: operation and name -> calls that AWS carried out.
        refused: creates that AWS refused.
        left: names that AWS still knows at the end, jobs excepted.
        jobs: name -> status.
        billed: meters that there were.
        billing: meters that run.
        log: of the task's last try.
        seconds: from the trigger to the end.
        error: of the harness; None when it went through.
    """

    case: Case
    kills: list[tuple[str, int]] = field(default_factory=list)
    state: str = ""
    tasks: dict[str, tuple[str, int]] = field(default_factory=dict)
    creates: dict[tuple[str, str], int] = field(default_factory=dict)
    refused: int = 0
    left: list[str] = field(default_factory=list)
    jobs: dict[str, str] = field(default_factory=dict)
    billed: int = 0
    billing: list[str] = field(default_factory=list)
    log: str = ""
    seconds: float = 0.0
    error: str | None = None

    def row(self) -> str:
        """One line of the table."""
        kills = "+".join(what for what, _ in self.kills)
        seen = ",".join(str(number) for _, number in self.kills)
        sums = {each: sum(n for (op, _), n in self.creates.items() if op == each) for each, _ in self.creates}
        made = " ".join(f"{number} {name.removeprefix('Create')}" for name, number in sorted(sums.items()))
        tries = self.tasks.get(self.case.task_id, ("?", 0))[1]
        left = "nothing" if not self.left and not self.billing else f"{self.left} {self.billing}"
        end = f"{self.state:8} {tries:5} {made:32} {left:8} {self.seconds:4.0f} s"
        return f"{self.case.id:49} {kills:16} {seen:6} {end} {self.error or ''}"


HEADER = f"{'killed':49} {'what':16} {'known':6} {'run':8} tries {'AWS made':32} {'left':8} time"


def key_of(case: Case) -> str:
    """What the names of a run's job or endpoints contain."""
    if case.task_id == "fine_tune":
        return Claim("default", case.dag_id, case.id, case.task_id, -1, 0).key
    return ScopeClaim("default", case.dag_id, case.id, "served").id


def wait_for(what: str, look: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the first answer that is not empty.

    Raises:
        TimeoutError: there was none in time.
    """
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.4)  # six ask at once, of an Airflow that has work to do
    return found


class Harness:
    """A real Airflow and an embedded AWS on which cases run, several at once."""

    def __init__(self, stack: AirflowStack, aws: Endpoint) -> None:
        self.stack, self.aws = stack, aws

    def run(self, cases: Sequence[Case]) -> dict[str, Outcome]:
        """Run all cases; those that want the triggerer killed wait for each other, so that it dies once."""
        for dag_id in {case.dag_id for case in cases}:
            wait_for(f"DAG {dag_id}", lambda dag_id=dag_id: self.stack.api.dag_is_known(dag_id))
            self.stack.api.unpause(dag_id)
        first = sorted(cases, key=lambda case: case.kills[-1].kill != "triggerer")
        together = sum(case.kills[-1].kill == "triggerer" for case in cases)
        assert together <= AT_ONCE
        barrier = threading.Barrier(together, self.kill_triggerer) if together else None
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return {outcome.case.id: outcome for outcome in pool.map(lambda case: self._outcome(case, barrier), first)}

    def kill_triggerer(self) -> None:
        """Kill the triggerer and what it has started, and start another one."""
        pid = self.stack.components["triggerer"].pid
        pids = [pid, *children(pid)]
        self._kill(*pids)
        for each in pids:
            wait_for(f"the end of {each}", lambda each=each: not alive(each))
        self.stack.stop("triggerer")
        self.stack.restart("triggerer")

    def _outcome(self, case: Case, barrier: threading.Barrier | None) -> Outcome:
        outcome, started = Outcome(case), time.monotonic()
        try:
            self._play(case, outcome, barrier)
            self._look(outcome)
        except Exception as error:
            outcome.error = f"{type(error).__name__}: {error}"
            if barrier is not None and "triggerer" in [place.kill for place in case.kills]:
                barrier.abort()
        outcome.seconds = time.monotonic() - started
        return outcome

    def _play(self, case: Case, outcome: Outcome, barrier: threading.Barrier | None) -> None:
        key, api = key_of(case), self.stack.api
        held, kept = self._hold(case.places[0], case), []
        api.trigger(case.dag_id, case.id, {"key": key})
        for place, after in zip(case.places, (*case.places[1:], None), strict=True):
            wait_for(f"{case.id} at {place.operation}", lambda held=held: self._is_held(held, case))
            if place.kill == "triggerer":
                assert barrier is not None
                wait_for(
                    f"{case.id} deferred", lambda: api.task(case.dag_id, case.id, case.task_id)["state"] == "deferred"
                )
                outcome.kills.append((place.kill, self._exists(key)))
                barrier.wait(PATIENCE_SECONDS)
            elif place.kill:
                self._kill_task(case, place, outcome, key)
            now, held = held, self._hold(after, case) if after else ""
            if place.for_good:
                kept.append(now)
            else:
                self.aws.admin("DELETE", f"faults/{now}")
        outcome.state = wait_for(f"the end of {case.id}", lambda: self._ended(case))
        for rule in kept:
            before = len(self._calls(case))
            self.aws.admin("DELETE", f"faults/{rule}")
            wait_for("the call that AWS hears last", lambda before=before: len(self._calls(case)) > before)

    def _hold(self, place: Place, case: Case) -> str:
        rule, key, run_id = place.rule, key_of(case), case.id
        match = {path: glob.replace("KEY", key).replace("RUN", run_id) for path, glob in rule["match"].items()}
        return str(self.aws.admin("POST", "faults", {**rule, "match": match})["id"])

    def _is_held(self, rule_id: str, case: Case) -> bool:
        rules = {rule["id"]: rule["fired"] for rule in self.aws.admin("GET", "faults")["faults"]}
        if not rules[rule_id] and self._ended(case):
            raise RuntimeError(f"{case.id} ended without having come to the place of its kill")
        return bool(rules[rule_id])

    def _ended(self, case: Case) -> str | None:
        state = self.stack.api.run_state(case.dag_id, case.id)
        return state if state in ENDED else None

    def _kill_task(self, case: Case, place: Place, outcome: Outcome, key: str) -> None:
        task = self.stack.api.task(case.dag_id, case.id, case.task_id)
        assert task["state"] == "running", task["state"]
        pid, worker = task["pid"], parent(task["pid"])
        outcome.kills.append((str(place.kill), self._exists(key)))
        if place.kill == "worker":
            title = Path(f"/proc/{worker}/cmdline").read_text()
            assert "LocalExecutor" in title, f"{worker} supervises no task: {title}"
            self._kill(worker, pid)
        else:
            self._kill(pid)
        wait_for(f"the end of {pid}", lambda: not alive(pid))

    def _kill(self, *pids: int) -> None:
        ours = {component.pid for component in self.stack.components.values()}
        for pid in pids:
            assert ours & {pid, *ancestors(pid)}, f"{pid} is not of this Airflow"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def _names(self, key: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for document in self.aws.admin("GET", "state")["documents"]:
            if names := [name for name in document["names"] if key in name]:
                found[document["kind"]] = names
        return found

    def _exists(self, key: str) -> int:
        names = self._names(key)
        return len([*names.get("training_job", ()), *names.get("endpoint", ())])

    def _calls(self, case: Case) -> list[tuple[tuple[str, str], str]]:
        """Return the creates of a run: operation and name, outcome."""
        ours, found = (key_of(case), case.id), []
        for call in self.aws.admin("GET", "calls?service=sagemaker")["calls"]:
            if call["operation"].startswith("Create"):
                names = [str(value) for name, value in call["params"].items() if name.endswith("Name")]
                found += [
                    ((call["operation"], name), call["outcome"]) for name in names[:1] if any(x in name for x in ours)
                ]
        return found

    def _look(self, outcome: Outcome) -> None:
        case, key = outcome.case, key_of(outcome.case)
        for task in self.stack.api.tasks(case.dag_id, case.id):
            outcome.tasks[task["task_id"]] = (task["state"], task["try_number"])
        for made, said in self._calls(case):
            if said == "ok":
                outcome.creates[made] = outcome.creates.get(made, 0) + 1
            else:
                outcome.refused += 1
        names = self._names(key)
        sagemaker = self.aws.client("sagemaker")
        status = lambda name: sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]  # noqa: E731 - in one word
        for name in names.pop("training_job", []):  # a job that nobody waits for outlives its run
            outcome.jobs[name] = wait_for(f"the end of {name}", lambda name=name: ended(status(name)))
        sagemaker.close()
        outcome.left = sorted(f"{kind} {name}" for kind, found in names.items() for name in found)
        lines = [line for line in self.aws.admin("GET", "bill")["lines"] if key in line["arn"]]
        outcome.billed, outcome.billing = len(lines), [line["arn"] for line in lines if line["running"]]
        tries = outcome.tasks[case.task_id][1]
        outcome.log = "\n".join(self.stack.api.log(case.dag_id, case.id, case.task_id, tries))


def ended(status: str) -> str:
    """Return a job's status when it is its last one, else nothing."""
    return status if status in {"Completed", "Failed", "Stopped"} else ""


def parent(pid: int) -> int:
    """The process that started another one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def ancestors(pid: int) -> list[int]:
    """The processes above one, from the nearest on."""
    found = []
    while pid > 1:
        pid = parent(pid)
        found.append(pid)
    return found


def children(pid: int) -> list[int]:
    """The processes that one has started, and theirs."""
    direct = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [each for child in direct for each in (child, *children(child))]


def alive(pid: int) -> bool:
    """Whether a process does anything any more: a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
