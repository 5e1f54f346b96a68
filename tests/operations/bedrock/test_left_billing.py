"""What bills on Bedrock is listed with its price: by the hour, by the token, by the month."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_finetune.aws.prices import bedrock_usd
from airflow_finetune.operations.bills import BillingItem, Seen, hourly_total, judged, monthly_total
from airflow_finetune.operations.table import line
from airflow_finetune.sandbox.runner.customizing.ledger import KIND
from tests.serving.bedrock.conftest import JOBS_TAGS, MICRO

EXPIRED = {"expires_at": "2026-01-01T00:00:00Z"}
AHEAD = {**JOBS_TAGS, "expires-at": "2999-01-01T00:00:00Z"}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def served(hosts, hosting, **more):
    scope = hosts.open()
    spec = hosts.spec(model=MICRO if hosting == "provisioned_throughput" else hosts.custom(tags={}), hosting=hosting)
    run = hosts.deploy(scope, spec | more)
    assert run.try_once() == "success", run.error
    return scope["names"]["candidate"]


def test_a_throughput_bills_its_units_by_the_hour_and_is_overdue_after_its_lease(hosts, ask, report):
    name = served(hosts, "provisioned_throughput", model_units=2)
    [item] = report().items
    assert (item.kind, item.name, item.state) == ("provisioned throughput", name, "expected")
    unit = bedrock_usd(hosts.aws("pricing"), "model_unit", "Nova Micro", "us-east-1")
    assert item.usd_per_hour == (None if unit is None else 2 * unit)
    assert item.usd_per_month is None
    hosts.retag(name, **EXPIRED)
    strict = ask(fail_on_overdue=True)
    assert strict.try_once() == "failed"
    assert "Is the cleanup DAG paused?" in str(strict.error)
    assert hosts.cleanup().try_once() == "success"
    assert report().items == ()


def test_a_deployment_is_listed_though_it_bills_only_who_asks(hosts, report):
    name = served(hosts, "on_demand_deployment")
    [item] = report().items
    assert (item.kind, item.name, item.usd_per_hour, item.state) == ("custom model deployment", name, 0.0, "expected")
    assert "by the token" in item.reason
    hosts.retag(name, **EXPIRED)
    assert report().items[0].state == "overdue"


def test_a_throughput_that_is_committed_is_not_overdue_while_nobody_can_end_it(hosts, report):
    twice = {"commitment": "OneMonth", "confirm_commitment": "OneMonth"}
    name = served(hosts, "provisioned_throughput", **twice)
    hosts.retag(name, **EXPIRED)
    [item] = report().items
    assert item.state == "expected"
    assert "its commitment ends at" in item.reason


@pytest.mark.parametrize(
    ("tags", "state", "said"),
    [
        (AHEAD, "expected", "Its lease ends at"),
        (JOBS_TAGS, "unjudged", "nobody has promoted it"),
        ({**JOBS_TAGS, "lifecycle": "promoted", "expires-at": "never"}, "expected", "promoted"),
        ({**JOBS_TAGS, "deployment": "somebody-else"}, None, ""),
        ({}, None, ""),
    ],
    ids=["leased", "left behind", "promoted", "of another deployment", "of nobody we know"],
)
def test_a_custom_model_bills_by_the_month(hosts, report, tags, state, said):
    hosts.custom(tags=tags)
    found = report()
    assert [item.state for item in found.items] == ([] if state is None else [state])
    for item in found.items:
        month = bedrock_usd(hosts.aws("pricing"), "model_storage", "Nova Micro", "us-east-1")
        assert (item.usd_per_hour, item.usd_per_month, found.usd_per_month) == (None, month, month)
        assert said in item.reason


@pytest.mark.parametrize("status", ["InProgress", "Completed"])
def test_a_job_is_listed_while_it_runs(hosts, report, status):
    account, pairs = hosts.account, [{"key": f"airflow-finetune:{key}", "value": each} for key, each in AHEAD.items()]
    account.submit("job", records="no JSON", jobTags=pairs)
    account.ended("job")  # at once; the state in which it is found is written down, so that no training is waited for
    hosts.sandbox.world.store.update(KIND, "us-east-1", "job", lambda each: each.update(status=status))
    items = [item for item in report().items if item.kind == "model customization job"]
    assert [(item.name, item.usd_per_hour) for item in items] == ([("job", 0.0)] if status == "InProgress" else [])


@pytest.mark.parametrize("kind", ["access_denied", "reset"])
def test_where_nobody_lets_us_look_at_bedrock_a_note_says_so(hosts, report, kind):
    hosts.fault(kind, service="bedrock", operation="List*")
    found = report(botocore_config={"retries": {"total_max_attempts": 1}})
    assert found.items == ()
    assert ["What bills on Bedrock was not looked at" in note for note in found.notes] == [True]


def test_what_hides_its_tags_is_counted(hosts, report):
    hosts.custom()
    hosts.fault("access_denied", operation="ListTagsForResource")
    found = report()
    assert found.items == ()
    assert "the tags of 1 things on Bedrock" in found.notes[0]


def test_another_refusal_is_no_reason_to_say_nothing(hosts, ask):
    hosts.fault("throttle", operation="ListCustomModels", params={"code": "ValidationException", "message": "No."})
    run = ask()
    assert run.try_once() == "failed"
    assert "AWS answered ValidationException to ListCustomModels: No." in str(run.error)


def test_sums_count_what_bills_by_the_month_and_by_the_hour():
    tags = {f"airflow-finetune:{key}": value for key, value in AHEAD.items()}
    model = Seen("custom model", "m", "arn:m", "done", "", NOW - timedelta(1), tags, True, None, usd_per_month=1.95)
    throughput = replace(model, kind="provisioned throughput", usd_per_hour=7.5, usd_per_month=None)
    items = [item for seen in (model, throughput) if (item := judged(seen, "default", NOW))]
    stored = BillingItem(kind="storage", name="s3://b/", usd_per_month=1.0)
    assert hourly_total([*items, stored]) == 7.5
    assert monthly_total([*items, stored]) == 2.95
    assert "$1.95 a month" in line(items[0])
