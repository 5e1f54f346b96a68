"""A deployment finds what an earlier try has made, and says what is wrong in AWS's words."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from airflow_finetune.errors import SpecError
from airflow_finetune.values import ServedModel
from tests.execution_api import fire, trigger_of


def test_a_model_answers_and_its_xcom_says_where(hosts, deferrable):
    scope = hosts.open()
    assert hosts.calls("CreateEndpoint") == hosts.calls("CreateModel") == [], "opening a scope asks AWS for nothing"
    run = hosts.deploy(scope, deferrable=deferrable)
    assert run.try_once() == "success", run.error
    served = ServedModel.load(run.result)
    assert hosts.status(served.endpoint_name) == "InService"
    assert served.endpoint_name == scope["names"]["candidate"]
    assert served.model.uri == "s3://acme/models/one/model.tar.gz"
    assert served.hourly_usd is not None
    assert bool(run.deferrals) is deferrable
    assert hosts.billing()


def test_deploying_twice_makes_one_endpoint(hosts):
    scope = hosts.open()
    first, second = hosts.deploy(scope), hosts.deploy(scope)
    assert first.try_once() == second.try_once() == "success"
    assert first.result == second.result
    assert len(hosts.calls("CreateEndpoint")) == len(hosts.calls("CreateModel")) == 1


def test_a_lost_answer_makes_no_second_endpoint(hosts):
    for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint"):
        hosts.fault("lost_answer", operation=operation, count=1)
    run = hosts.deploy(hosts.open())
    assert run.try_once() == "success", run.error
    assert [len(names) for names in hosts.left().values()] == [1, 1, 1]


def test_a_changed_spec_fails_and_shows_both_digests(hosts):
    scope = hosts.deployed()
    run = hosts.deploy(scope, hosts.spec(model="s3://acme/models/two/model.tar.gz"))
    assert run.try_once() == "failed"
    assert "was made from spec" in str(run.error)
    assert "this try rendered spec" in str(run.error)
    assert len(hosts.calls("CreateEndpoint")) == 1


def test_an_endpoint_that_never_answers_fails_with_awss_words_and_teardown_removes_it(hosts, deferrable):
    scope = hosts.open()
    hosts.fault("endpoint_never_answers", target="*")
    run = hosts.deploy(scope, deferrable=deferrable)
    assert run.try_once() == "failed"
    assert "health check" in str(run.error)
    assert "teardown" in str(run.error)
    assert hosts.left()
    assert hosts.teardown().try_once() == "success"
    assert hosts.left() == {}
    assert hosts.billing() == []


def test_something_of_this_name_that_is_not_ours_is_left_alone(hosts):
    scope = hosts.open()
    hosts.aws("sagemaker").create_model(
        ModelName=scope["names"]["candidate"],
        PrimaryContainer={"Image": hosts.spec()["image_uri"], "ModelDataUrl": hosts.spec()["model"]},
        ExecutionRoleArn=hosts.spec()["role_arn"],
    )
    run = hosts.deploy(scope)
    assert run.try_once() == "failed"
    assert "not this scope's" in str(run.error)
    assert hosts.calls("CreateEndpoint") == []


def test_a_refused_model_fails_at_once_with_awss_words(hosts):
    run = hosts.deploy(hosts.open(), hosts.spec(model="s3://acme/models/none/model.tar.gz"))
    assert run.try_once() == "failed"
    assert "AWS answered ValidationException" in str(run.error)


def test_a_scope_whose_lease_is_over_is_refused_before_anything_is_made(hosts):
    run = hosts.deploy(hosts.open(lease=timedelta(seconds=-1)))
    assert run.try_once() == "failed"
    assert "Clear open_scope too" in str(run.error)
    assert hosts.left() == {}


def test_a_scope_that_is_opened_again_extends_the_lease_of_what_is_there(hosts):
    hosts.deployed(lease=timedelta(hours=1))
    scope = hosts.deployed(lease=timedelta(hours=9))
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{scope['names']['candidate']}"
    tags = {tag["Key"]: tag["Value"] for tag in hosts.aws("sagemaker").list_tags(ResourceArn=arn)["Tags"]}
    assert tags["airflow-finetune:expires-at"] == scope["expires_at"]
    assert tags["airflow-finetune:lifecycle"] == "ephemeral"
    assert len(hosts.calls("CreateEndpoint")) == 1


def test_the_scope_of_another_run_is_refused(hosts):
    run = hosts.deploy(hosts.open(run_id="manual__other"))
    assert run.try_once() == "failed"
    assert "is not of this run" in str(run.error)


def test_a_kill_of_a_deferred_deployment_deletes_nothing_and_teardown_finds_it(hosts):

    scope = hosts.open()
    run = hosts.deploy(scope, deferrable=True)
    run.try_number = 1
    assert run.run_part(None) == "deferred"
    asyncio.run(trigger_of(run.deferrals[-1]).on_kill())
    assert hosts.calls("DeleteEndpoint") == []
    assert hosts.teardown().try_once() == "success"
    assert (hosts.left(), hosts.billing()) == ({}, [])


@pytest.mark.parametrize("stage", ["deploy", "teardown"])
def test_a_resume_that_is_given_nothing_but_the_event_goes_on(hosts, stage):
    """As dag.test() resumes a deferred task: it drops the keyword arguments of the deferral."""
    scope = hosts.open()
    run = hosts.deploy(scope, deferrable=True)
    if stage == "teardown":
        assert run.try_once() == "success", run.error
        run = hosts.teardown(deferrable=True)
    run.try_number = 1
    state = run.run_part(None)
    assert state == "deferred"
    while state == "deferred":
        deferral = run.deferrals[-1]
        deferral.next_kwargs.clear()
        state = run.resume(deferral, fire(deferral))
    assert state == "success", run.error


def test_a_quota_that_is_in_use_is_waited_for_and_a_quota_of_zero_is_not(hosts):
    quotas = hosts.sandbox.world.quotas
    quotas.set("us-east-1", "endpoint", "ml.m5.large", 1)
    hosts.deployed(run_id="manual__other")
    run = hosts.deploy(hosts.open(), max_wait=timedelta(seconds=8))
    assert run.try_once() == "failed"
    assert "ResourceLimitExceeded" in str(run.error)
    assert "max_wait" in str(run.error)
    asked = len(hosts.calls("CreateEndpoint"))
    assert asked > 2, "it asked again"
    quotas.set("us-east-1", "endpoint", "ml.m5.large", 0)
    assert hosts.deploy(hosts.open(run_id="manual__3"), run_id="manual__3").try_once() == "failed"
    assert len(hosts.calls("CreateEndpoint")) == asked + 1
    for run_id in ("manual__other", "manual__3", "manual__2026-11-20T00:00:00+00:00"):
        assert hosts.teardown(run_id=run_id).try_once() == "success"
    assert (hosts.left(), hosts.billing()) == ({}, [])


def test_a_secret_in_the_environment_is_refused_when_the_dag_is_parsed(hosts):
    with pytest.raises(SpecError, match="looks like"):
        hosts.deploy(hosts.open(), hosts.spec(environment={"HF_TOKEN": "hf_" + "a" * 30}))
