"""The choice as a task of Airflow's own runner: it plans every candidate, and leaves nothing but its record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_finetune.errors import SpecError
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.values import Plan
from tests.execution_api import TaskRun, in_dag
from tests.planning.conftest import Company


def choosing(company: Company, candidates: dict[str, Any] | None = None, **arguments: Any) -> TaskRun:
    from airflow_finetune import ChooseOperator

    large = company.spec(instance_type="ml.p4d.24xlarge", max_runtime_seconds=60, max_wait_seconds=60)
    both = {
        "small": {"spec": company.spec(), "limits": {"max_usd": 50}},
        "large": {"spec": large, "limits": {"max_usd": 500}},
    }
    given = {"candidates": candidates or both, "output_uri": "s3://acme/runs", **arguments}
    return TaskRun(in_dag(lambda: ChooseOperator(task_id="plan", **given)))


def test_the_plan_of_the_chosen_one_is_handed_on_with_the_choice_and_only_its_record_is_written(
    company: Company,
) -> None:
    company.quota("training", 1, "ml.p4d.24xlarge")
    company.quota("spot_training", 1, "ml.p4d.24xlarge")
    task = choosing(company, wishes={"control": ["source_dir"]})
    assert task.try_once() == "success", task.error
    plan = Plan.load(task.result)
    assert plan.choice is not None
    assert (plan.choice.chosen, plan.rungs[0].instance_type) == ("small", "ml.g5.2xlarge")
    assert plan.choice.page_uri is not None
    assert plan.choice.page_uri.startswith("s3://acme/runs/choices/")
    written = [call for call in company.sandbox.world.calls.records() if not call.operation.startswith(READS)]
    assert [call.operation for call in written] == ["PutObject", "PutObject"]
    key = str(plan.choice.record_uri).removeprefix("s3://acme/")
    stored = json.loads(company.client("s3").get_object(Bucket="acme", Key=key)["Body"].read())
    assert stored == plan.choice.dump()


READS = ("Get", "List", "Head", "Describe")


def test_what_jinja_makes_of_an_empty_field_of_the_form_is_no_choice(company: Company) -> None:
    task = choosing(company, wishes={"choose": "{{ none }}"}, output_uri=None)
    assert task.try_once() == "success", task.error
    assert Plan.load(task.result).choice.overridden is False  # type: ignore[union-attr]  # it has one, or this fails
    task = choosing(company, wishes={"choose": "{{ 'lar' ~ 'ge' }}"})
    assert task.try_once() == "failed", "no quota: a person's word is refused with the reason"
    assert "a person has chosen it, and it cannot run" in str(task.error)
    assert "quota" in str(task.error)


def test_a_candidate_that_cannot_be_planned_is_out_with_the_reason(company: Company) -> None:
    broken = {"spec": company.spec(max_runtime_seconds="{{ 'soon' }}"), "limits": {"max_usd": 50}}
    fine = {"spec": company.spec(), "limits": {"max_usd": 50}}
    task = choosing(company, {"broken": broken, "fine": fine})
    assert task.try_once() == "success", task.error
    choice = Plan.load(task.result).choice
    assert choice is not None
    assert choice.chosen == "fine"
    assert "max_runtime_seconds" in choice.candidates[1].reasons[0]


def test_aws_that_does_not_answer_now_decides_nothing(company: Company) -> None:
    company.sandbox.world.faults.add(Rule("throttle", operation="GetRole"))
    task = choosing(company, botocore_config={"retries": {"total_max_attempts": 1}})
    task.retries = task.max_tries = 1
    assert task.try_once() == "up_for_retry"
    company.sandbox.world.faults.clear()
    assert task.try_once() == "success", task.error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"candidates": {"a": {"spec": {"backend": "spot_training"}, "limits": {"max_usd": 1}}}}, "base_model"),
        ({"candidates": {"a": {"spec": {"backend": "x"}, "limits": {"max_usd": 1}}}}, "'x' is not known"),
        ({"candidates": {"a": {"spec": {}, "limits": {}}}}, "max_usd must be given"),
        ({"candidates": {"a": {"spec": {}, "limits": {"max_usd": 1}, "word": 3}}}, "a candidate has"),
        ({"wishes": {"chose": "a"}}, "did you mean 'choose'"),
    ],
)
def test_what_cannot_work_is_refused_when_the_dag_is_parsed(
    company: Company, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        choosing(company, **arguments)
