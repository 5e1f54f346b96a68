"""What follows from max_usd and from what is served, before anything is paid; and that the plan is what runs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.values import Plan
from tests.execution_api import TaskRun, in_dag
from tests.planning.conftest import Company

HOSTING = {"instance_type": "ml.g5.xlarge", "hours": 1}


def test_time_follows_from_max_usd_where_it_may_be_shortened(company: Company) -> None:
    long = {"max_runtime_seconds": 24 * 3600, "max_wait_seconds": 48 * 3600}
    assert "worst case is" in company.refusal(company.spec(**long), max_usd=20), "the control"
    plan = company.plan(company.spec(**long), max_usd=20, hosting=HOSTING, shortest_wait=3600)
    assert 19.9 < plan.worst_case_usd <= 20
    assert 3600 <= plan.max_wait_seconds < 24 * 3600
    assert plan.max_runtime_seconds == int(plan.max_wait_seconds), "AWS itself ends the job, also without an Airflow"
    assert {rung.max_runtime_seconds for rung in plan.rungs} == {plan.max_runtime_seconds}


def test_a_plan_that_fits_is_not_shortened(company: Company) -> None:
    assert company.plan(max_usd=50, shortest_wait=60) == company.plan(max_usd=50)


def test_a_job_is_never_given_less_than_it_needs(company: Company) -> None:
    said = company.refusal(company.spec(), max_usd=4, hosting=HOSTING, shortest_wait=3600)
    assert "max_usd" in said
    assert "worst case is" in said


@pytest.mark.parametrize(
    ("repository", "refused"),
    [
        ("huggingface-pytorch-training:2.8.0-transformers4.56.2-gpu-py312-cu129-ubuntu22.04", True),
        ("pytorch-training:2.8.0-gpu-py312", True),
        ("huggingface-pytorch-inference:2.6.0-transformers4.51.3-gpu-py312", False),
        ("our-own-training-and-serving:7", False),
    ],
)
def test_an_image_that_only_trains_is_refused_before_the_training_is_paid(
    company: Company, repository: str, refused: bool
) -> None:
    hosting = {**HOSTING, "image_uri": f"763104351884.dkr.ecr.us-east-1.amazonaws.com/{repository}"}
    if not refused:
        assert company.plan(hosting=hosting).hosting is not None
        return
    said = company.refusal(hosting=hosting)
    assert "it serves nothing" in said
    assert "finetune_serving_image_uri" in said


def test_a_baseline_that_is_not_there_is_a_fault_of_the_plan(company: Company) -> None:
    said = company.refusal(inputs=["s3://acme/champion/"])
    assert "s3://acme/champion/" in said
    assert company.plan(inputs=["s3://acme/base/"]) == company.plan(), "what is needed twice is looked at once"


def tuned(company: Company, plan: Plan | dict[str, Any] | None, **changes: Any) -> TaskRun:
    from airflow_finetune import FineTuneOperator

    dumped = plan.dump() if isinstance(plan, Plan) else plan
    spec = company.spec(**changes)
    return TaskRun(in_dag(lambda: FineTuneOperator(task_id="fine_tune", spec=spec, plan=dumped, deferrable=True)))


def start(run: TaskRun) -> str:
    """Run the task until it waits or ends."""
    run.try_number += 1
    return run.run_part(None)


def created(company: Company) -> list[dict[str, Any]]:
    return [call.params for call in company.sandbox.world.calls.records(operation="CreateTrainingJob")]


def test_the_plan_is_what_runs(company: Company) -> None:
    plan = company.plan(max_usd=50).model_copy(update={"image_uri": "the-planned-image", "max_runtime_seconds": 1234})
    assert start(tuned(company, plan)) == "deferred"
    (request,) = created(company)
    assert request["AlgorithmSpecification"]["TrainingImage"] == "the-planned-image"
    assert request["StoppingCondition"]["MaxRuntimeInSeconds"] == 1234


def test_a_job_with_a_plan_and_one_without_are_the_same_job(company: Company) -> None:
    for plan in (company.plan(), None):
        run = tuned(company, plan)
        assert start(run) == "deferred", run.error
        (request,) = created(company)  # the second one finds it by name and digest
        assert run.deferrals[-1].trigger_kwargs["name"] == request["TrainingJobName"]


def test_a_spec_that_is_not_the_planned_one_never_becomes_a_job(company: Company) -> None:
    run = tuned(company, company.plan(), epochs=7)
    assert start(run) == "failed"
    assert "Clear plan too" in str(run.error)
    assert company.plan().spec_digest in str(run.error)
    assert created(company) == []


def test_a_plan_of_another_region_never_becomes_a_job(company: Company) -> None:
    run = tuned(company, company.plan().model_copy(update={"region": "eu-west-1"}))
    assert start(run) == "failed"
    assert "the plan is for eu-west-1" in str(run.error)
    assert created(company) == []
