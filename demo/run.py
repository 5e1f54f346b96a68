"""One run of the demo from nothing to its facts: the embedded AWS, a real Airflow on it, and one run of a pipeline."""

from __future__ import annotations

import argparse
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from demo import facts
from demo.airflow_stack import USER, AirflowStack
from demo.chosen import Chosen
from demo.cloud import Cloud
from demo.jobs import Jobs, jobs_of
from demo.memory import Memory, processor_seconds
from demo.processes import DemoError, Processes
from demo.progress import Progress
from demo.teacher import Teacher, teacher_of
from demo.trouble import Trouble
from demo.watch import Watch, logs_of_failures

RUN_ID = "demo"
PATIENT = {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120"}  # nothing is killed here; machines are slow


class Aside:
    """Work on a thread that nobody waits for when the demo is stopped.

    Args:
        work: gives the result.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self._result: Any = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self._result = work()
        except Exception as error:
            self._error = error

    def result(self) -> Any:
        """Wait for the work; return its result or raise its error."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result


class Demo:
    """One demo.

    Args:
        options: the command line.
        chosen: the pipeline and its data.
        trouble: what goes wrong.
        processes: runs everything.
    """

    def __init__(self, options: argparse.Namespace, chosen: Chosen, trouble: Trouble, processes: Processes) -> None:
        self.options, self.chosen, self.trouble, self.processes = options, chosen, trouble, processes
        self.out, self.began = options.out.resolve(), time.monotonic()
        self.progress, self.marks = Progress(), dict[str, float]()

    def run(self) -> dict[str, Any] | None:
        """Do everything, and return the facts; None when Airflow was only left open."""
        teacher = teacher_of(self.chosen, self.processes, self.out / "teacher.log")
        models = teacher.models if teacher else {}
        log, token = self.out / "sandbox.log", secrets.token_urlsafe(24)
        cloud = Cloud(self.processes, log, self.options.speed, token, models)
        self._mark("sandbox_ready")
        self.progress.say(f"the embedded AWS is ready at {cloud.url}; a second here counts as {cloud.speed:.0f} there")
        prepared = Aside(lambda: self._prepare(cloud))  # while Airflow starts
        if teacher:
            teacher.begin()
            self.progress.say(teacher.text())
        self.progress.say("Airflow starts: PostgreSQL, scheduler, triggerer, dag-processor, api-server")
        logs = self.out / "airflow"
        environment = cloud.airflow_environment | PATIENT
        with (
            Memory() as memory,
            AirflowStack(self.processes, logs, dags=self.chosen.dags, environment=environment) as stack,
        ):
            self._mark("airflow_ready")
            self.progress.say(f"Airflow is ready at {stack.api.url}")
            files = prepared.result()
            self.progress.say(f"in its S3: {files} raw files of {self.chosen.data}, and the tiny base model")
            if teacher:
                self._wait_for(teacher)
            jobs = jobs_of(self.chosen.backend, cloud, self.progress, self.trouble, self.out)
            if self.options.stay:
                return self._stay(stack, jobs)
            found = self._one_run(stack, cloud, jobs)
            found["cpu_seconds_of"] = {each.name: processor_seconds(each.pid) for each in self.processes.running()}
        self._mark("airflow_stopped")
        return {**found, "peak_memory_mib": round(memory.peak_mib), "processes_at_peak": memory.processes} | {
            "marks": self.marks,
            "seconds": round(time.monotonic() - self.began, 1),
        }

    def _prepare(self, cloud: Cloud) -> int:
        files = cloud.prepare(self.chosen.uploads)
        self.trouble.plan(cloud)
        self._mark("data_uploaded")
        return files

    def _wait_for(self, teacher: Teacher) -> None:
        while not teacher.is_ready():
            self.processes.check()
            self.progress.show("the teacher", "is trained", teacher.step())
            time.sleep(0.5)
        self._mark("teacher_ready")
        self.progress.say(f"the teacher is ready after {teacher.step()}; it answers as {teacher.model}")

    def _one_run(self, stack: AirflowStack, cloud: Cloud, jobs: Jobs) -> dict[str, Any]:
        dag_id = self._known(stack)
        self._mark("dag_known")
        self.progress.say(f"the run of {dag_id} begins; planned: {self.trouble.text()}")
        stack.api.unpause(dag_id)
        stack.api.trigger(dag_id, RUN_ID)
        watch = Watch(stack, cloud, self.progress, jobs, (dag_id, RUN_ID))
        state = watch.until_over()
        jobs.look()
        self._mark("run_over")
        self.progress.say(f"the run ended in state {state}")
        failures = logs_of_failures(stack, dag_id, RUN_ID)
        for task_id, lines in failures.items():
            print(f"\nThe log of {task_id}:", *(f"    {line}" for line in lines[-25:]), sep="\n")
        for name, address in facts.pages(watch.values).items():
            cloud.download(address, self.out / name)
        start = {"dag_id": dag_id, "run_id": RUN_ID, "state": state, "pipeline": str(self.chosen.pipeline)}
        collected = facts.collect(cloud, jobs, watch.values)
        return (
            start
            | {"data": str(self.chosen.data), **collected}
            | {
                "task_seconds": watch.seconds,
                "failed": sorted(failures),
            }
        )

    def _known(self, stack: AirflowStack) -> str:
        dag_id = self.chosen.dag_id
        try:
            while not stack.api.dag_is_known(dag_id):
                self.processes.check()
                self.progress.show("Airflow", "reads the DAGs")
                time.sleep(0.3)
        except RuntimeError as error:  # a DAG file that cannot be imported
            raise DemoError(str(error)) from error
        return dag_id

    def _stay(self, stack: AirflowStack, jobs: Jobs) -> None:
        dag_id = self._known(stack)
        stack.api.unpause(dag_id)
        page = f"{stack.api.url}/dags/{dag_id}"
        for line in (
            f"open {page} and log in: user {USER}, password {stack.api.password}",
            "the button Trigger opens the form; approve a model under Required Actions; Ctrl-C here ends everything",
        ):
            self.progress.say(line)
        awake = set[str]()
        while True:
            self.processes.check()
            for each in set(stack.api.dag_ids()) - awake:  # some are read later than others
                stack.api.unpause(each)
                awake.add(each)
            jobs.look()
            time.sleep(1)

    def _mark(self, name: str) -> None:
        self.marks[name] = round(time.monotonic() - self.began, 1)
