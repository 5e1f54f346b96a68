"""`make demo`: a tiny model is tuned by a real Airflow on the embedded AWS, loses its Spot instance, and finishes."""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from demo import orders, questions
from demo.airflow_stack import PROJECT, USER, AirflowStack
from demo.cloud import FAULTS, Cloud
from demo.processes import DemoError, Processes
from demo.progress import Progress, Training
from demo.summary import Summary, summarize

DAG_ID, RUN_ID, TASK_ID = "finetune_spot_training", "demo", "fine_tune"
STEPS: int = yaml.safe_load((PROJECT / "include/pipelines/orders_spot_training.yaml").read_text())["max_steps"]
OVER = ("success", "failed")
LIMIT_SECONDS = 1200.0


class Aside:
    """Work on a thread that nobody waits for when the demo is stopped.

    Args:
        work: gives the result.
    """

    def __init__(self, work: Callable[[], float | None]) -> None:
        self._result: float | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], float | None]) -> None:
        try:
            self._result = work()
        except Exception as error:
            self._error = error

    def result(self) -> float | None:
        """Wait for the work; return its result or raise its error."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result


class Demo:
    """One run of the demo.

    Args:
        options: the command line.
        processes: runs everything.
    """

    def __init__(self, options: argparse.Namespace, processes: Processes) -> None:
        self.options, self.out, self.began = options, options.out.resolve(), time.monotonic()
        self.processes, self.progress = processes, Progress()
        self.out.mkdir(parents=True, exist_ok=True)

    def run(self) -> Summary:
        """Do everything, and return what happened."""
        say = self.progress.say
        cloud = Cloud(self.processes, self.out / "sandbox.log", self.options.speed, secrets.token_urlsafe(24))
        say(f"the embedded AWS is ready at {cloud.url}; one second here counts as {cloud.speed:.0f} there")
        rows = cloud.upload()
        cloud.plan(self.options.fault, self.options.interrupt_at)
        planned = FAULTS[self.options.fault].format(step=self.options.interrupt_at)
        say(f"{rows} orders and the tiny base model are in its S3; planned for the job: {planned}")
        golden = orders.read(orders.GOLDEN_FILE)[: self.options.questions]
        before = Aside(lambda: self._before(cloud, golden))  # while Airflow starts
        say("Airflow starts: PostgreSQL, scheduler, triggerer, dag-processor, api-server")
        with AirflowStack(self.processes, self.out / "airflow", environment=cloud.airflow_environment) as stack:
            say(f"Airflow is ready at {stack.api.url}")
            state = self._train(stack, cloud)
            model = self._model(stack) if state == "success" else {}
            if self.options.stay:
                self._stay(stack)
        after = self._after(cloud, model, golden)
        training = self._training(cloud)
        return summarize(
            cloud,
            training,
            state=state,
            before=before.result(),
            after=after,
            questions=len(golden),
            model=model,
            demo_seconds=time.monotonic() - self.began,
        )

    def _before(self, cloud: Cloud, golden: list[dict[str, str]]) -> float | None:
        if not golden:
            return None
        return questions.exact_match(cloud, "base", questions.base_archive(cloud), golden)

    def _after(self, cloud: Cloud, model: dict[str, Any], golden: list[dict[str, str]]) -> float | None:
        if not golden or not model:
            return None
        self.progress.say(f"the tuned model answers {len(golden)} golden orders on an endpoint")
        return questions.exact_match(cloud, "tuned", model["model_uri"], golden)

    def _train(self, stack: AirflowStack, cloud: Cloud) -> str:
        api, until = stack.api, time.monotonic() + LIMIT_SECONDS
        while not api.dag_is_known(DAG_ID):
            self.processes.check()
            self.progress.show("Airflow", "reads the DAGs")
            time.sleep(0.3)
        api.unpause(DAG_ID)
        api.trigger(DAG_ID, RUN_ID)
        while (state := api.run_state(DAG_ID, RUN_ID)) not in OVER:
            self.processes.check()
            if time.monotonic() > until:
                raise DemoError(f"The run did not end within {LIMIT_SECONDS:.0f} seconds; it is {state}.")
            self._show(stack, cloud)
            time.sleep(1)
        self.progress.say(f"Airflow: the run ended in state {state}")
        if state != "success":
            self._explain(stack)
        return state

    def _show(self, stack: AirflowStack, cloud: Cloud) -> None:
        names = cloud.job_names()
        if not names:
            task = stack.api.task(DAG_ID, RUN_ID, TASK_ID)["state"] or "waits"
            self.progress.show(TASK_ID, task)
            return
        job = cloud.job(names[-1])
        detail = self._training(cloud).text() if job["SecondaryStatus"] == "Training" else ""
        self.progress.show(TASK_ID, job["SecondaryStatus"], detail)

    def _training(self, cloud: Cloud) -> Training:
        lines = [line for name in cloud.job_names() for line in cloud.log_lines(name)]
        (self.out / "job.log").write_text("".join(f"{text}\n" for _, text in lines))
        return Training.of(lines, STEPS)

    def _model(self, stack: AirflowStack) -> dict[str, Any]:
        path = f"/dags/{DAG_ID}/dagRuns/{RUN_ID}/taskInstances/{TASK_ID}/xcomEntries/return_value"
        value = stack.api.call("GET", path)["value"]
        found: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
        return found

    def _explain(self, stack: AirflowStack) -> None:
        for task in stack.api.tasks(DAG_ID, RUN_ID):
            if task["state"] == "success" or not task["try_number"]:
                continue
            print(f"\nThe log of {task['task_id']} (try {task['try_number']}):")
            for line in stack.api.log(DAG_ID, RUN_ID, task["task_id"], task["try_number"]):
                print("    " + line.replace("\n", "\n        "))

    def _stay(self, stack: AirflowStack) -> None:
        self.progress.say(f"Airflow stays at {stack.api.url} (user {USER}, password {stack.api.password}) until Ctrl-C")
        try:
            while True:
                self.processes.check()
                time.sleep(1)
        except KeyboardInterrupt:
            self.progress.say("stops")


def left_running(folder: Path) -> list[str]:
    """Return the command lines of processes that still name the demo's temporary folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def options(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=PROJECT / "build" / "demo", help="for logs and summary.json")
    parser.add_argument("--questions", type=int, default=40, help="golden orders to ask before and after (0: none)")
    parser.add_argument("--interrupt-at", type=int, default=150, help="the step at which Spot takes the instance away")
    parser.add_argument("--fault", choices=sorted(FAULTS), default="spot_interruption", help="what goes wrong")
    parser.add_argument("--speed", type=float, default=60.0, help="modelled seconds in a real one, for waits and bills")
    parser.add_argument("--stay", action="store_true", help="keep Airflow open in the browser until Ctrl-C")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Run the demo and return the exit status."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    chosen = options(argv)
    signal.signal(signal.SIGTERM, end)
    summary: Summary | None = None
    status = 1
    processes = Processes()
    try:
        with processes:
            summary = Demo(chosen, processes).run()
    except KeyboardInterrupt:
        print("\nStopped.")
        status = 130
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
    left = left_running(processes.folder)
    if left:
        print("Left running:\n" + "\n".join(f"  {line}" for line in left), file=sys.stderr)
    if summary is None:
        return 1 if left else status
    summary.write(chosen.out / "summary.json")
    print(summary.text(chosen.out))
    print("Left running: " + (f"{len(left)} processes" if left else "nothing"))
    return 0 if summary.ok and not left else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
