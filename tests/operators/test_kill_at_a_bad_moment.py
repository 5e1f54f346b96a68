"""A kill that comes while AWS is asked: no job is made after it, and one that is being made is stopped."""

from __future__ import annotations

import os
import signal

import pytest

from tests.operators.conftest import Company


def fired(company: Company) -> bool:
    return any(rule["fired"] for rule in company.sandbox.world.faults.rules())


@pytest.mark.parametrize(("operation", "jobs"), [("ListTrainingJobs", 0), ("HeadObject", 0), ("CreateTrainingJob", 1)])
def test_a_kill_leaves_no_job_that_nobody_waits_for(company: Company, operation: str, jobs: int):
    company.fault("delay", operation=operation, params={"seconds": 1.5}, first=1)
    run = company.run(company.spec(hyperparameters=company.slow()), retries=1, deferrable=False)
    with company.meanwhile(lambda: os.kill(os.getpid(), signal.SIGTERM), when=lambda: fired(company)):
        assert run.try_once() == "up_for_retry"
    assert "was killed" in str(run.error)
    assert len(company.jobs()) == jobs
    for name in company.jobs():
        company.wait(name, "Stopped")
        assert company.tags(name)["airflow-finetune:stopped-by"] == "kill"
