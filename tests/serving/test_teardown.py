"""A teardown finds everything by names alone; a cleanup deletes only what is its own, ephemeral and expired."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from airflow_finetune.lifecycle.client import ResourceClient
from airflow_finetune.lifecycle.life import utc_now
from airflow_finetune.serving.inventory import KINDS, Found, Verdict, plan
from airflow_finetune.serving.scope import ScopeClaim
from airflow_finetune.serving.teardown import Teardown, of_expired, of_scope
from airflow_finetune.serving.waiting import Waiting
from airflow_finetune.values import CleanupReceipt
from tests.serving.conftest import RUN

EXPIRED = {"expires_at": "2026-01-01T00:00:00Z"}


def receipt_of(run: Any) -> CleanupReceipt:
    return CleanupReceipt.load(run.result)


def test_a_teardown_deletes_everything_and_says_so_and_again_is_fine(hosts, deferrable):
    hosts.deployed()
    run = hosts.teardown(deferrable=deferrable)
    assert run.try_once() == "success", run.error
    assert (hosts.left(), hosts.billing()) == ({}, [])
    receipt = receipt_of(run)
    assert {row.kind for row in receipt.deleted} == {resource.kind for resource in KINDS}
    assert len(receipt.already_gone) == 3, "of the other arm"
    assert receipt.estimated_saved_usd is not None
    assert receipt.estimated_saved_usd > 0.1
    again = hosts.teardown()
    assert again.try_once() == "success"
    assert receipt_of(again).deleted == ()
    assert len(receipt_of(again).already_gone) == 6


def test_a_teardown_deletes_in_the_order_in_which_nothing_hangs_in_the_air(hosts):
    hosts.deployed()
    assert hosts.teardown().try_once() == "success"
    deletes = [call.operation for call in hosts.sandbox.world.calls.records() if call.operation.startswith("Delete")]
    assert deletes == ["DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel"]


def test_a_teardown_of_nothing_is_fine(hosts):
    assert hosts.teardown().try_once() == "success"


@pytest.mark.parametrize("heard", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"])
def test_what_was_made_by_a_task_that_died_before_the_answer_is_found(hosts, heard):
    scope = hosts.open()
    hosts.fault("lost_answer", operation=heard, count=1)
    hosts.fault("access_denied", operation=heard.replace("Create", "Describe"), every=2)  # the look after the create
    assert hosts.deploy(scope).try_once() == "failed"
    hosts.sandbox.world.faults.clear()
    kinds = ["model", "endpoint_config", "endpoint"]
    wanted = kinds[: ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"].index(heard) + 1]
    assert sorted(hosts.left()) == sorted(wanted)
    assert hosts.teardown().try_once() == "success"
    assert (hosts.left(), hosts.billing()) == ({}, [])


def test_what_is_being_created_is_deleted_as_soon_as_aws_lets_us(hosts, deferrable):
    scope = hosts.open()
    hosts.fault("endpoint_never_answers", target="*", params={"seconds": 2000})  # two real seconds in Creating
    deploy = hosts.deploy(scope, deferrable=True)
    deploy.try_number = 1
    assert deploy.run_part(None) == "deferred"
    assert hosts.status(scope["names"]["candidate"]) == "Creating"
    run = hosts.teardown(deferrable=deferrable)
    assert run.try_once() == "success", run.error
    assert (hosts.left(), hosts.billing()) == ({}, [])
    assert len(receipt_of(run).deleted) == 3


def test_a_teardown_that_may_not_delete_fails_and_names_what_bills(hosts):
    scope = hosts.deployed()
    hosts.fault("access_denied", operation="DeleteEndpoint")
    run = hosts.teardown()
    assert run.try_once() == "failed"
    assert f"endpoint {scope['names']['candidate']}" in str(run.error)
    assert "AccessDenied" in str(run.error)
    assert hosts.billing()
    hosts.sandbox.world.faults.clear()
    assert hosts.teardown().try_once() == "success"
    assert hosts.billing() == []


def test_a_delete_whose_answer_is_lost_is_not_a_failure(hosts):
    hosts.deployed()
    hosts.fault("lost_answer", operation="DeleteEndpoint", count=1)
    hosts.fault("throttle", operation="DeleteModel", count=1)
    run = hosts.teardown()
    assert run.try_once() == "success", run.error
    assert hosts.left() == {}


def test_a_teardown_that_runs_out_of_patience_fails_with_what_is_left(hosts):
    scope = hosts.open()
    hosts.fault("endpoint_never_answers", target="*", params={"seconds": 10**9})
    deploy = hosts.deploy(scope, deferrable=True)
    deploy.try_number = 1
    deploy.run_part(None)
    run = hosts.teardown(max_wait=timedelta(seconds=1))
    assert run.try_once() == "failed"
    assert "max_wait" in str(run.error)


def test_a_teardown_leaves_the_endpoints_of_another_run(hosts):
    other = hosts.deployed(run_id="manual__other")
    hosts.deployed()
    assert hosts.teardown().try_once() == "success"
    assert hosts.left()["endpoint"] == [other["names"]["candidate"]]


def test_teardown_and_cleanup_at_the_same_time_do_not_disturb_each_other(hosts):
    scope = hosts.deployed()
    hosts.retag(scope["names"]["candidate"], **EXPIRED)

    claim = ScopeClaim("default", "orders", RUN, "served")
    assert claim.id == scope["scope_id"]
    receipts: list[CleanupReceipt] = []
    lines: list[str] = []

    def carry(what: Any) -> None:
        torn = Teardown(lambda kind: ResourceClient(kind, hosts.aws), what, lines.append, lambda _: None)
        barrier.wait()
        while isinstance(found := torn.step(utc_now()), Waiting):
            pause.wait(0.05)
        receipts.append(found)

    barrier, pause = threading.Barrier(2), threading.Event()
    threads = [
        threading.Thread(target=carry, args=(what,)) for what in (of_scope(claim), of_expired("default", utc_now()))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [receipt.failed for receipt in receipts] == [(), ()]
    assert (hosts.left(), hosts.billing()) == ({}, [])


def test_a_cleanup_deletes_what_has_expired(hosts, deferrable):
    scope = hosts.deployed(run_id="manual__long_ago")
    hosts.retag(scope["names"]["candidate"], **EXPIRED)
    run = hosts.cleanup(deferrable=deferrable)
    assert run.try_once() == "success", run.error
    assert (hosts.left(), hosts.billing()) == ({}, [])
    assert len(receipt_of(run).deleted) == 3
    assert receipt_of(run).estimated_saved_usd == 0.0


@pytest.mark.parametrize(
    ("tags", "said", "unjudged"),
    [
        ({}, "its lease ends at", False),
        ({**EXPIRED, "lifecycle": "promoted"}, "'promoted'", False),
        ({**EXPIRED, "lifecycle": "job"}, "'job'", False),
        ({**EXPIRED, "deployment": "somebody-else"}, "'somebody-else'", False),
        ({**EXPIRED, "owner": None}, "no tag", True),
        ({**EXPIRED, "lifecycle": None}, "no tag", True),
        ({"expires_at": None}, "lease cannot be read", True),
        ({"expires_at": "yesterday"}, "lease cannot be read", True),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_cleanup_never_touches_anything_else_and_reports_what_it_cannot_judge(hosts, tags, said, unjudged):
    scope = hosts.deployed()
    hosts.retag(scope["names"]["candidate"], **tags)
    run = hosts.cleanup()
    assert run.try_once() == "success", run.error
    assert hosts.status(scope["names"]["candidate"]) == "InService"
    kept = receipt_of(run).kept
    assert len(kept) == 3
    assert all(said in row.reason and row.unjudged is unjudged for row in kept)


def test_a_cleanup_does_not_look_at_endpoints_with_names_of_others(hosts):
    sagemaker, spec = hosts.aws("sagemaker"), hosts.spec()
    for name in ("theirs", "a-scope-of-theirs"):
        container = {"Image": spec["image_uri"], "ModelDataUrl": spec["model"]}
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=spec["role_arn"])
    run = hosts.cleanup()
    assert run.try_once() == "success"
    assert receipt_of(run) == CleanupReceipt(estimated_saved_usd=0.0)
    assert sorted(hosts.left()["model"]) == ["a-scope-of-theirs", "theirs"]


def test_a_cleanup_whose_delete_is_refused_fails(hosts):
    scope = hosts.deployed()
    hosts.retag(scope["names"]["candidate"], **EXPIRED)
    hosts.fault("access_denied", operation="DeleteEndpoint")
    run = hosts.cleanup()
    assert run.try_once() == "failed"
    assert "AccessDenied" in str(run.error)


def test_the_planner_keeps_what_an_endpoint_is_made_from_until_the_endpoint_is_gone():
    endpoint, config, model = KINDS
    described = {"EndpointStatus": "InService"}
    inventory = [Found(model, "a", {}, {}), Found(endpoint, "a", described, {}), Found(config, "b", {}, {})]
    delete, wait, blocked, kept = plan(inventory, lambda found: Verdict("delete"))
    assert [found.key for found in delete] == [("endpoint", "a"), ("endpoint configuration", "b")]
    assert [found.key for found in blocked] == [("model", "a")]
    assert (wait, kept) == ((), ())
    creating = [Found(endpoint, "a", {"EndpointStatus": "Creating"}, {})]
    assert [found.key for found in plan(creating, lambda found: Verdict("delete")).wait] == [("endpoint", "a")]
