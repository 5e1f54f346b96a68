"""What serves on Bedrock is found by its names and ended; what bills by itself is never left without a word."""

from __future__ import annotations

import pytest

from airflow_finetune.values import CleanupReceipt
from tests.serving.bedrock.conftest import MICRO, RUN

EXPIRED = {"expires_at": "2026-01-01T00:00:00Z"}
HOSTINGS = ("on_demand_deployment", "provisioned_throughput")
PRICES = {"model_unit": 7.5}
CREATES = {"on_demand_deployment": "CustomModelDeployment", "provisioned_throughput": "ProvisionedModelThroughput"}


def receipt_of(run):
    return CleanupReceipt.load(run.result)


def served(hosts, hosting, run_id=RUN, name="model"):
    """Serve a custom model in the scope of a run."""
    scope = hosts.open(run_id=run_id)
    spec = hosts.spec(model=hosts.custom(name), hosting=hosting, prices=PRICES)
    run = hosts.deploy(scope, spec, run_id=run_id)
    assert run.try_once() == "success", run.error
    return scope


@pytest.mark.parametrize("hosting", HOSTINGS)
def test_what_was_made_by_a_task_that_died_before_the_answer_is_found(hosts, hosting):
    scope = hosts.open()
    hosts.fault("lost_answer", operation=f"Create{CREATES[hosting]}", count=1)
    hosts.fault("access_denied", operation=f"Get{CREATES[hosting]}", every=2)  # the look after the create
    spec = hosts.spec(model=hosts.custom(), hosting=hosting, prices=PRICES)
    assert hosts.deploy(scope, spec).try_once() == "failed"
    hosts.sandbox.world.faults.clear()
    assert [names for names in hosts.left().values()] == [[scope["names"]["candidate"]]]
    assert hosts.teardown().try_once() == "success"
    assert (hosts.left(), hosts.throughput_bills()) == ({}, [])


def test_what_is_being_made_is_waited_for_and_deleted(hosts, deferrable):
    scope = hosts.open()
    spec = hosts.spec(model=hosts.custom(), hosting="on_demand_deployment")
    deploy = hosts.deploy(scope, spec, deferrable=True)
    deploy.try_number = 1
    assert deploy.run_part(None) == "deferred"
    hosts.ready_in(scope["names"]["candidate"], real_seconds=2)
    run = hosts.teardown(deferrable=deferrable)
    assert run.try_once() == "success", run.error
    assert bool(run.deferrals) is deferrable
    assert hosts.left() == {}


def test_a_teardown_asks_only_the_host_that_its_scope_uses(hosts):
    served(hosts, "on_demand_deployment")
    hosts.sandbox.world.calls.clear()
    assert hosts.teardown(host="endpoint").try_once() == "success"
    assert hosts.sandbox.world.calls.records(service="bedrock") == []
    assert hosts.left()
    hosts.sandbox.world.calls.clear()
    assert hosts.teardown().try_once() == "success"
    assert hosts.sandbox.world.calls.records(service="sagemaker") == []
    assert hosts.left() == {}
    assert hosts.teardown(host=["endpoint", "bedrock_hosting"]).try_once() == "success"


@pytest.mark.parametrize("hosting", HOSTINGS)
def test_a_teardown_that_may_not_delete_fails_and_names_what_bills(hosts, hosting):
    scope = served(hosts, hosting)
    hosts.fault("access_denied", operation=f"Delete{CREATES[hosting]}")
    run = hosts.teardown()
    assert run.try_once() == "failed"
    assert scope["names"]["candidate"] in str(run.error)
    assert "AccessDenied" in str(run.error)


def test_a_teardown_leaves_what_another_run_serves(hosts):
    other = served(hosts, "on_demand_deployment", "manual__other")
    served(hosts, "on_demand_deployment", name="second")
    assert hosts.teardown().try_once() == "success"
    assert hosts.left()["custom_model_deployment"] == [other["names"]["candidate"]]


@pytest.mark.parametrize("hosting", HOSTINGS)
def test_a_cleanup_deletes_what_has_expired_on_bedrock_too(hosts, deferrable, hosting):
    scope = served(hosts, hosting, "manual__long_ago")
    kept = hosts.cleanup()
    assert kept.try_once() == "success", kept.error
    assert "its lease ends at" in receipt_of(kept).kept[0].reason
    hosts.retag(scope["names"]["candidate"], **EXPIRED)
    run = hosts.cleanup(deferrable=deferrable)
    assert run.try_once() == "success", run.error
    assert (hosts.left(), hosts.throughput_bills()) == ({}, [])
    assert len(receipt_of(run).deleted) == 1
    assert hosts.models() == ["model"], "cleanup never deletes a trained model"


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({**EXPIRED, "lifecycle": "promoted"}, "'promoted'"),
        ({**EXPIRED, "deployment": "somebody-else"}, "'somebody-else'"),
        ({**EXPIRED, "owner": None}, "no tag"),
    ],
    ids=str,
)
def test_a_cleanup_never_touches_anything_else_on_bedrock(hosts, tags, said):
    scope = served(hosts, "on_demand_deployment")
    hosts.retag(scope["names"]["candidate"], **tags)
    run = hosts.cleanup()
    assert run.try_once() == "success", run.error
    assert hosts.left()
    assert [said in row.reason for row in receipt_of(run).kept] == [True]


def test_a_cleanup_goes_on_where_it_may_not_look_at_bedrock_and_says_so(hosts, capsys):
    hosts.fault("access_denied", service="bedrock", operation="List*")
    run = hosts.cleanup()
    assert run.try_once() == "success", run.error
    [note] = receipt_of(run).notes
    assert "AccessDenied" in note
    assert "not looked at" in capsys.readouterr().out
    hosts.sandbox.world.faults.clear()
    hosts.fault("access_denied", service="sagemaker", operation="ListEndpoints")
    assert hosts.cleanup().try_once() == "failed", "what bills by the hour on SageMaker is never left out"


def test_a_cleanup_goes_on_where_nobody_answers_for_bedrock(hosts):
    hosts.fault("reset", service="bedrock", operation="List*")
    run = hosts.cleanup(botocore_config={"retries": {"total_max_attempts": 1}})
    assert run.try_once() == "success", run.error
    assert "AWS gave no answer" in receipt_of(run).notes[0]


def test_a_cleanup_that_is_throttled_by_bedrock_asks_again(hosts):
    hosts.fault("throttle", service="bedrock", operation="ListCustomModelDeployments", count=1)
    run = hosts.cleanup(botocore_config={"retries": {"total_max_attempts": 1}})
    assert run.try_once() == "success", run.error
    assert receipt_of(run).notes == ()


def test_a_commitment_is_kept_by_a_cleanup_until_it_ends_and_then_goes(hosts):
    twice = {"hosting": "provisioned_throughput", "commitment": "OneMonth", "confirm_commitment": "OneMonth"}
    scope = hosts.open()
    assert hosts.deploy(scope, hosts.spec(model=MICRO, **twice)).try_once() == "success"
    hosts.retag(scope["names"]["candidate"], **EXPIRED)
    run = hosts.cleanup()
    assert run.try_once() == "success", run.error
    assert "its commitment ends at" in receipt_of(run).kept[0].reason
    hosts.ends_commitment(scope["names"]["candidate"])
    over = hosts.cleanup()
    assert over.try_once() == "success", over.error
    assert (hosts.left(), hosts.throughput_bills()) == ({}, [])
