"""A rejected model stops billing with the scope that judged it; a promoted, foreign or undecided one stays."""

from __future__ import annotations

import pytest

from airflow_finetune.values import CleanupReceipt, GateVerdict
from tests.serving.bedrock.conftest import JOBS_TAGS

PROMOTED = {**JOBS_TAGS, "lifecycle": "promoted", "expires-at": "never"}


def verdict(arn, decision="reject"):
    """A dumped verdict on a model."""
    return GateVerdict(
        decision=decision,
        reason="why",
        metric="exact_match",
        alpha=0.05,
        items=10,
        policy_digest="0" * 16,
        golden={"uri": "s3://acme/golden"},
        baseline={"uri": "amazon.nova-micro-v1:0"},
        candidate={"uri": arn},
    ).dump()


def receipt_of(run):
    assert run.state == "success", run.error
    return CleanupReceipt.load(run.result)


@pytest.mark.parametrize("hosting", ["on_demand_deployment", "provisioned_throughput"])
def test_a_rejected_model_is_deleted_after_what_has_served_it(hosts, deferrable, hosting):
    arn = hosts.custom()
    assert hosts.deploy(hosts.open(), hosts.spec(model=arn, hosting=hosting)).try_once() == "success"
    run = hosts.teardown(verdict=verdict(arn), model=hosts.tuned(arn), deferrable=deferrable)
    run.try_once()
    assert [(row.kind, row.name) for row in receipt_of(run).deleted][-1] == ("custom model", arn)
    assert (hosts.left(), hosts.models()) == ({}, [])
    deletes = [call.operation for call in hosts.sandbox.world.calls.records() if call.operation.startswith("Delete")]
    assert deletes[-1] == "DeleteCustomModel"
    assert not [line for line in hosts.account.bill("custom_model_storage") if line.running]
    again = hosts.teardown(verdict=verdict(arn), model=hosts.tuned(arn))
    again.try_once()
    assert ("custom model", arn) in [(row.kind, row.name) for row in receipt_of(again).already_gone]


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (PROMOTED, "'promoted'"),
        ({**JOBS_TAGS, "deployment": "somebody-else"}, "not of deployment"),
        ({}, "not of deployment"),
    ],
    ids=["promoted", "of another deployment", "of nobody we know"],
)
def test_a_model_that_is_promoted_or_foreign_is_kept_with_the_reason(hosts, tags, said):
    arn = hosts.custom(tags=tags)
    run = hosts.teardown(verdict=verdict(arn), model=hosts.tuned(arn))
    run.try_once()
    [row] = receipt_of(run).kept
    assert (row.kind, row.name, row.accepted) == ("custom model", arn, True)
    assert said in row.reason
    assert hosts.models() == ["model"]


def test_a_model_that_could_not_be_judged_is_kept_with_its_price(hosts):
    arn = hosts.custom()
    run = hosts.teardown(verdict=verdict(arn, "inconclusive"), model=hosts.tuned(arn))
    run.try_once()
    [row] = receipt_of(run).kept
    assert "$1.95 a month" in row.reason
    assert hosts.models() == ["model"]


def test_nothing_is_discarded_where_the_gate_has_not_spoken_or_let_it_pass(hosts):
    arn = hosts.custom()
    cases = [
        (None, None),
        (None, hosts.tuned(arn)),
        (verdict(arn), None),
        ("None", "None"),
        (verdict(arn, "pass"), hosts.tuned(arn)),
        (verdict("s3://acme/other/"), hosts.tuned(arn)),
        (verdict("s3://acme/m/"), hosts.tuned("s3://acme/m/") | {"model_arn": None}),
    ]
    for told, model in cases:
        run = hosts.teardown(verdict=told, model=model)
        run.try_once()
        assert receipt_of(run).deleted == receipt_of(run).kept == ()
    assert hosts.models() == ["model"]


def test_a_model_that_somebody_else_uses_fails_the_teardown_and_names_who(hosts):
    arn = hosts.custom()
    hosts.account.deployed("theirs", arn)
    assert hosts.deploy(hosts.open(), hosts.spec(model=arn, hosting="on_demand_deployment")).try_once() == "success"
    run = hosts.teardown(verdict=verdict(arn), model=hosts.tuned(arn))
    assert run.try_once() == "failed"
    for words in ("ConflictException", "custom model deployment theirs", "delete that first"):
        assert words in str(run.error)
    assert hosts.left()["custom_model_deployment"] == ["theirs"], "what is the scope's is gone all the same"
    hosts.account.bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier="theirs")
    assert hosts.teardown(verdict=verdict(arn), model=hosts.tuned(arn)).try_once() == "success"
    assert hosts.models() == []


def test_a_model_that_may_not_be_deleted_fails_the_teardown(hosts):
    arn = hosts.custom()
    hosts.fault("access_denied", operation="DeleteCustomModel")
    run = hosts.teardown(verdict=verdict(arn), model=hosts.tuned(arn))
    assert run.try_once() == "failed"
    assert "AccessDenied" in str(run.error)


def test_the_teardown_of_a_scope_comes_after_the_gate_that_it_listens_to(hosts):
    from airflow.sdk import DAG, task

    from airflow_finetune import serving_scope

    @task
    def step():
        return {}

    with DAG("d"):
        tuned = step.override(task_id="fine_tune")()
        arms = {"candidate": hosts.spec(model=tuned, hosting="on_demand_deployment")}
        told = []
        with serving_scope(arms, discard=lambda: (tuned, told[0])):
            told.append(step.override(task_id="gate")())
        torn = told[0].operator.dag.get_task("teardown")
    assert {"gate", "fine_tune", "deploy_candidate"} <= torn.upstream_task_ids
    assert torn.hosts == ("bedrock_hosting",)


@pytest.mark.parametrize(("tags", "left"), [(JOBS_TAGS, 0), (PROMOTED, 1)], ids=["of a job", "promoted"])
def test_a_comparison_keeps_no_model_that_a_job_of_its_own_has_made(hosts, deferrable, tags, left):
    arn = hosts.custom(tags=tags)
    run = hosts.teardown(model=hosts.tuned(arn), keeps_model=False, deferrable=deferrable)
    run.try_once()
    assert len(hosts.models()) == left
    if not left:
        assert [(row.kind, row.name) for row in receipt_of(run).deleted] == [("custom model", arn)]


@pytest.mark.parametrize("model", [None, {"model_uri": "s3://acme/model.tar.gz"}, "no model"])
def test_a_comparison_without_a_custom_model_has_nothing_to_discard(hosts, model):
    run = hosts.teardown(model=model, keeps_model=False)
    run.try_once()
    assert receipt_of(run).deleted == ()
