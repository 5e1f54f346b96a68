"""What bills is listed with its price and judged by its tags; whoever asks learns what should not be there."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_finetune.errors import SpecError
from airflow_finetune.lifecycle.client import ResourceClient
from airflow_finetune.operations.bills import BillingItem, BillingReport, Seen, hourly_total, judged, monthly_total
from airflow_finetune.operations.look import Look, outermost
from airflow_finetune.operations.table import line, lines
from tests.operations.conftest import EXPIRED

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TAGS = {
    "airflow-finetune:deployment": "prod",
    "airflow-finetune:lifecycle": "ephemeral",
    "airflow-finetune:expires-at": "2026-11-20T13:00:00Z",
}
SEEN = Seen("endpoint", "e", "arn:e", "done", "AWS says InService.", NOW - timedelta(hours=1), TAGS, True, 0.5)


def only(report: BillingReport) -> BillingItem:
    (item,) = report.items
    return item


def test_nothing_is_said_to_bill_where_nothing_does(hosts, report, capsys):
    found = report()
    assert (found.items, found.removable, found.notes) == ((), (), ())
    assert (found.usd_per_hour, found.usd_per_month) == (0.0, 0.0)
    assert "Nothing of deployment default in us-east-1 bills." in capsys.readouterr().out


def test_a_leased_endpoint_is_listed_with_its_price_and_the_end_of_its_lease(hosts, report):
    scope = hosts.deployed(lease=timedelta(hours=6))
    item = only(found := report())
    assert (item.kind, item.name, item.lifecycle) == ("endpoint", scope["names"]["candidate"], "ephemeral")
    assert item.arn.endswith(f":endpoint/{item.name}")
    assert item.state == "expected"
    price = hosts.sandbox.world.prices.hourly_usd("hosting", "ml.m5.large", "us-east-1")
    assert item.usd_per_hour == found.usd_per_hour == price > 0
    assert item.expires_at == datetime.fromisoformat(scope["expires_at"])
    assert item.since is not None
    assert hosts.teardown().try_once() == "success"
    assert report().items == ()


def test_two_instances_cost_twice_as_much(hosts, report):
    hosts.deployed(spec=hosts.spec(instance_count=2))
    price = hosts.sandbox.world.prices.hourly_usd("hosting", "ml.m5.large", "us-east-1")
    assert report().usd_per_hour == 2 * price


def test_an_endpoint_that_outlived_its_lease_is_overdue_and_fails_only_who_asked_for_that(hosts, ask, report, capsys):
    scope = hosts.deployed()
    hosts.retag(scope["names"]["candidate"], **EXPIRED)
    item = only(report())
    assert item.state == "overdue"
    assert "Is the cleanup DAG paused?" in item.reason
    assert item.reason in capsys.readouterr().out
    strict = ask(fail_on_overdue=True)
    assert strict.try_once() == "failed"
    assert scope["names"]["candidate"] in str(strict.error)
    assert only(BillingReport.load(strict.result)).state == "overdue", "the report is there all the same"
    assert hosts.calls("DeleteEndpoint") == [], "who asks deletes nothing"
    assert hosts.cleanup().try_once() == "success"
    assert ask(fail_on_overdue=True).try_once() == "success"


@pytest.mark.parametrize(
    ("tags", "state", "said"),
    [
        ({"lifecycle": "promoted", "expires_at": "never"}, "expected", "until somebody deletes it"),
        ({"lifecycle": "promoted", **EXPIRED}, "expected", "promoted"),
        ({"deployment": None}, "unjudged", "no tag"),
        ({"lifecycle": None}, "unjudged", "lifecycle"),
        ({"expires_at": "yesterday"}, "unjudged", "cannot be read"),
        ({"deployment": "somebody-else"}, None, ""),
        ({"deployment": "somebody-else", **EXPIRED}, None, ""),
    ],
    ids=str,
)
def test_an_endpoint_is_judged_by_its_tags(hosts, report, tags, state, said):
    scope = hosts.deployed()
    hosts.retag(scope["names"]["candidate"], **tags)
    found = report()
    assert [item.state for item in found.items] == ([] if state is None else [state])
    assert all(said in item.reason for item in found.items)


def test_a_strangers_endpoint_is_not_even_described(hosts, report):
    sagemaker, spec = hosts.aws("sagemaker"), hosts.spec()
    container = {"Image": spec["image_uri"], "ModelDataUrl": spec["model"]}
    sagemaker.create_model(ModelName="theirs", PrimaryContainer=container, ExecutionRoleArn=spec["role_arn"])
    variant = {"VariantName": "a", "ModelName": "theirs", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="theirs", EndpointConfigName="theirs")
    assert report().items == ()
    assert hosts.calls("DescribeEndpoint") == []


def test_a_promoted_endpoint_of_any_name_is_found_by_its_tags(hosts, report):
    sagemaker, spec = hosts.aws("sagemaker"), hosts.spec()
    tags = {"deployment": "default", "lifecycle": "promoted", "expires-at": "never"}
    container = {"Image": spec["image_uri"], "ModelDataUrl": spec["model"]}
    sagemaker.create_model(ModelName="any", PrimaryContainer=container, ExecutionRoleArn=spec["role_arn"])
    variant = {"VariantName": "a", "ModelName": "any", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="any-v1", ProductionVariants=[variant])
    pairs = [{"Key": f"airflow-finetune:{key}", "Value": value} for key, value in tags.items()]
    sagemaker.create_endpoint(EndpointName="orders", EndpointConfigName="any-v1", Tags=pairs)
    item = only(report())
    assert (item.name, item.lifecycle, item.state, item.expires_at) == ("orders", "promoted", "expected", None)
    assert item.usd_per_hour is not None


def test_what_aws_does_not_let_us_list_is_never_said_to_be_nothing(hosts, ask):
    hosts.fault("access_denied", operation="ListEndpoints")
    run = ask()
    assert run.try_once() == "failed"
    assert "AccessDenied" in str(run.error)
    assert "the list of endpoints" in str(run.error)


def test_endpoints_whose_tags_are_hidden_are_told_of(hosts, report, capsys):
    scope = hosts.deployed()
    sagemaker = hosts.aws("sagemaker")
    config = scope["names"]["candidate"]
    sagemaker.create_endpoint(EndpointName="orders", EndpointConfigName=config)
    hosts.fault("access_denied", operation="ListTags")
    found = report()
    assert only(found).state == "unjudged"
    assert len(found.notes) == 1
    assert "1 endpoints" in found.notes[0]
    assert found.notes[0] in capsys.readouterr().out


def test_a_price_that_is_not_known_makes_the_sum_unknown_and_not_too_small(hosts, report):
    hosts.deployed()
    hosts.fault("access_denied", operation="GetProducts")
    found = report()
    assert only(found).usd_per_hour is None
    assert found.usd_per_hour is None


def test_a_job_in_progress_is_listed_until_it_has_ended(company, report):
    run = company.run(company.spec(hyperparameters=company.slow()), deferrable=True)
    run.try_number = 1
    assert run.run_part(None) == "deferred"
    (name,) = company.jobs()
    item = only(report(prefixes=[]))
    assert (item.kind, item.name, item.lifecycle, item.state) == ("training job", name, "job", "expected")
    price = company.sandbox.world.prices.hourly_usd("training", item_type(company, name), "us-east-1")
    assert item.usd_per_hour == price
    assert "On Spot" in item.reason
    company.aws("sagemaker").stop_training_job(TrainingJobName=name)
    company.wait(name, "Stopped")
    assert report(prefixes=[]).items == ()


def item_type(company: Any, name: str) -> str:
    return str(company.job(name)["ResourceConfig"]["InstanceType"])


def test_a_job_that_nobody_waits_for_any_more_is_overdue(company, ask):
    run = company.run(company.spec(hyperparameters=company.slow()), deferrable=True)
    run.try_number = 1
    run.run_part(None)
    (name,) = company.jobs()
    expired = [{"Key": "airflow-finetune:expires-at", "Value": EXPIRED["expires_at"]}]
    company.aws("sagemaker").add_tags(ResourceArn=company.job(name)["TrainingJobArn"], Tags=expired)
    strict = ask(prefixes=[], fail_on_overdue=True)
    assert strict.try_once() == "failed"
    assert name in str(strict.error)
    assert company.calls("StopTrainingJob") == [], "who asks stops nothing"


def test_a_strangers_job_is_not_asked_about(company, report):
    sagemaker = company.aws("sagemaker")
    sagemaker.create_training_job(
        TrainingJobName="theirs",
        RoleArn="arn:aws:iam::123456789012:role/trainer",
        AlgorithmSpecification={"TrainingImage": company.spec()["image_uri"], "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://acme/theirs"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    company.sandbox.world.calls.clear()
    assert report().items == ()
    assert company.calls("DescribeTrainingJob") == company.calls("ListTags") == []


class WarmAws:
    """A job that has ended and whose instances AWS keeps; the embedded AWS has no warm pools."""

    meta = SimpleNamespace(region_name="us-east-1")
    name = "orders-fine-tune-0123456789abcdef-g0-a1"

    def __init__(self, denied: bool = False) -> None:
        self.denied = denied

    def list_endpoints(self, **_: Any) -> dict[str, Any]:
        return {"Endpoints": []}

    def list_training_jobs(self, CreationTimeAfter: datetime, **_: Any) -> dict[str, Any]:
        rows = [{**self.row("a1"), "WarmPoolStatus": {"Status": "Available"}}, self.row("a2")]
        return {"TrainingJobSummaries": [row for row in rows if row["CreationTime"] > CreationTimeAfter]}

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:
        compute = {"InstanceType": "ml.m5.large", "InstanceCount": 3}
        return {**self.row(TrainingJobName[-2:]), "ResourceConfig": compute}

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListTags")
        return {"Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()]}

    def row(self, attempt: str) -> dict[str, Any]:
        name = f"{self.name[:-2]}{attempt}"
        return {
            "TrainingJobName": name,
            "TrainingJobArn": f"arn:{name}",
            "TrainingJobStatus": "Completed",
            "CreationTime": NOW - timedelta(days=1),
        }


def look_at(aws: Any) -> Look:
    return Look(lambda resource: ResourceClient(resource, lambda _: aws), lambda usage, instance_type: 2.0)


def test_instances_that_are_kept_warm_after_a_job_bill_too():
    (seen,) = look_at(WarmAws()).hourly(NOW)
    item = judged(seen, "prod", NOW + timedelta(days=1))
    assert item is not None
    assert (item.kind, item.name, item.state, item.usd_per_hour) == ("warm pool", WarmAws.name, "expected", 6.0)


def test_a_job_whose_tags_are_hidden_is_unjudged_and_one_of_another_deployment_is_not_ours():
    (seen,) = look_at(WarmAws(denied=True)).hourly(NOW)
    item = judged(seen, "prod", NOW)
    assert item is not None
    assert (item.state, item.lifecycle) == ("unjudged", "")
    (seen,) = look_at(WarmAws()).hourly(NOW)
    assert judged(seen, "staging", NOW) is None


def test_the_lease_ends_at_its_second():
    assert judged(SEEN, "prod", NOW + timedelta(minutes=59, seconds=59)).state == "expected"
    assert judged(SEEN, "prod", NOW + timedelta(hours=1)).state == "overdue"
    stopping = replace(SEEN, phase="stopping")
    assert judged(stopping, "prod", NOW + timedelta(hours=2)).state == "expected", "AWS deletes it already"


def test_a_deployment_with_letters_that_tags_cannot_hold_finds_its_own():
    seen = replace(SEEN, tags={**TAGS, "airflow-finetune:deployment": "caf_ _ co"})
    assert judged(seen, "caf* & co", NOW) is not None
    assert judged(seen, "caf* & co!", NOW) is None


def test_sums_are_of_their_kind_and_unknown_where_one_is():
    hour = BillingItem(kind="endpoint", name="a", usd_per_hour=0.5)
    month = BillingItem(kind="storage", name="s3://b/", usd_per_month=2.0, bytes=1)
    assert (hourly_total([hour, month]), monthly_total([hour, month])) == (0.5, 2.0)
    assert hourly_total([hour, BillingItem(kind="training job", name="b")]) is None
    assert monthly_total([month, BillingItem(kind="storage", name="s3://c/")]) is None


def test_folders_inside_others_are_counted_once():
    given = ["s3://a/b", "s3://a/b/c/", "s3://a/bc", "s3://d", "s3://d/e/", "s3://a/b/"]
    assert outermost(iter(given)) == ["s3://a/b/", "s3://a/bc/", "s3://d/"]


def test_the_words_for_people_put_first_what_is_wrong():
    items = (
        BillingItem(kind="endpoint", name="fine", usd_per_hour=2, since=NOW, reason="It serves."),
        BillingItem(kind="storage", name="s3://b/", bytes=3 << 30, usd_per_month=0.069),
        BillingItem(kind="endpoint", name="late", state="overdue", usd_per_hour=None, lifecycle="ephemeral"),
    )
    report = BillingReport(deployment="prod", region="r", asked_at=NOW, items=items, usd_per_month=0.069)
    head, *rest = lines(report)
    assert head == "Bills now, deployment prod in r: $ not known an hour, $0.0690 a month for storage."
    assert rest == [
        "overdue   endpoint, ephemeral  late: $ not known an hour.",
        "expected  endpoint  fine: $2.00 an hour since 2026-11-20 12:00. It serves.",
        "expected  storage  s3://b/: 3.0 GiB, $0.0690 a month.",
    ]
    assert line(items[1]) in rest


def test_a_report_is_plain_json_and_comes_back(hosts, ask):
    hosts.deployed()
    run = ask()
    assert run.try_once() == "success"
    assert BillingReport.load(json.loads(json.dumps(run.result))) == BillingReport.load(run.result)


def test_a_prefix_that_is_no_s3_address_is_refused_when_the_dag_is_parsed(ask):
    with pytest.raises(SpecError, match="no S3 address"):
        ask(prefixes="/tmp/data")
    ask(prefixes="{{ var.value.where }}")
