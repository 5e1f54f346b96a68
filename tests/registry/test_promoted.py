"""Only what is approved is deployed to stay; it takes over without a pause, and ends when somebody says so."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from airflow_finetune.errors import SpecError
from airflow_finetune.registry.promoted.spec import has_its_form, owner_of, stem_of
from airflow_finetune.values import PromotedEndpoint
from tests.execution_api import TaskRun, in_dag, trigger_of
from tests.registry.conftest import ROLE, RUN, Registry
from tests.sandbox.hosting.account import IMAGE, until
from tests.sandbox.hosting.test_requests import ARN

PREFIX = "airflow-finetune:"
TWO = "s3://acme/models/two/model.tar.gz"


def test_an_approved_version_answers_at_an_endpoint_that_stays(registry: Registry, deferrable: bool) -> None:
    version = registry.approved()
    run = registry.deploy(version, deferrable=deferrable)
    assert run.try_once() == "success", run.error
    made = PromotedEndpoint.load(run.result)
    assert registry.ask() == "one"
    assert made.model_package_arn == version["model_package_arn"]
    assert (made.endpoint_name, made.model.uri) == ("orders-live", version["model_uri"])
    assert made.hourly_usd is not None
    assert bool(run.deferrals) is deferrable
    tags = registry.tags(made.endpoint_arn)
    assert (tags[f"{PREFIX}lifecycle"], tags[f"{PREFIX}expires-at"]) == ("promoted", "never")
    assert (tags[f"{PREFIX}model-package"], tags[f"{PREFIX}spec"]) == (version["model_package_arn"], made.digest)
    assert registry.left() == {
        "endpoint": ["orders-live"],
        "endpoint_config": [made.config_name],
        "model": [made.config_name],
    }


def test_the_whole_way_from_a_tuned_model_to_an_endpoint(registry: Registry) -> None:
    version = registry.registered()
    waits = registry.deploy(version)
    assert waits.try_once() == "failed"
    assert "PendingManualApproval" in str(waits.error)
    promoted = registry.promote(version, registry.answered(version))
    assert promoted.try_once() == "success", promoted.error
    registry.deployed(promoted.result)
    assert registry.ask() == "one"


@pytest.mark.parametrize("status", ["PendingManualApproval", "Rejected"])
def test_what_nobody_has_approved_is_refused_before_anything_is_made(registry: Registry, status: str) -> None:
    version = registry.approved(status=status)
    run = registry.deploy(version)
    assert run.try_once() == "failed"
    assert version["model_package_arn"] in str(run.error)
    assert f"its approval status is {status}" in str(run.error)
    assert "Only an Approved version is deployed" in str(run.error)
    assert registry.left() == {}
    assert registry.calls("CreateModel") == registry.calls("CreateEndpoint") == []


def test_a_version_whose_approval_was_taken_back_is_refused(registry: Registry) -> None:
    version = registry.approved()
    registry.sagemaker.update_model_package(
        ModelPackageArn=version["model_package_arn"], ModelApprovalStatus="Rejected", ApprovalDescription="by Grace"
    )
    run = registry.deploy(version)
    assert run.try_once() == "failed"
    assert "Rejected: by Grace" in str(run.error)


def test_deploying_twice_makes_one_of_each(registry: Registry) -> None:
    version = registry.approved()
    assert registry.deployed(version) == registry.deployed(version, run_id="manual__another")
    assert len(registry.calls("CreateEndpoint")) == len(registry.calls("CreateModel")) == 1
    assert registry.calls("UpdateEndpoint") == []


@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"])
def test_a_lost_answer_makes_one_of_each(registry: Registry, operation: str) -> None:
    version = registry.approved()
    registry.fault("lost_answer", operation=operation, count=1)
    registry.deployed(version)
    assert [len(names) for names in registry.left().values()] == [1, 1, 1]


def test_a_new_version_takes_over_while_the_endpoint_keeps_answering(registry: Registry, deferrable: bool) -> None:
    first = registry.deployed(registry.approved())
    second = registry.approved(TWO)
    answers, ended = [registry.ask()], threading.Event()

    def keep_asking() -> None:
        while not ended.is_set():
            answers.append(registry.ask())

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        run = registry.deploy(second, deferrable=deferrable)
        assert run.try_once() == "success", run.error
        until(lambda: answers[-1] == "two")
    finally:
        ended.set()
        asking.join()
    assert set(answers) == {"one", "two"}
    assert answers.index("two") == answers.count("one"), "never back"
    assert registry.left() == {
        "endpoint": ["orders-live"],
        "endpoint_config": [run.result["config_name"]],
        "model": [run.result["config_name"]],
    }, "what served before is deleted"
    assert run.result["config_name"] != first["config_name"]
    assert registry.tags(first["endpoint_arn"])[f"{PREFIX}model-package"] == second["model_package_arn"]
    assert len(registry.calls("CreateEndpoint")) == len(registry.calls("UpdateEndpoint")) == 1


@pytest.mark.long
def test_going_back_is_deploying_the_older_version(registry: Registry) -> None:
    first = registry.approved()
    registry.deployed(first)
    registry.deployed(registry.approved(TWO))
    assert registry.ask() == "two"
    registry.deployed(first, run_id="manual__back")
    assert registry.ask() == "one"


@pytest.mark.long
def test_a_lost_answer_to_the_update_is_found_out(registry: Registry) -> None:
    registry.deployed(registry.approved())
    second = registry.approved(TWO)
    registry.fault("lost_answer", operation="UpdateEndpoint", count=1)
    registry.deployed(second)
    assert registry.ask() == "two"


def test_a_version_that_never_gets_healthy_leaves_the_old_one_serving(registry: Registry, deferrable: bool) -> None:
    first = registry.deployed(registry.approved())
    second = registry.approved(TWO)
    registry.fault("endpoint_never_answers", target="*")
    run = registry.deploy(second, deferrable=deferrable)
    assert run.try_once() == "failed"
    assert f"AWS went back to {first['config_name']}" in str(run.error)
    assert "health check" in str(run.error)
    assert registry.ask() == "one"
    assert len(registry.calls("UpdateEndpoint")) == 1, "one try asks once"
    registry.sandbox.world.faults.clear()
    assert run.try_once() == "success", run.error
    assert registry.ask() == "two"


def test_a_first_deployment_that_never_gets_healthy_says_how_to_get_rid_of_it(registry: Registry) -> None:
    registry.fault("endpoint_never_answers", target="*")
    run = registry.deploy(registry.approved())
    assert run.try_once() == "failed"
    assert "UndeployOperator" in str(run.error)
    assert registry.undeploy().try_once() == "success"
    assert (registry.left(), registry.billing()) == ({}, [])


def test_a_task_that_died_while_aws_was_at_work_is_followed_by_one_that_finds_all(registry: Registry) -> None:
    version = registry.approved()
    dead = registry.deploy(version, deferrable=True)
    dead.try_number = 1
    assert dead.run_part(None) == "deferred"
    asyncio.run(trigger_of(dead.deferrals[-1]).on_kill())
    assert registry.calls("DeleteEndpoint") == [], "a kill takes nothing down"
    registry.deployed(version)
    assert len(registry.calls("CreateEndpoint")) == 1


@pytest.mark.parametrize("lifecycle", ["ephemeral", None])
def test_an_endpoint_that_is_not_ours_to_replace_is_left_alone(registry: Registry, lifecycle: str | None) -> None:
    version = registry.approved()
    made = registry.deployed(version)
    key = f"{PREFIX}lifecycle"
    if lifecycle is None:
        registry.sagemaker.delete_tags(ResourceArn=made["endpoint_arn"], TagKeys=[key, f"{PREFIX}owner"])
    else:
        registry.sagemaker.add_tags(ResourceArn=made["endpoint_arn"], Tags=[{"Key": key, "Value": lifecycle}])
    before = registry.left()
    for run in (registry.deploy(registry.approved(TWO)), registry.undeploy()):
        assert run.try_once() == "failed"
        assert "is no promoted endpoint of this Airflow" in str(run.error)
    assert registry.left() == before, "and nothing was made beside it"
    assert registry.ask() == "one"


def test_another_airflow_cannot_take_over_or_end_it(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    version = registry.approved()
    registry.deployed(version)
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT", "staging")
    for run in (registry.deploy(version), registry.undeploy()):
        assert run.try_once() == "failed"
        assert "is no promoted endpoint of this Airflow" in str(run.error)
    assert registry.ask() == "one"


def test_cleanup_and_teardown_never_touch_what_is_promoted(registry: Registry) -> None:
    from airflow_finetune import CleanupExpiredOperator, TeardownOperator
    from airflow_finetune.serving.scope import ScopeClaim

    name = ScopeClaim("default", "orders", RUN, "served").name("candidate")  # the worst name it could have
    registry.deployed(registry.approved(), endpoint_name=name)
    before = registry.left()
    cleanup = TaskRun(in_dag(lambda: CleanupExpiredOperator(task_id="cleanup_expired", poll_seconds=0.2)))
    assert cleanup.try_once() == "success", cleanup.error
    assert [row["name"] for row in cleanup.result["kept"]] == [name]
    teardown = TaskRun(in_dag(lambda: TeardownOperator(task_id="teardown", poll_seconds=0.2)), run_id=RUN)
    assert teardown.try_once() == "failed", "a scope's own name that cannot be deleted is told"
    assert "its owner is" in str(teardown.error)
    assert registry.left() == before
    assert registry.ask(name) == "one"


def test_undeploying_ends_the_bill_and_is_fine_twice(registry: Registry, deferrable: bool) -> None:
    made = registry.deployed(registry.approved())
    registry.deployed(made["model_package_arn"], endpoint_name="orders-live-2")
    run = registry.undeploy(deferrable=deferrable)
    assert run.try_once() == "success", run.error
    deleted = {(row["kind"], row["name"]) for row in run.result["deleted"]}
    assert deleted == {
        ("endpoint", "orders-live"),
        ("endpoint configuration", made["config_name"]),
        ("model", made["config_name"]),
    }
    assert registry.left()["endpoint"] == ["orders-live-2"], "the neighbour stays"
    assert len(registry.versions()) == 1, "the registry keeps the version"
    again = registry.undeploy()
    assert again.try_once() == "success"
    assert [row["name"] for row in again.result["already_gone"]] == ["orders-live"]
    assert registry.undeploy("orders-live-2").try_once() == "success"
    assert (registry.left(), registry.billing()) == ({}, [])


def test_what_a_deployment_left_unfinished_is_undeployed_too(registry: Registry) -> None:
    version = registry.approved()
    registry.fault("access_denied", operation="CreateEndpoint")
    assert registry.deploy(version).try_once() == "failed"
    assert set(registry.left()) == {"endpoint_config", "model"}
    assert registry.undeploy().try_once() == "success"
    assert registry.left() == {}


@pytest.mark.long
def test_a_quota_that_is_used_up_is_waited_for_until_max_wait(registry: Registry) -> None:
    registry.sandbox.world.quotas.set("us-east-1", "endpoint", "ml.m5.large", 1)
    registry.deployed(registry.approved())
    second = registry.approved(TWO)
    run = registry.deploy(second, max_wait=timedelta(seconds=8))
    assert run.try_once() == "failed"
    assert "ResourceLimitExceeded" in str(run.error)
    assert "max_wait" in str(run.error)
    assert registry.ask() == "one"
    assert len(registry.calls("UpdateEndpoint")) > 1


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"endpoint_name": "a_b"}, "endpoint_name"),
        ({"role_arn": "hosting"}, "role_arn"),
        ({"instance_type": "m5.large"}, "instance_type"),
        ({"instance_count": 0}, "instance_count"),
        ({"tags": {"airflow-finetune:owner": "me"}}, "tags"),
        ({"subnets": ["subnet-1"]}, "security_group_ids"),
    ],
    ids=str,
)
def test_what_cannot_work_is_said_when_the_dag_is_parsed(
    registry: Registry, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(SpecError, match=word):
        registry.deploy(f"{ARN}:model-package/orders/1", **changes)


def test_a_version_without_a_number_is_no_version(registry: Registry) -> None:
    with pytest.raises(SpecError, match="model_package_arn"):
        registry.deploy(f"{ARN}:model-package/orders")


def test_values_may_be_jinja_and_are_cast(registry: Registry) -> None:
    registry.deployed(
        "{{ '%s' }}" % registry.approved()["model_package_arn"],  # noqa: UP031 - braces on both sides
        instance_count="{{ 2 }}",
        role_arn="{{ '%s' }}" % ROLE,  # noqa: UP031 - braces on both sides
    )
    config = registry.sandbox.world.store.list("endpoint_config", "us-east-1")[0]
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 2


def test_the_owner_of_an_endpoint_is_frozen() -> None:
    """Another formula would make every promoted endpoint somebody else's."""
    assert owner_of("default", "orders-live").key == "14a9884a398ceda8"
    assert owner_of("staging", "orders-live").key != owner_of("default", "orders-live").key


def test_long_names_stay_apart() -> None:
    one, other = "a" * 62 + "1", "a" * 62 + "2"
    assert stem_of(one) == stem_of(other)
    assert len(stem_of(one) + "-v999999999-" + "f" * 12) == 63
    assert has_its_form(f"{stem_of(one)}-v1-{'f' * 12}", one)
    assert not has_its_form(f"{stem_of(one)}-v1-{'f' * 12}-more", one)
    assert not has_its_form("orders-live-2-v1-" + "f" * 12, "orders-live")


def test_models_made_by_others_under_such_a_name_are_kept(registry: Registry) -> None:
    name = "orders-live-v7-" + "f" * 12
    registry.sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE)
    registry.deployed(registry.approved())
    assert registry.undeploy().try_once() == "success"
    assert registry.left() == {"model": [name]}
