"""What a plan refuses on the embedded AWS, and what it says instead."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.planning.conftest import Company

HOSTING = {"instance_type": "ml.g5.xlarge", "hours": 1}


def test_a_limit_that_is_too_small_names_the_time_that_fits_and_that_time_fits(company: Company) -> None:
    plan = company.plan(hosting=HOSTING)
    limit = plan.worst_case_usd - 1
    said = company.refusal(hosting=HOSTING, max_usd=limit)
    assert "and the worst case is $" in said
    seconds = int(said.split("timedelta(seconds=")[1].split(")")[0])
    shorter = company.plan(hosting=HOSTING, max_usd=limit, max_wait=timedelta(seconds=seconds))
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
        assert company.plan(without_fallback).rungs[0].market == "spot"


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
    plan = company.plan(hosting={**HOSTING, "usd_per_hour": 2}, usd_per_hour=1.5)
    assert {price.source for price in plan.prices} == {"given by the user"}
    assert {rung.usd_per_hour for rung in plan.rungs} == {1.5}


def test_an_instance_without_a_price_in_the_list_needs_one(company: Company) -> None:
    spec = company.spec(instance_type="ml.p5en.48xlarge", max_runtime_seconds=60, max_wait_seconds=60)
    assert "AWS's price list has no single answer" in company.refusal(spec)
    plan = company.plan(spec, usd_per_hour=1)
    assert any("does not list it" in check.said for check in plan.checks)


@pytest.mark.parametrize("operation", ["GetRole", "ListServiceQuotas", "HeadBucket", "ListObjectsV2"])
def test_what_we_may_not_look_at_is_said_and_does_not_stop_the_plan(company: Company, operation: str) -> None:
    company.denied(operation)
    unknown = [check for check in company.plan().checks if check.outcome == "unknown"]
    assert unknown
    assert all(check.said.startswith("Not checked: AWS answered") for check in unknown)


def test_an_override_of_the_request_is_what_is_priced(company: Company) -> None:
    overrides = {"ResourceConfig": {"InstanceCount": 3}}
    assert [rung.instance_count for rung in company.plan(company.spec(request_overrides=overrides)).rungs] == [3, 3]
    warm = company.spec(spot=False, request_overrides={"ResourceConfig": {"KeepAlivePeriodInSeconds": 600}})
    assert [item.quantity for item in company.plan(warm).items if "warm pool" in item.name] == [600 / 3600]
