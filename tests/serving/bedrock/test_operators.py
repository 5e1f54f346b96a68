"""A custom model, a deployment or a throughput of anybody's is ended by a task of its own."""

from __future__ import annotations

import pytest

from airflow_finetune import operators
from tests.execution_api import TaskRun, in_dag
from tests.serving.bedrock.conftest import JOBS_TAGS, MICRO

PROMOTED = {**JOBS_TAGS, "lifecycle": "promoted", "expires-at": "never"}


def deleting(kind, **arguments):
    operator = getattr(operators, f"DeleteBedrock{kind}Operator")
    return TaskRun(in_dag(lambda: operator(task_id="delete", poll_seconds=0.2, **arguments)))


def test_deployment_then_model_are_deleted_and_again_is_fine(hosts, deferrable):
    arn = hosts.custom()
    hosts.account.bedrock.create_custom_model_deployment(modelDeploymentName="d", modelArn=arn)
    for what, kind in (("d", "Deployment"), (hosts.tuned(arn), "CustomModel")):
        for became in ("deleted", "already_gone"):
            run = deleting(kind, what=what, deferrable=deferrable)
            assert run.try_once() == "success", run.error
            assert len(run.result[became]) == 1
    assert (hosts.left(), hosts.models()) == ({}, [])


def test_a_model_in_use_is_refused_with_who_uses_it(hosts):
    arn = hosts.custom()
    hosts.account.deployed("theirs", arn)
    run = deleting("CustomModel", what=arn)
    assert run.try_once() == "failed"
    assert "ConflictException" in str(run.error)
    assert "custom model deployment theirs" in str(run.error)


def test_what_is_promoted_goes_only_when_that_is_said(hosts):
    arn = hosts.custom(tags=PROMOTED)
    run = deleting("CustomModel", what=arn)
    assert run.try_once() == "failed"
    assert "it is promoted" in str(run.error)
    assert "even_promoted=True" in str(run.error)
    assert deleting("CustomModel", what=arn, even_promoted=True).try_once() == "success"
    assert hosts.models() == []


@pytest.mark.parametrize("term", [None, "OneMonth"])
def test_a_throughput_is_deleted_unless_its_commitment_runs(hosts, deferrable, term):
    more = {} if term is None else {"commitmentDuration": term}
    arn = hosts.account.bedrock.create_provisioned_model_throughput(
        modelUnits=1, provisionedModelName="p", modelId=MICRO, **more
    )["provisionedModelArn"]
    run = deleting("Throughput", what=arn, deferrable=deferrable)
    assert run.try_once() == ("failed" if term else "success"), run.error
    assert ("its commitment ends at" in str(run.error)) is bool(term)
    assert bool(hosts.throughput_bills()) is bool(term)


def test_nothing_named_is_refused(hosts):
    run = deleting("CustomModel", what="")
    assert run.try_once() == "failed"
    assert "nothing is named" in str(run.error)
    assert hosts.calls("DeleteCustomModel") == []
