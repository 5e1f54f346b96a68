"""The trigger: what it carries, what it tells, and what happens when there is no triggerer or it cannot run it."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from airflow.triggers.base import TriggerEvent

from airflow_finetune.lifecycle.trigger import ADDRESS, JobTrigger
from airflow_finetune.resources import TRAINING_JOB
from tests.execution_api import TaskRun, fire, trigger_of
from tests.operators.conftest import Company


def deferred(company: Company, **arguments: Any) -> TaskRun:
    run = company.run(deferrable=True, **arguments)
    run.try_number = 1
    assert run.run_part(None) == "deferred"
    return run


def test_its_address_stays_for_ever():
    from airflow_finetune.triggers import JobTrigger as public

    assert ADDRESS == "airflow_finetune.triggers.JobTrigger"
    assert public is JobTrigger


def test_it_travels_and_comes_back(company: Company):
    deferral = deferred(company).deferrals[0]
    assert deferral.classpath == ADDRESS
    assert trigger_of(deferral).serialize() == (ADDRESS, deferral.trigger_kwargs)


def test_what_it_carries_is_small_and_holds_no_secret(company: Company):
    kwargs = deferred(company).deferrals[0].trigger_kwargs
    text = json.dumps(kwargs)
    assert len(text) < 1000
    assert "example" not in text, "the password of the connection"
    assert set(kwargs) == {"kind", "name", "access", "since", "until", "poll_seconds", "stop_on_kill"}


def test_what_an_older_release_has_stored_still_works(company: Company):
    run = deferred(company)
    (name,) = company.jobs()
    stored = {"kind": "training job", "name": name, "access": {}, "since": "2026-11-20T00:00:00+00:00", "until": None}

    async def first() -> Any:
        async for event in JobTrigger(**stored, poll_seconds=0.2).run():
            return event.payload

    assert asyncio.run(first()) == {"why": "ended"}
    assert run.resume(run.deferrals[0], {"why": "ended"}) == "success", run.error


def test_it_carries_an_absolute_deadline_and_airflow_a_later_one(company: Company):
    run = deferred(company, max_wait=timedelta(hours=1))
    deferral = run.deferrals[0]
    assert deferral.timeout is not None
    assert timedelta(hours=1) < deferral.timeout < timedelta(hours=1, minutes=6)


def test_without_a_triggerer_a_job_that_has_ended_meanwhile_is_taken(company: Company):
    run = deferred(company)
    (name,) = company.jobs()
    company.wait(name, "Completed")
    assert run.resume_failed("Trigger timeout") == "success", run.error
    assert run.result["job_name"] == name


def test_without_a_triggerer_a_job_that_runs_too_long_is_stopped(company: Company, capsys: pytest.CaptureFixture[str]):
    spec = company.spec(hyperparameters=company.slow())
    run = deferred(company, spec=spec, max_wait=timedelta(seconds=1))
    assert "If no triggerer runs" in capsys.readouterr().out
    (name,) = company.jobs()
    assert run.resume_failed("Trigger timeout") == "failed"
    assert "max_wait" in str(run.error)
    assert company.job(name)["TrainingJobStatus"] == "Stopped"


def test_a_trigger_that_could_not_run_makes_the_worker_wait(company: Company):
    run = deferred(company)
    assert run.resume_failed("Trigger failure") == "success", run.error
    assert len(company.jobs()) == 1


def test_a_kill_marks_and_stops_the_job(company: Company):
    run = deferred(company, spec=company.spec(hyperparameters=company.slow()))
    (name,) = company.jobs()
    asyncio.run(trigger_of(run.deferrals[0]).on_kill())
    company.wait(name, "Stopped")
    assert company.tags(name)["airflow-finetune:stopped-by"] == "kill"


def test_a_kill_that_shall_leave_the_job_leaves_it(company: Company):
    run = deferred(company, cancel_on_kill=False)
    (name,) = company.jobs()
    asyncio.run(trigger_of(run.deferrals[0]).on_kill())
    assert company.wait(name, "Completed", "Stopped")["TrainingJobStatus"] == "Completed"


def test_a_job_that_is_gone_wakes_the_task_which_buys_no_other(company: Company):
    run = deferred(company)
    (name,) = company.jobs()
    company.wait(name, "Completed")
    company.aws("sagemaker").delete_training_job(TrainingJobName=name)
    assert fire(run.deferrals[0]) == {"why": "ended"}
    assert run.resume(run.deferrals[0], {"why": "ended"}) == "failed"
    assert "was deleted" in str(run.error)
    assert company.jobs() == {}


class Blocked:
    """Stands for an AWS that answers only after something else has run in the triggerer's loop."""

    resource = TRAINING_JOB

    def __init__(self, patience_seconds: float) -> None:
        self.asked, self.free, self.was_freed = threading.Event(), threading.Event(), False
        self.patience_seconds = patience_seconds

    def describe(self, name: str) -> None:
        self.asked.set()
        self.was_freed = self.free.wait(self.patience_seconds)


async def meets(trigger: JobTrigger, aws: Blocked) -> Any:
    """Run a trigger in one task and free its AWS in another, as the triggerer runs many."""

    async def free() -> None:
        while not aws.asked.is_set():
            await asyncio.sleep(0.01)
        aws.free.set()

    event, _ = await asyncio.gather(anext(trigger.run()), free())
    return event.payload


def trigger_on(aws: Blocked, kind: type[JobTrigger] = JobTrigger) -> JobTrigger:
    since = "2026-11-20T00:00:00+00:00"
    trigger = kind("training job", "the-job", {}, since=since, until=None, poll_seconds=0.01)
    trigger._client = aws
    return trigger


def test_the_triggerer_goes_on_while_aws_is_slow():
    aws = Blocked(patience_seconds=120)
    assert asyncio.run(meets(trigger_on(aws), aws)) == {"why": "ended"}
    assert aws.was_freed


def test_a_trigger_that_asks_in_the_loop_itself_would_block_it():
    """The negative control."""

    class InTheLoop(JobTrigger):
        async def run(self) -> Any:
            self._look()
            yield TriggerEvent("looked")

    aws = Blocked(patience_seconds=0.5)
    assert asyncio.run(meets(trigger_on(aws, InTheLoop), aws)) == "looked"
    assert not aws.was_freed
