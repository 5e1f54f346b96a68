"""The plan of a run on the embedded AWS: what it says, what it refuses, and that it only looks."""

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


def test_a_plan_says_what_the_run_may_cost_and_where_each_price_came_from(company: Company) -> None:
    plan = planned(company, hosting=HOSTING, evaluation_usd=1.5)
    assert [rung.market for rung in plan.rungs] == ["spot", "on_demand"]
    assert plan.worst_case_usd == pytest.approx(sum(item.quantity * item.unit_usd for item in plan.items))
    assert 0 < plan.worst_case_usd <= plan.max_usd == 50
    assert {(price.usage, price.instance_type) for price in plan.prices} == {
        ("training", "ml.g5.2xlarge"),
        ("hosting", "ml.g5.xlarge"),
    }
    assert {price.source for price in plan.prices} == {"AWS Pricing API"}
    assert (plan.region, plan.image_uri) == ("us-east-1", company.spec()["image_uri"])
    assert (plan.max_runtime_seconds, plan.lease_seconds) == (3600, 3600)
    assert plan.dataset.uri == "s3://acme/train.jsonl"
    assert {check.outcome for check in plan.checks} == {"ok"}


def test_planning_only_reads(company: Company) -> None:
    planned(company, hosting=HOSTING)
    calls = company.sandbox.world.calls.records()
    assert {call.service for call in calls} >= {"s3", "iam", "pricing", "service-quotas"}
    assert [call.operation for call in calls if not call.operation.startswith(READS)] == []


def test_jinja_values_are_checked_after_rendering(company: Company) -> None:
    spec = company.spec(dataset="s3://acme/{{ 'train' }}.jsonl", max_runtime_seconds="{{ 60 * 60 }}")
    arguments = {"max_usd": "{{ 25 + 25 }}", "hosting": {"instance_type": "ml.g5.{{ 'xlarge' }}", "hours": "{{ 1 }}"}}
    plan = planned(company, spec, **arguments)
    assert (plan.max_usd, plan.max_runtime_seconds, plan.lease_seconds) == (50, 3600, 3600)
    assert "greater than 0" in company.refusal(max_usd="{{ 0 }}")


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


def test_a_limit_that_is_too_small_names_the_time_that_fits_and_that_time_fits(company: Company) -> None:
    plan = planned(company, hosting=HOSTING)
    limit = plan.worst_case_usd - 1
    said = company.refusal(hosting=HOSTING, max_usd=limit)
    assert "and the worst case is $" in said
    seconds = int(said.split("timedelta(seconds=")[1].split(")")[0])
    shorter = planned(company, hosting=HOSTING, max_usd=limit, max_wait=timedelta(seconds=seconds))
    assert limit - 0.01 < shorter.worst_case_usd <= limit
    assert "worst case" in company.refusal(hosting=HOSTING, max_usd=limit, max_wait=timedelta(seconds=seconds + 2))
    assert "no training at all fits" in company.refusal(hosting=HOSTING, max_usd=0.5)


@pytest.mark.parametrize(
    ("usage", "limit", "count"), [("spot_training", 0, 1), ("training", 0, 1), ("training", 1, 2), ("endpoint", 1, 1)]
)
def test_a_quota_that_does_not_suffice_is_named_with_its_code(
    company: Company, usage: str, limit: int, count: int
) -> None:
    company.quota(usage, limit)
    hosting = {"instance_type": "ml.g5.2xlarge"} if usage == "endpoint" else None
    said = company.refusal(company.spec(instance_count=count), hosting=hosting)
    assert f"is {limit}, and the run needs {2 if hosting else count} at once" in said
    assert "--quota-code L-" in said
    without_fallback = company.spec(instance_count=count, fallback=None)
    if usage == "training":
        assert planned(company, without_fallback).rungs[0].market == "spot"


def test_every_fault_is_told_at_once(company: Company) -> None:
    company.aws("s3", region_name="eu-west-1").create_bucket(
        Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    spec = company.spec(
        role_arn="arn:aws:iam::123456789012:role/nobody",
        dataset="s3://acme/nothing/",
        base_model="s3://elsewhere/base/",
        output_uri="s3://gone/models",
    )
    company.quota("training", 0)
    said = company.refusal(spec, max_usd=0.01)
    assert "6 faults" in said
    assert "role/nobody: AWS answered NoSuchEntity" in said
    assert "the bucket is in eu-west-1, and the connection works in us-east-1" in said
    assert "s3://gone: there is no such bucket" in said
    assert "s3://acme/nothing/: nothing is there" in said
    assert "'ml.g5.2xlarge for training job usage' in us-east-1: is 0" in said
    assert "max_usd: is 0.01" in said


def test_a_role_of_another_account_is_refused(company: Company) -> None:
    said = company.refusal(company.spec(role_arn="arn:aws:iam::999999999999:role/trainer"))
    assert "only a role of the account" in said


def test_an_instance_type_that_aws_does_not_know_is_refused(company: Company) -> None:
    assert "ml.g99.large" in company.refusal(company.spec(instance_type="ml.g99.large"))


def test_a_price_that_cannot_be_read_means_no_plan_unless_it_is_given(company: Company) -> None:
    company.denied("GetProducts")
    said = company.refusal(hosting=HOSTING)
    assert "training price of ml.g5.2xlarge: AWS answered AccessDenied" in said
    assert "hosting.usd_per_hour" in said
    plan = planned(company, hosting={**HOSTING, "usd_per_hour": 2}, usd_per_hour=1.5)
    assert {price.source for price in plan.prices} == {"given by the user"}
    assert {rung.usd_per_hour for rung in plan.rungs} == {1.5}


def test_an_instance_without_a_price_in_the_list_needs_one(company: Company) -> None:
    spec = company.spec(instance_type="ml.p5en.48xlarge", max_runtime_seconds=60, max_wait_seconds=60)
    assert "AWS's price list has no single answer" in company.refusal(spec)
    plan = planned(company, spec, usd_per_hour=1)
    assert any("does not list it" in check.said for check in plan.checks)


@pytest.mark.parametrize("operation", ["GetRole", "ListServiceQuotas", "HeadBucket", "ListObjectsV2"])
def test_what_we_may_not_look_at_is_said_and_does_not_stop_the_plan(company: Company, operation: str) -> None:
    company.denied(operation)
    unknown = [check for check in planned(company).checks if check.outcome == "unknown"]
    assert unknown
    assert all(check.said.startswith("Not checked: AWS answered") for check in unknown)


def test_aws_that_does_not_answer_now_is_no_reason_to_give_up(company: Company) -> None:
    company.sandbox.world.faults.add(Rule("throttle", operation="GetRole"))
    task = company.task(botocore_config={"retries": {"total_max_attempts": 1}})
    task.retries = task.max_tries = 1
    assert task.try_once() == "up_for_retry"
    company.sandbox.world.faults.clear()
    assert task.try_once() == "success", task.error


def test_an_override_of_the_request_is_what_is_priced(company: Company) -> None:
    overrides = {"ResourceConfig": {"InstanceCount": 3}}
    assert [rung.instance_count for rung in planned(company, company.spec(request_overrides=overrides)).rungs] == [3, 3]
    warm = company.spec(spot=False, request_overrides={"ResourceConfig": {"KeepAlivePeriodInSeconds": 600}})
    assert [item.quantity for item in planned(company, warm).items if "warm pool" in item.name] == [600 / 3600]
