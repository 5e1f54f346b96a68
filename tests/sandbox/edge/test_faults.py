"""Fault rules: what a client sees, what was done, and how often a rule fires."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from airflow_finetune.sandbox.edge.faults import Faults, Rule, rule_from
from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.edge.wire import Wire, message

Aws = Callable[..., Any]


def error_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as failed:
        call()
    return str(failed.value.response["Error"]["Code"])


def eventually(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("the condition did not become true within 30 s")


@pytest.mark.parametrize(
    ("kind", "sagemaker", "s3", "sts"),
    [
        ("throttle", "ThrottlingException", "SlowDown", "Throttling"),
        ("server_error", "InternalFailure", "InternalFailure", "InternalFailure"),
        ("access_denied", "AccessDeniedException", "AccessDenied", "AccessDenied"),
        ("expired_token", "ExpiredTokenException", "ExpiredToken", "ExpiredToken"),
    ],
)
def test_an_error_fault_has_the_code_of_its_service(
    sandbox: Sandbox, aws: Aws, kind: str, sagemaker: str, s3: str, sts: str
) -> None:
    sandbox.world.faults.add(Rule(kind))
    assert error_of(aws("sagemaker").list_training_jobs) == sagemaker
    assert error_of(aws("s3").list_buckets) == s3
    assert error_of(aws("sts").get_caller_identity) == sts


def test_a_throttled_call_is_retried_by_boto3_and_then_done(sandbox: Sandbox, aws: Aws) -> None:
    sandbox.world.faults.add(Rule("throttle", service="sagemaker", operation="List*", first=2))
    client = aws("sagemaker", config=Config(retries={"mode": "standard", "total_max_attempts": 3}))
    assert client.list_training_jobs()["ResponseMetadata"]["RetryAttempts"] == 2


def test_a_lost_answer_is_a_closed_connection_and_the_deed_is_done(sandbox: Sandbox, aws: Aws) -> None:
    aws("s3").create_bucket(Bucket="bucket")
    sandbox.world.faults.add(Rule("lost_answer", service="s3", operation="PutObject", count=1))
    with pytest.raises(ConnectionClosedError):
        aws("s3").put_object(Bucket="bucket", Key="k", Body=b"x" * 100_000)
    assert aws("s3").head_object(Bucket="bucket", Key="k")["ContentLength"] == 100_000


def test_a_reset_is_a_closed_connection_and_nothing_is_done(sandbox: Sandbox, aws: Aws) -> None:
    aws("s3").create_bucket(Bucket="bucket")
    sandbox.world.faults.add(Rule("reset", service="s3", operation="PutObject", count=1))
    with pytest.raises(ConnectionClosedError):
        aws("s3").put_object(Bucket="bucket", Key="k", Body=b"x" * 100_000)
    assert aws("s3").list_objects_v2(Bucket="bucket")["KeyCount"] == 0


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_the_cut_is_a_reset_and_no_orderly_end(sandbox: Sandbox, kind: str) -> None:
    sandbox.world.faults.add(Rule(kind, operation="ListTrainingJobs"))
    with Wire(sandbox.url) as wire:
        wire.send(message())
        with pytest.raises(ConnectionResetError):
            wire.reply()


def test_a_lost_answer_of_our_own_service_is_done_once(sandbox: Sandbox, aws: Aws) -> None:
    quota = next(iter(sandbox.world.quotas.all.values()))
    sandbox.world.faults.add(Rule("lost_answer", operation="RequestServiceQuotaIncrease", count=1))
    client = aws("service-quotas", config=Config(retries={"mode": "standard", "total_max_attempts": 2}))
    asked = {"ServiceCode": "sagemaker", "QuotaCode": quota.code, "DesiredValue": quota.default + 5.0}
    assert error_of(lambda: client.request_service_quota_increase(**asked)) == "ResourceAlreadyExistsException"
    assert len(sandbox.world.quotas.increases("us-east-1")) == 1
    outcomes = [(call.status, call.outcome) for call in sandbox.world.calls.records()]
    assert outcomes == [(0, "lost_answer"), (400, "ResourceAlreadyExistsException")]


def test_a_delay_outlasts_an_impatient_client(sandbox: Sandbox, aws: Aws) -> None:
    sandbox.world.faults.add(Rule("delay", operation="ListTrainingJobs", params={"seconds": 1.0}, count=1))
    client = aws("sagemaker", config=Config(read_timeout=0.2, retries={"total_max_attempts": 1}))
    with pytest.raises(ReadTimeoutError):
        client.list_training_jobs()
    assert client.list_training_jobs()["TrainingJobSummaries"] == []
    eventually(lambda: len(sandbox.world.calls.records()) == 2)  # the delayed call ends too, before the next test


@pytest.mark.parametrize(("kind", "done"), [("delay", False), ("late_answer", True)])
def test_a_call_that_is_held_back_goes_on_when_its_rule_is_removed(
    sandbox: Sandbox, aws: Aws, kind: str, done: bool
) -> None:
    """Before it is done or after: a test can look at this moment, and do harm in it, without a race."""
    s3, looks = aws("s3"), aws("s3")
    rule = sandbox.world.faults.add(Rule(kind, operation="CreateBucket", params={"seconds": 600}))
    call = threading.Thread(target=lambda: s3.create_bucket(Bucket="bucket"))
    call.start()
    eventually(lambda: sandbox.world.faults.rules()[0]["fired"] == 1)
    if done:
        eventually(lambda: bool(looks.list_buckets()["Buckets"]))
    assert bool(looks.list_buckets()["Buckets"]) == done
    assert call.is_alive()
    sandbox.world.faults.remove(rule.id)
    call.join(60)
    assert not call.is_alive()
    assert [bucket["Name"] for bucket in looks.list_buckets()["Buckets"]] == ["bucket"]


def test_a_late_answer_that_is_an_error_is_late_too(sandbox: Sandbox, aws: Aws) -> None:
    sandbox.world.faults.add(Rule("late_answer", params={"seconds": 0.05}))
    assert error_of(lambda: aws("s3").head_object(Bucket="nowhere", Key="k")) == "404"
    assert sandbox.world.faults.rules()[0]["fired"] == 1


def test_a_delay_and_an_error_add_up(sandbox: Sandbox, aws: Aws) -> None:
    sandbox.world.faults.add(Rule("delay", params={"seconds": 0.05}))
    sandbox.world.faults.add(Rule("server_error", params={"status": 503}))
    assert error_of(aws("sagemaker").list_training_jobs) == "ServiceUnavailable"
    assert [rule["fired"] for rule in sandbox.world.faults.rules()] == [1, 1]


def test_a_rule_can_look_at_parameters(sandbox: Sandbox, aws: Aws) -> None:
    sandbox.world.faults.add(Rule("throttle", operation="ListTrainingJobs", match={"NameContains": "bad*"}))
    client = aws("sagemaker")
    assert client.list_training_jobs(NameContains="good")["TrainingJobSummaries"] == []
    assert error_of(lambda: client.list_training_jobs(NameContains="bad-1")) == "ThrottlingException"


def test_a_rule_can_look_at_parameters_of_moto_services(sandbox: Sandbox, aws: Aws) -> None:
    sandbox.world.faults.add(Rule("throttle", service="s3", match={"Bucket": "bad", "Key": "*.json"}))
    sandbox.world.faults.add(Rule("throttle", service="iam", match={"RoleName": "bad"}))
    sandbox.world.faults.add(Rule("throttle", service="logs", match={"logGroupName": "bad"}))
    for bucket in ("good", "bad"):
        aws("s3").create_bucket(Bucket=bucket)
    aws("s3").put_object(Bucket="good", Key="a.json", Body=b"")
    assert error_of(lambda: aws("s3").put_object(Bucket="bad", Key="dir/a.json", Body=b"")) == "SlowDown"
    assert error_of(lambda: aws("iam").get_role(RoleName="bad")) == "Throttling"
    assert error_of(lambda: aws("iam").get_role(RoleName="good")) == "NoSuchEntity"
    assert error_of(lambda: aws("logs").create_log_group(logGroupName="bad")) == "ThrottlingException"
    aws("logs").create_log_group(logGroupName="good")


def test_the_sandbox_itself_is_never_hurt(sandbox: Sandbox) -> None:
    sandbox.world.faults.add(Rule("server_error"))
    assert sandbox.world.clients.client("s3", "us-east-1").list_buckets()["Buckets"] == []
    assert sandbox.world.calls.records() == []


def fired(rule: Rule, calls: int, seed: int = 0) -> list[bool]:
    faults = Faults(seed)
    faults.add(rule)
    return [bool(faults.for_call("sagemaker", "DescribeTrainingJob", {})) for _ in range(calls)]


def test_every_first_and_count_say_how_often() -> None:
    assert fired(Rule("throttle", every=3), 7) == [False, False, True, False, False, True, False]
    assert fired(Rule("throttle", first=2), 4) == [True, True, False, False]
    assert fired(Rule("throttle", every=2, count=1), 6) == [False, True, False, False, False, False]
    assert fired(Rule("throttle"), 3) == [True] * 3


def test_chance_repeats_with_its_seed() -> None:
    rule = Rule("throttle", probability=0.5)
    assert fired(rule, 50, seed=1) == fired(rule, 50, seed=1)
    assert fired(rule, 50, seed=1) != fired(rule, 50, seed=2)
    assert 10 < sum(fired(rule, 50, seed=1)) < 40
    assert not any(fired(Rule("throttle", probability=0.0), 50))


def test_a_job_rule_is_consumed_once_unless_it_says_otherwise() -> None:
    faults = Faults(0)
    faults.add(Rule("capacity", target="orders-*"))
    assert faults.peek("capacity", "orders-1") is not None
    assert faults.take("capacity", "other-1") is None
    assert faults.take("no_spot", "orders-1") is None
    assert faults.take("capacity", "orders-1") is not None
    assert faults.peek("capacity", "orders-1") is None
    assert faults.take("capacity", "orders-1") is None
    faults.add(Rule("capacity", count=2))
    assert [faults.take("capacity", "a") is not None for _ in range(3)] == [True, True, False]


def test_a_job_rule_can_ask_for_facts() -> None:
    faults = Faults(0)
    faults.add(Rule("capacity", match={"instance_type": "ml.p4d.*"}))
    assert faults.take("capacity", "job", instance_type="ml.m5.large") is None
    assert faults.take("capacity", "job", instance_type="ml.p4d.24xlarge") is not None


def test_job_rules_never_fire_on_calls_nor_call_rules_on_jobs() -> None:
    faults = Faults(0)
    faults.add(Rule("capacity"))
    faults.add(Rule("throttle"))
    assert [rule.kind for rule in faults.for_call("sagemaker", "CreateTrainingJob", {})] == ["throttle"]
    assert faults.take("throttle", "job") is not None  # only when somebody asks for that very kind


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"kind": "thunder"}, "kind is 'thunder'"),
        ({}, "kind is None"),
        ({"kind": "throttle", "sevice": "s3"}, "unknown keys"),
        ({"kind": "throttle", "every": 0}, "every is 0"),
        ({"kind": "throttle", "first": "two"}, "first is 'two'"),
        ({"kind": "throttle", "probability": 2}, "probability is 2"),
        ({"kind": "throttle", "match": []}, "match must be an object"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_the_reason(document: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rule_from(document)
