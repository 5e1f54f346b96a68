"""Planning as a task of Airflow's own runner, with the user's connection as the only way to AWS."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_finetune.errors import SpecError
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.values import Plan
from tests.planning.conftest import Company

HOSTING = {"instance_type": "ml.g5.xlarge", "hours": 1}
READS = ("Get", "List", "Head", "Describe")


def planned(company: Company, spec: dict[str, Any] | None = None, **arguments: Any) -> Plan:
    task = company.task(spec, **arguments)
    assert task.try_once() == "success", task.error
    return Plan.load(task.result)


def test_a_plan_says_what_a_run_may_cost_and_whose_prices_those_are_and_planning_only_reads(company: Company) -> None:
    plan = planned(company, hosting=HOSTING, evaluation_usd=1.5, max_wait=timedelta(hours=3))
    assert [rung.market for rung in plan.rungs] == ["spot", "on_demand"]
    assert plan.worst_case_usd == pytest.approx(sum(item.quantity * item.unit_usd for item in plan.items))
    assert 0 < plan.worst_case_usd <= plan.max_usd == 50
    assert {(price.usage, price.instance_type) for price in plan.prices} == {
        ("training", "ml.g5.2xlarge"),
        ("hosting", "ml.g5.xlarge"),
    }
    assert {price.source for price in plan.prices} == {"AWS Pricing API"}
    assert (plan.region, plan.image_uri) == ("us-east-1", company.spec()["image_uri"])
    assert (plan.max_runtime_seconds, plan.max_wait_seconds, plan.lease_seconds) == (3600, 3 * 3600, 3600)
    assert plan.dataset.uri == "s3://acme/train.jsonl"
    assert {check.outcome for check in plan.checks} == {"ok"}
    # It only looks.
    calls = company.sandbox.world.calls.records()
    assert {call.service for call in calls} >= {"s3", "iam", "pricing", "service-quotas"}
    assert [call.operation for call in calls if not call.operation.startswith(READS)] == []


def test_jinja_values_are_checked_after_rendering(company: Company) -> None:
    spec = company.spec(dataset="s3://acme/{{ 'train' }}.jsonl", max_runtime_seconds="{{ 60 * 60 }}")
    arguments = {"max_usd": "{{ 25 + 25 }}", "hosting": {"instance_type": "ml.g5.{{ 'xlarge' }}", "hours": "{{ 1 }}"}}
    plan = planned(company, spec, **arguments)
    assert (plan.max_usd, plan.max_runtime_seconds, plan.lease_seconds) == (50, 3600, 3600)
    task = company.task(max_usd="{{ 0 }}")
    assert task.try_once() == "failed"
    assert "greater than 0" in str(task.error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"max_usd": None}, "max_usd is missing: no limit, no run"),
        ({"max_usd": 0}, "max_usd: Input should be greater than 0"),
        ({"max_usd": float("nan")}, "max_usd"),
        ({"hosting": {"instance_type": "g5"}}, "hosting.instance_type"),
        ({"spec": {"backend": "spot_training", "rolearn": "x"}}, "did you mean 'role_arn'"),
    ],
)
def test_limits_that_cannot_work_are_refused_when_the_dag_is_parsed(
    company: Company, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError, match=said.replace("?", r"\?")):
        company.task(**arguments)


def test_aws_that_does_not_answer_now_is_no_reason_to_give_up(company: Company) -> None:
    company.sandbox.world.faults.add(Rule("throttle", operation="GetRole"))
    task = company.task(botocore_config={"retries": {"total_max_attempts": 1}})
    task.retries = task.max_tries = 1
    assert task.try_once() == "up_for_retry"
    company.sandbox.world.faults.clear()
    assert task.try_once() == "success", task.error
