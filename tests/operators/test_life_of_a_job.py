"""An operator through the real task runner against an AWS in which the job really runs, in both wait modes.

Every test runs twice, and the last one compares: same results, same mutating calls.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from typing import Any

import pytest

from tests.execution_api import Deferral, TaskRun, fire, trigger_of
from tests.operators.conftest import Company

SEEN: dict[str, dict[bool, Any]] = {}


def remember(case: str, deferrable: bool, run: TaskRun, company: Company) -> None:
    jobs = list(company.jobs().values())
    SEEN.setdefault(case, {})[deferrable] = (run.state, jobs, company.mutating())


def test_a_job_runs_and_its_model_is_returned(company: Company, deferrable: bool):
    run = company.run(deferrable=deferrable)
    assert run.try_once() == "success", run.error
    assert bool(run.deferrals) is deferrable
    model = run.result
    name = model["job_name"]
    assert company.jobs() == {name: "Completed"}
    assert model["model_uri"] == f"s3://acme/models/{name}/output/model.tar.gz"
    assert (model["market"], model["attempts"], model["interruptions"]) == ("spot", 1, 0)
    assert model["billable_seconds"] > 0
    assert model["cost_usd"] > 0
    remember("done", deferrable, run, company)


def test_a_failed_job_fails_the_task_with_the_words_of_aws_and_no_second_job(
    company: Company, deferrable: bool, capsys: pytest.CaptureFixture[str]
):
    run = company.run(company.spec(hyperparameters={"crash": 1}), retries=2, deferrable=deferrable)
    assert run.try_once() == "failed", "no retry: it could not help"
    assert "AlgorithmError" in str(run.error)
    assert "the loss is not a number" in str(run.error)
    assert "last lines of the job's log" in (out := capsys.readouterr().out)
    assert "step=1 loss=nan" in out
    assert len(company.jobs()) == 1
    remember("failed", deferrable, run, company)


def test_a_job_that_somebody_else_stops_fails_the_task(company: Company, deferrable: bool):
    run = company.run(company.spec(hyperparameters=company.slow()), retries=2, deferrable=deferrable)

    def stop() -> None:
        (name,) = company.jobs()
        company.aws("sagemaker").stop_training_job(TrainingJobName=name)

    with company.meanwhile(stop):
        assert run.try_once() == "failed"
    assert "Stopped" in str(run.error)
    assert "outside of Airflow" in str(run.error)
    assert list(company.jobs().values()) == ["Stopped"]
    remember("stopped", deferrable, run, company)


def kill(run: TaskRun, company: Company, deferrable: bool) -> str:
    """Do what Airflow does when a user marks the task as failed."""
    if not deferrable:
        with company.meanwhile(lambda: os.kill(os.getpid(), signal.SIGTERM)):
            return run.try_once()

    def killed(deferral: Deferral) -> Any:
        with company.meanwhile(lambda: asyncio.run(trigger_of(deferral).on_kill())):
            return fire(deferral)

    run.try_number += 1
    assert run.run_part(None) == "deferred"
    killed(run.deferrals[-1])
    return "killed"


def test_a_killed_task_stops_its_job_and_a_retry_goes_on_from_the_checkpoint(company: Company, deferrable: bool):
    spec = company.spec(hyperparameters={"steps": 60, "pause": 0.05})
    run = company.run(spec, retries=1, deferrable=deferrable)
    assert kill(run, company, deferrable) in ("up_for_retry", "killed")
    (name,) = company.jobs()
    assert company.wait(name, "Stopped")["SecondaryStatus"] == "Stopped"
    assert company.tags(name)["airflow-finetune:stopped-by"] == "kill"
    remember("killed", deferrable, run, company)
    assert run.try_once() == "success", run.error
    assert run.result["attempts"] == 2
    assert run.result["job_name"].endswith("-a2")
    starts = [line for line in company.log(run.result["job_name"]) if line.startswith("starts")]
    assert len(starts) == 1
    assert starts != ["starts at step=0"]


def test_a_job_that_takes_too_long_is_stopped(company: Company, deferrable: bool):
    spec = company.spec(hyperparameters=company.slow())
    run = company.run(spec, retries=2, deferrable=deferrable, max_wait=timedelta(seconds=2))
    assert run.try_once() == "failed"
    assert "max_wait of 0:00:02 was over" in str(run.error)
    (name,) = company.jobs()
    assert company.jobs() == {name: "Stopped"}
    assert company.tags(name)["airflow-finetune:stopped-by"] == "max_wait"
    remember("timed out", deferrable, run, company)


def test_a_worker_whose_time_is_over_stops_its_job(company: Company):
    spec = company.spec(hyperparameters=company.slow())
    run = company.run(spec, retries=1, execution_timeout=timedelta(seconds=5), deferrable=False)
    assert run.try_once() == "up_for_retry"
    for name in company.jobs():
        company.wait(name, "Stopped")
        assert company.tags(name)["airflow-finetune:stopped-by"] == "kill"


def test_a_killed_worker_can_leave_its_job_running(company: Company):
    spec = company.spec(hyperparameters=company.slow())
    run = company.run(spec, retries=1, cancel_on_kill=False, deferrable=False)
    assert kill(run, company, False) == "up_for_retry"
    assert list(company.jobs().values()) == ["InProgress"]
    assert company.calls("StopTrainingJob") == []


def test_a_job_that_trains_too_long_fails_with_what_to_raise(company: Company, deferrable: bool):
    spec = company.spec(hyperparameters=company.slow(), max_runtime_seconds=1000)  # one real second
    run = company.run(spec, retries=2, deferrable=deferrable)
    assert run.try_once() == "failed"
    assert "MaxRuntimeExceeded" in str(run.error)
    assert "Raise max_runtime_seconds" in str(run.error)
    assert len(company.jobs()) == 1


def test_a_lost_answer_makes_one_job(company: Company, deferrable: bool):
    company.fault("lost_answer", operation="CreateTrainingJob", first=1)
    run = company.run(deferrable=deferrable)
    assert run.try_once() == "success", run.error
    assert len(company.jobs()) == 1
    outcomes = [record.outcome for record in company.calls("CreateTrainingJob")]
    assert outcomes == ["lost_answer", "ResourceInUse"], "boto3 itself has asked again"
    remember("lost answer", deferrable, run, company)


def test_both_wait_modes_give_equal_results_and_equal_mutating_calls():
    cases = ["done", "failed", "killed", "lost answer", "stopped", "timed out"]
    for case in cases:
        if set(SEEN.get(case, {})) != {False, True}:
            pytest.skip("needs the tests above, in this process")
        worker, triggerer = SEEN[case][False], SEEN[case][True]
        if case == "killed":  # the killed try ends in the worker; in the triggerer nobody is left to say so
            worker, triggerer = worker[1:], triggerer[1:]
        assert worker == triggerer, case
