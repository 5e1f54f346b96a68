"""A sensor waits for a job of somebody else and never stops it."""

from __future__ import annotations

from typing import Any

from airflow_finetune import FineTuneJobSensor
from tests.execution_api import TaskRun, in_dag
from tests.operators.conftest import Company


def somebodys_job(company: Company, **hyperparameters: Any) -> str:
    """Submit a job with plain calls, as another program would."""
    run = company.run(company.spec(hyperparameters=hyperparameters or {"steps": 20, "pause": 0.05}), deferrable=True)
    run.try_number = 1
    assert run.run_part(None) == "deferred"
    return next(iter(company.jobs()))


def sensor(name: str, deferrable: bool, **arguments: Any) -> TaskRun:
    def make() -> FineTuneJobSensor:
        return FineTuneJobSensor(task_id="wait", job_name=name, deferrable=deferrable, poke_interval=0.3, **arguments)

    return TaskRun(in_dag(make), retries=2)


def test_it_waits_for_the_model(company: Company, deferrable: bool):
    name = somebodys_job(company)
    run = sensor(name, deferrable)
    assert run.try_once() == "success", run.error
    assert run.result["status"] == "Completed"
    assert run.result["model_uri"].endswith("model.tar.gz")


def test_a_job_that_fails_fails_it_with_the_words_of_aws(company: Company, mode: bool):
    run = sensor(somebodys_job(company, crash=1), mode)
    assert run.try_once() == "failed"
    assert "the loss is not a number" in str(run.error)


def test_a_job_that_is_stopped_fails_it(company: Company, mode: bool):
    name = somebodys_job(company, **company.slow())
    company.aws("sagemaker").stop_training_job(TrainingJobName=name)
    run = sensor(name, mode)
    assert run.try_once() == "failed"
    assert "Stopped" in str(run.error)


def test_a_job_that_is_not_there_fails_it_with_its_region(company: Company, mode: bool):
    run = sensor("nobody", mode)
    assert run.try_once() == "failed"
    assert "there is no training job of this name in us-east-1" in str(run.error)


def test_its_time_out_does_not_stop_the_job(company: Company):
    name = somebodys_job(company, **company.slow())
    run = sensor(name, False, timeout=1)
    assert run.try_once() != "success"
    assert company.calls("StopTrainingJob") == []
    waiting = sensor(name, True, timeout=1)
    waiting.try_number = 1
    assert waiting.run_part(None) == "deferred"
    assert waiting.deferrals[0].trigger_kwargs["stop_on_kill"] is False
    assert waiting.resume_failed("Trigger timeout") != "success"
    assert company.calls("StopTrainingJob") == []
