"""A model answers on Bedrock: nothing, a deployment or a throughput is made, and what cannot be says what to do."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from airflow_finetune.aws.prices import BEDROCK_USAGES
from airflow_finetune.errors import SpecError
from airflow_finetune.serving.bedrock.spec import BedrockDeploySpec, Usage
from airflow_finetune.values import ServedModel
from tests.serving.bedrock.conftest import ASKED, MICRO, TITAN

PRICES = {"input_tokens": 0.01, "output_tokens": 0.02, "model_unit": 7.5}
ON_DEMAND = {"hosting": "on_demand_deployment", "prices": PRICES}
BOUGHT = {"hosting": "provisioned_throughput", "prices": PRICES}


def test_a_base_model_is_asked_on_demand_and_nothing_is_made_for_it(hosts, deferrable):
    run = hosts.deploy(hosts.open(), hosts.spec(prices=PRICES), deferrable=deferrable)
    assert run.try_once() == "success", run.error
    served = ServedModel.load(run.result)
    assert (served.service, served.endpoint_name, served.endpoint_arn) == ("bedrock", ASKED, "")
    assert (served.hourly_usd, served.input_usd, served.output_usd) == (0.0, 0.01, 0.02)
    assert (served.model.uri, run.deferrals) == (ASKED, [])
    assert not [call for call in hosts.sandbox.world.calls.records() if call.operation.startswith("Create")]
    assert hosts.account.ask(served.endpoint_name, "hello") is not None
    torn = hosts.teardown()
    assert torn.try_once() == "success", torn.error
    assert len(torn.result["already_gone"]) == 4


def test_a_custom_model_is_deployed_on_demand_and_answers_and_a_teardown_ends_it(hosts, deferrable):
    arn = hosts.custom()
    run = hosts.deploy(hosts.open(), hosts.spec(model=hosts.tuned(arn), **ON_DEMAND), deferrable=deferrable)
    assert run.try_once() == "success", run.error
    served = ServedModel.load(run.result)
    assert served.endpoint_name == served.endpoint_arn != ""
    assert (served.hourly_usd, served.input_usd, served.output_usd) == (0.0, 0.01, 0.02)
    assert served.model.uri == arn
    assert hosts.account.ask(served.endpoint_name, "hello") is not None
    torn = hosts.teardown(deferrable=deferrable)
    assert torn.try_once() == "success", torn.error
    assert hosts.left() == {}
    assert [row["kind"] for row in torn.result["deleted"]] == ["custom model deployment"]
    assert torn.result["estimated_saved_usd"] == 0.0
    assert hosts.models() == ["model"], "a teardown that is told nothing leaves the model"


def test_a_throughput_bills_by_the_hour_until_the_teardown(hosts, deferrable):
    spec = hosts.spec(model=hosts.custom(), **BOUGHT, model_units=2)
    run = hosts.deploy(hosts.open(), spec, deferrable=deferrable)
    assert run.try_once() == "success", run.error
    served = ServedModel.load(run.result)
    assert (served.hourly_usd, served.instance_count, served.input_usd) == (15.0, 2, None)
    assert hosts.throughput_bills()
    torn = hosts.teardown(deferrable=deferrable)
    assert torn.try_once() == "success", torn.error
    assert (hosts.left(), hosts.throughput_bills()) == ({}, [])


def test_a_base_model_may_be_served_on_a_throughput(hosts):
    run = hosts.deploy(hosts.open(), hosts.spec(model=MICRO, **BOUGHT))
    assert run.try_once() == "success", run.error
    assert run.result["hourly_usd"] == 7.5
    assert hosts.teardown().try_once() == "success"


def test_everything_that_is_made_bears_owner_and_lease_and_a_new_lease_is_written_on_it(hosts):
    spec = hosts.spec(model=hosts.custom(), **ON_DEMAND, tags={"team": "orders"})
    assert hosts.deploy(hosts.open(lease=timedelta(hours=1)), spec).try_once() == "success"
    scope = hosts.open(lease=timedelta(hours=9))
    again = hosts.deploy(scope, spec)
    assert again.try_once() == "success", again.error
    tags = hosts.account.bedrock.list_tags_for_resource(resourceARN=again.result["endpoint_arn"])["tags"]
    shown = {tag["key"].removeprefix("airflow-finetune:"): tag["value"] for tag in tags}
    assert (shown["expires-at"], shown["lifecycle"], shown["team"]) == (scope["expires_at"], "ephemeral", "orders")
    assert shown["owner"] == scope["scope_id"]
    assert len(hosts.calls("CreateCustomModelDeployment")) == 1


@pytest.mark.parametrize("hosting", ["on_demand_deployment", "provisioned_throughput"])
def test_a_lost_answer_and_a_second_try_make_nothing_twice(hosts, hosting):
    scope, spec = hosts.open(), hosts.spec(model=hosts.custom(), hosting=hosting, prices=PRICES)
    for operation in ("CreateCustomModelDeployment", "CreateProvisionedModelThroughput"):
        hosts.fault("lost_answer", operation=operation, count=1)
    first, second = hosts.deploy(scope, spec), hosts.deploy(scope, spec)
    assert first.try_once() == second.try_once() == "success", (first.error, second.error)
    assert first.result == second.result
    assert [len(names) for names in hosts.left().values()] == [1]
    assert hosts.teardown().try_once() == "success"


def test_what_was_torn_down_is_made_anew_in_the_same_scope(hosts):
    scope, spec = hosts.open(), hosts.spec(model=hosts.custom(), **ON_DEMAND)
    first, second = hosts.deploy(scope, spec), hosts.deploy(scope, spec)
    assert first.try_once() == "success"
    assert hosts.teardown().try_once() == "success"
    assert second.try_once() == "success", second.error
    assert first.result["endpoint_arn"] != second.result["endpoint_arn"]


def test_a_changed_spec_and_something_that_is_not_ours_are_left_alone(hosts):
    scope, arn = hosts.open(), hosts.custom()
    assert hosts.deploy(scope, hosts.spec(model=arn, **ON_DEMAND)).try_once() == "success"
    other = hosts.deploy(scope, hosts.spec(model=hosts.custom("second"), **ON_DEMAND))
    assert other.try_once() == "failed"
    assert "this try rendered spec" in str(other.error)
    theirs = hosts.open(run_id="manual__2")
    hosts.account.deployed(theirs["names"]["candidate"], arn)
    run = hosts.deploy(theirs, hosts.spec(model=arn, **ON_DEMAND), run_id="manual__2")
    assert run.try_once() == "failed"
    assert "not this scope's" in str(run.error)


def test_a_model_that_aws_does_not_deploy_on_demand_is_refused_with_the_price_of_an_hour_and_the_key_to_set(hosts):
    spec = hosts.spec(model=hosts.custom(base=TITAN), **ON_DEMAND)
    run = hosts.deploy(hosts.open(), spec)
    assert run.try_once() == "failed"
    assert "AWS answered ValidationException" in str(run.error)
    assert "cannot be deployed on demand" in str(run.error)
    assert "hosting: provisioned_throughput" in str(run.error)
    assert "$7.50 an hour" in str(run.error)
    assert (hosts.left(), hosts.throughput_bills()) == ({}, []), "never a silent change from tokens to hours"


@pytest.mark.parametrize(
    ("customized", "asked"),
    [
        (MICRO, ASKED),
        ("amazon.titan-text-lite-v1:0:4k", "amazon.titan-text-lite-v1"),
        ("cohere.command-light-text-v14:7:4k", "cohere.command-light-text-v14"),
    ],
)
def test_a_base_model_is_asked_by_the_id_under_which_it_is_there_on_demand(hosts, capsys, customized, asked):
    run = hosts.deploy(hosts.open(), hosts.spec(model=customized, prices=PRICES))
    assert run.try_once() == "success", run.error
    served = ServedModel.load(run.result)
    assert (served.endpoint_name, served.model.uri, served.endpoint_arn) == (asked, customized, "")
    assert f"asks {asked}, the same model" in capsys.readouterr().out


def test_a_base_model_that_is_not_there_on_demand_is_refused_with_what_is(hosts):
    hosts.fault("access_denied", operation="GetFoundationModel", match={"modelIdentifier": ASKED})
    run = hosts.deploy(hosts.open(), hosts.spec(model=MICRO, prices=PRICES))
    assert run.try_once() == "failed"
    for words in ("not ON_DEMAND", "inference profile", "provisioned_throughput", "$7.50 an hour"):
        assert words in str(run.error)
    unknown = hosts.deploy(hosts.open(), hosts.spec(model="amazon.nova-colossal-v1:0"))
    assert unknown.try_once() == "failed"
    assert "The provided model identifier is invalid" in str(unknown.error)


def test_an_inference_profile_is_asked_as_it_is(hosts):
    run = hosts.deploy(hosts.open(), hosts.spec(model=f"us.{ASKED}", prices=PRICES))
    assert run.try_once() == "success", run.error
    assert run.result["endpoint_name"] == f"us.{ASKED}"


@pytest.mark.parametrize("hosting", ["on_demand_deployment", "provisioned_throughput"])
def test_what_fails_for_want_of_capacity_fails_with_awss_words_and_a_teardown_removes_it(hosts, deferrable, hosting):
    hosts.fault("capacity", target="*")
    run = hosts.deploy(hosts.open(), hosts.spec(model=hosts.custom(), hosting=hosting), deferrable=deferrable)
    assert run.try_once() == "failed"
    assert "not enough capacity" in str(run.error)
    assert "teardown" in str(run.error)
    assert hosts.teardown().try_once() == "success"
    assert (hosts.left(), hosts.throughput_bills()) == ({}, [])


def test_what_is_never_ready_fails_when_patience_ends(hosts):
    scope, spec = hosts.open(), hosts.spec(model=hosts.custom(), **ON_DEMAND)
    run = hosts.deploy(scope, spec, deferrable=True, max_wait=timedelta(seconds=1))
    run.try_number = 1
    assert run.run_part(None) == "deferred"
    hosts.never_ready(scope["names"]["candidate"])
    second = hosts.deploy(scope, spec, max_wait=timedelta(seconds=1))
    assert second.try_once() == "failed"
    assert "max_wait" in str(second.error)


def test_a_quota_that_is_in_use_is_waited_for(hosts):
    assert hosts.deploy(hosts.open("manual__2"), hosts.spec(model=MICRO, **BOUGHT, model_units=2),
                        run_id="manual__2").try_once() == "success"  # fmt: skip
    run = hosts.deploy(hosts.open(), hosts.spec(model=MICRO, **BOUGHT), max_wait=timedelta(seconds=3))
    assert run.try_once() == "failed"
    assert "ServiceQuotaExceededException" in str(run.error)
    assert "max_wait" in str(run.error)
    assert len(hosts.calls("CreateProvisionedModelThroughput")) > 2, "it asked again"
    assert hosts.teardown(run_id="manual__2").try_once() == "success"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "s3://acme/model/"}, "what lies in S3"),
        ({"model": "arn:aws:bedrock:us-east-1:123456789012:custom-model/x/y"}, "needs hosting"),
        ({"model_units": 2}, "are for hosting: provisioned_throughput"),
        ({"commitment": "OneMonth", "confirm_commitment": "OneMonth"}, "are for hosting: provisioned_throughput"),
        ({**BOUGHT, "commitment": "OneMonth"}, "said twice"),
        ({**BOUGHT, "commitment": "OneMonth", "confirm_commitment": "SixMonths"}, "no teardown can end it"),
        ({"prices": {"tokens": 1.0}}, "prices"),
        ({"hosting": "on_demand"}, "hosting"),
        ({"tags": {"aws:x": "y"}}, "tags must not begin"),
        ({"backend": "bedrok"}, "Known are endpoint, bedrock_hosting"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_when_the_dag_is_parsed(hosts, fields, said):
    with pytest.raises(SpecError, match=said):
        hosts.deploy({}, hosts.spec(**fields))
    assert hosts.sandbox.world.calls.records(service="bedrock") == []


def test_a_commitment_that_is_said_twice_is_bought_and_the_teardown_says_when_it_ends(hosts):
    twice = {"commitment": "OneMonth", "confirm_commitment": "OneMonth"}
    run = hosts.deploy(hosts.open(), hosts.spec(model=MICRO, **BOUGHT, **twice))
    assert run.try_once() == "success", run.error
    torn = hosts.teardown()
    assert torn.try_once() == "success", torn.error
    [kept] = torn.result["kept"]
    assert "its commitment ends at" in kept["reason"]
    assert kept["accepted"]
    assert hosts.calls("DeleteProvisionedModelThroughput") == [], "AWS would refuse it for a month"
    assert hosts.throughput_bills()


def test_the_usages_of_a_price_are_those_that_prices_are_asked_for():
    assert set(get_args(Usage)) == set(BEDROCK_USAGES)


def test_a_spec_travels_and_its_digest_is_of_what_is_made():
    spec = BedrockDeploySpec(model="{{ later }}", hosting="provisioned_throughput", prices={"model_unit": 1.0})
    assert spec.raw() == {
        "backend": "bedrock_hosting",
        "model": "{{ later }}",
        "hosting": "provisioned_throughput",
        "prices": {"model_unit": 1.0},
    }
    fields = {"model": MICRO, "hosting": "provisioned_throughput"}
    assert BedrockDeploySpec(**fields, prices={"model_unit": 1.0}).digest() == BedrockDeploySpec(**fields).digest()
    assert BedrockDeploySpec(**fields, model_units=2).digest() != BedrockDeploySpec(**fields).digest()
