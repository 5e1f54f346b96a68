"""A sensor waits for a customization job of somebody else and never stops it."""

from __future__ import annotations

from typing import Any

from airflow_finetune import BedrockFineTuneJobSensor
from tests.execution_api import TaskRun, in_dag
from tests.operators.bedrock.conftest import Studio


def somebodys_job(studio: Studio, **changes: Any) -> str:
    """Submit a job, and let nobody wait for it."""
    run = studio.run(studio.spec(**changes), deferrable=True)
    run.try_number = 1
    assert run.run_part(None) == "deferred"
    return next(iter(studio.jobs()))


def sensor(name: str, deferrable: bool, **arguments: Any) -> TaskRun:
    def make() -> BedrockFineTuneJobSensor:
        more = {"deferrable": deferrable, "poke_interval": 0.3, **arguments}
        return BedrockFineTuneJobSensor(task_id="wait", job_name=name, **more)

    return TaskRun(in_dag(make), retries=2)


def test_it_waits_for_the_model(studio: Studio, mode: bool):
    name = somebodys_job(studio)
    run = sensor(name, mode)
    assert run.try_once() == "success", run.error
    job = studio.job(name)
    assert run.result == {
        "job_name": name,
        "job_arn": job["jobArn"],
        "status": "Completed",
        "model_uri": job["outputModelArn"],
    }
    assert sensor(job["jobArn"], mode).try_once() == "success", "by its ARN too"


def test_a_job_that_fails_fails_it_with_the_words_of_aws(studio: Studio, deferrable: bool):
    studio.fault("algorithm_error", message="Input size exceeded in file train.jsonl")
    run = sensor(somebodys_job(studio), deferrable)
    assert run.try_once() == "failed"
    assert "Input size exceeded in file train.jsonl" in str(run.error)
    assert studio.calls("StopModelCustomizationJob") == []


def test_a_job_that_is_not_there_fails_it_with_its_region(studio: Studio, mode: bool):
    run = sensor("nobody", mode)
    assert run.try_once() == "failed"
    assert "there is no model customization job of this name in us-east-1" in str(run.error)
