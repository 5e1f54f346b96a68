"""An operator through the real task runner against an AWS in which the job really runs, in both wait modes.

A case of ``in_both_modes`` lives through the same twice, each time from the start, and compares: same results, same
mutating calls.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.execution_api import Deferral, TaskRun, fire, trigger_of
from tests.operators.conftest import Company

OF_THE_MODEL = ("job_name", "model_uri", "spec_digest", "market", "attempts", "interruptions")


def seen(run: TaskRun, company: Company) -> dict[str, Any]:
    """What must not depend on who waits."""
    model = run.result if run.state == "success" else {}
    return {
        "state": run.state,
        "model": {field: model.get(field) for field in OF_THE_MODEL},
        "jobs": company.jobs(),
        "mutating": company.mutating(),
    }


def in_both_modes(company: Company, live: Callable[[bool], Any]) -> None:
    """Live through a case with a worker that waits, and from the start with a triggerer that does; compare."""
    in_a_worker = live(False)
    company.begin_again()
    assert company.jobs() == {}
    assert company.mutating() == []
    in_the_triggerer = live(True)
    assert in_a_worker == in_the_triggerer


def test_a_difference_between_the_modes_is_found(company: Company):
    def live(deferrable: bool) -> Any:
        run = company.run(deferrable=deferrable)
        assert run.try_once() == "success"
        if deferrable:
            company.aws("sagemaker").add_tags(
                ResourceArn=company.job(run.result["job_name"])["TrainingJobArn"], Tags=[{"Key": "a", "Value": "b"}]
            )
        return seen(run, company)

    with pytest.raises(AssertionError, match="AddTags"):
        in_both_modes(company, live)


def test_a_job_runs_and_its_model_is_returned(company: Company):
    def live(deferrable: bool) -> Any:
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
        return seen(run, company)

    in_both_modes(company, live)


def test_a_failed_job_fails_the_task_with_the_words_of_aws_and_no_second_job(
    company: Company, capsys: pytest.CaptureFixture[str]
):
    def live(deferrable: bool) -> Any:
        run = company.run(company.spec(hyperparameters={"crash": 1}), retries=2, deferrable=deferrable)
        assert run.try_once() == "failed", "no retry: it could not help"
        assert "AlgorithmError" in str(run.error)
        assert "the loss is not a number" in str(run.error)
        assert "last lines of the job's log" in (out := capsys.readouterr().out)
        assert "step=1 loss=nan" in out
        assert len(company.jobs()) == 1
        return seen(run, company)

    in_both_modes(company, live)


def test_a_job_that_somebody_else_stops_fails_the_task(company: Company):
    def stop() -> None:
        (name,) = company.jobs()
        company.aws("sagemaker").stop_training_job(TrainingJobName=name)

    def live(deferrable: bool) -> Any:
        run = company.run(company.spec(hyperparameters=company.slow()), retries=2, deferrable=deferrable)
        with company.meanwhile(stop):
            assert run.try_once() == "failed"
        assert "Stopped" in str(run.error)
        assert "outside of Airflow" in str(run.error)
        assert list(company.jobs().values()) == ["Stopped"]
        return seen(run, company)

    in_both_modes(company, live)


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


def test_a_killed_task_stops_its_job_and_a_retry_goes_on_from_the_checkpoint(company: Company):
    def live(deferrable: bool) -> Any:
        run = company.run(company.spec(hyperparameters={"steps": 60, "pause": 0.05}), retries=1, deferrable=deferrable)
        # The killed try ends in the worker; in the triggerer nobody is left to say so.
        assert kill(run, company, deferrable) == ("killed" if deferrable else "up_for_retry")
        (name,) = company.jobs()
        assert company.wait(name, "Stopped")["SecondaryStatus"] == "Stopped"
        assert company.tags(name)["airflow-finetune:stopped-by"] == "kill"
        after_the_kill = company.mutating()
        assert run.try_once() == "success", run.error
        assert run.result["attempts"] == 2
        assert run.result["job_name"].endswith("-a2")
        starts = [line for line in company.log(run.result["job_name"]) if line.startswith("starts")]
        assert len(starts) == 1
        assert starts != ["starts at step=0"]
        return after_the_kill, seen(run, company)

    in_both_modes(company, live)


def test_a_job_that_takes_too_long_is_stopped(company: Company):
    def live(deferrable: bool) -> Any:
        spec = company.spec(hyperparameters=company.slow())
        run = company.run(spec, retries=2, deferrable=deferrable, max_wait=timedelta(seconds=2))
        assert run.try_once() == "failed"
        assert "max_wait of 0:00:02 was over" in str(run.error)
        (name,) = company.jobs()
        assert company.jobs() == {name: "Stopped"}
        assert company.tags(name)["airflow-finetune:stopped-by"] == "max_wait"
        return seen(run, company)

    in_both_modes(company, live)


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


def test_a_lost_answer_makes_one_job(company: Company):
    def live(deferrable: bool) -> Any:
        company.fault("lost_answer", operation="CreateTrainingJob", first=1)
        run = company.run(deferrable=deferrable)
        assert run.try_once() == "success", run.error
        assert len(company.jobs()) == 1
        outcomes = [record.outcome for record in company.calls("CreateTrainingJob")]
        assert outcomes == ["lost_answer", "ResourceInUse"], "boto3 itself has asked again"
        return seen(run, company)

    in_both_modes(company, live)
