"""Clearing a task that has not ended: one job at a time, also on the branch that Airflow takes for a running one."""

from __future__ import annotations

import pytest

from tests.demo.left_behind import eventually

pytestmark = pytest.mark.long  # starts a whole Airflow


def test_a_clear_of_a_running_task_stops_its_job_and_makes_one_other(both):
    dag_id, waits_as, run_id = "worker_endless", "running", "cleared-while-it-runs"
    both.start(dag_id, run_id)

    def training(jobs: int) -> bool:
        states = [job["SecondaryStatus"] for job in both.jobs(dag_id, run_id)]
        return len(states) == jobs and states.count("Training") == 1 and both.task_state(dag_id, run_id) == waits_as

    assert eventually(lambda: training(1), 180)
    (first,) = both.jobs(dag_id, run_id)
    both.stack.api.clear(dag_id, run_id, "fine_tune")
    assert eventually(lambda: training(2), 180), both.jobs(dag_id, run_id)
    states = {job["TrainingJobName"]: job["TrainingJobStatus"] for job in both.jobs(dag_id, run_id)}
    assert states.pop(first["TrainingJobName"]) == "Stopped"
    assert [name[-6:] for name in states] == ["-g1-a1"], "a generation of its own"
    both.stack.api.mark(dag_id, run_id, "fine_tune", "failed")
    assert eventually(lambda: "InProgress" not in [job["TrainingJobStatus"] for job in both.jobs(dag_id, run_id)], 120)
    assert len(both.jobs(dag_id, run_id)) == 2
    assert [line for line in both.aws.admin("GET", "bill")["lines"] if line["running"]] == []
