"""What only a real scheduler and a real triggerer show: kills, clears and lost workers never cost a second job."""

from __future__ import annotations

import os
import signal

import pytest

from tests.demo.left_behind import eventually

pytestmark = pytest.mark.long  # starts a whole Airflow


def test_a_deferred_task_gets_its_model_through_the_triggerer(both):
    both.start("short", "plain")
    assert eventually(lambda: both.stack.api.run_state("short", "plain") == "success", 180), both.log(
        "short", "plain", 1
    )
    (job,) = both.jobs("short", "plain")
    assert job["TrainingJobStatus"] == "Completed"
    log = both.log("short", "plain", 1)
    assert "Waits in the triggerer" in log
    assert job["TrainingJobName"] in log


def test_a_clear_takes_over_the_finished_job_of_the_same_spec(both):
    both.start("short", "cleared")
    assert eventually(lambda: both.stack.api.run_state("short", "cleared") == "success", 180)
    (first,) = both.jobs("short", "cleared")
    before = both.stack.api.task("short", "cleared", "fine_tune")["try_number"]
    both.stack.api.clear("short", "cleared", "fine_tune")

    def done_again() -> bool:
        task = both.stack.api.task("short", "cleared", "fine_tune")
        return task["state"] == "success" and task["try_number"] > before

    assert eventually(done_again, 180)
    assert [job["TrainingJobName"] for job in both.jobs("short", "cleared")] == [first["TrainingJobName"]]


@pytest.mark.parametrize(("dag_id", "waits_as"), [("endless", "deferred"), ("worker_endless", "running")])
def test_a_user_who_marks_the_task_failed_stops_its_job(both, dag_id, waits_as):
    both.start(dag_id, "marked")

    def training() -> bool:
        jobs = both.jobs(dag_id, "marked")
        return bool(jobs) and jobs[0]["SecondaryStatus"] == "Training" and both.task_state(dag_id, "marked") == waits_as

    assert eventually(training, 180)
    both.stack.api.mark(dag_id, "marked", "fine_tune", "failed")
    assert eventually(lambda: both.jobs(dag_id, "marked")[0]["TrainingJobStatus"] == "Stopped", 120)
    assert len(both.jobs(dag_id, "marked")) == 1
    assert [line for line in both.aws.admin("GET", "bill")["lines"] if line["running"]] == []


def test_a_worker_killed_right_after_the_create_call_costs_no_second_job(both):
    both.start("worker", "killed")
    assert eventually(lambda: bool(both.jobs("worker", "killed")), 180)
    pid = both.stack.api.task("worker", "killed", "fine_tune")["pid"]
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: both.stack.api.run_state("worker", "killed") in ("success", "failed"), 240)
    assert both.stack.api.run_state("worker", "killed") == "success", both.log("worker", "killed", 2)
    assert both.stack.api.task("worker", "killed", "fine_tune")["try_number"] == 2, (
        "the negative control: it was killed"
    )
    (job,) = both.jobs("worker", "killed")
    assert job["TrainingJobStatus"] == "Completed"
    assert job["TrainingJobName"] in both.log("worker", "killed", 2)


def test_a_worker_killed_while_the_create_call_is_under_way_costs_no_second_job(both):
    fault = {"kind": "delay", "operation": "CreateTrainingJob", "count": 1, "params": {"seconds": 3}}
    both.aws.admin("POST", "faults", fault)
    both.start("worker", "cut")

    def under_way() -> bool:
        rules = both.aws.admin("GET", "faults")["faults"]
        return any(rule["kind"] == "delay" and rule["fired"] for rule in rules)

    assert eventually(under_way, 180)
    os.kill(both.stack.api.task("worker", "cut", "fine_tune")["pid"], signal.SIGKILL)
    assert both.jobs("worker", "cut") == [], "the call had not been answered"
    assert eventually(lambda: both.stack.api.run_state("worker", "cut") in ("success", "failed"), 240)
    assert both.stack.api.run_state("worker", "cut") == "success", both.log("worker", "cut", 2)
    assert [job["TrainingJobStatus"] for job in both.jobs("worker", "cut")] == ["Completed"]
