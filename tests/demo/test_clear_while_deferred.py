"""Clearing a task that waits in the triggerer: its next try may come before the stop; no job is paid for twice."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.demo.left_behind import eventually

pytestmark = pytest.mark.long  # starts a whole Airflow


def test_a_clear_of_a_deferred_task_never_has_two_jobs_and_leaves_nothing_billing(both):
    dag_id, run_id = "endless", "cleared-while-deferred"
    both.start(dag_id, run_id)
    alive: list[list[str]] = []

    def in_progress() -> list[str]:
        names = [
            job["TrainingJobName"] for job in both.jobs(dag_id, run_id) if job["TrainingJobStatus"] == "InProgress"
        ]
        alive.append(names)
        return names

    def trains_and_waits(try_number: int) -> bool:
        task = both.stack.api.task(dag_id, run_id, "fine_tune")
        here = (task["state"], task["try_number"]) == ("deferred", try_number)
        return here and len(in_progress()) == 1 and "Training" in seconds()

    def seconds() -> list[str]:
        return [job["SecondaryStatus"] for job in both.jobs(dag_id, run_id)]

    assert eventually(lambda: trains_and_waits(1), 240)
    (first,) = both.jobs(dag_id, run_id)
    both.stack.api.clear(dag_id, run_id, "fine_tune")
    assert eventually(lambda: bool(in_progress()) and trains_and_waits(2), 300), (alive[-1], seconds())
    # Wherever the stop of the first try came: there is one job, of the first generation taken over or of the second.
    assert max(map(len, alive)) == 1, "never two jobs at once"
    names = [job["TrainingJobName"] for job in both.jobs(dag_id, run_id)]
    assert first["TrainingJobName"] in names
    made = Counter(re.search(r"-g(\d+)-a\d+$", name)[1] for name in names)
    assert made["0"] == 1, "the first generation is not bought again"
    assert made["1"] <= 1
    both.stack.api.mark(dag_id, run_id, "fine_tune", "failed")
    assert eventually(lambda: in_progress() == [], 120)
    assert eventually(lambda: [line for line in both.aws.admin("GET", "bill")["lines"] if line["running"]] == [], 60)
    assert sorted(names) == sorted(job["TrainingJobName"] for job in both.jobs(dag_id, run_id)), "and none after it"
