"""AWS's list is late: what was just made may be missing. No decision may cost a second job because of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.client import ResourceClient
from airflow_finetune.lifecycle.decide import Create, Done, Fail, Policy, Wait
from airflow_finetune.lifecycle.life import Life
from airflow_finetune.resources import TRAINING_JOB

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = Claim("prod", "orders", "run", "fine_tune", -1, 1)
POLICY = Policy(digest="same", rungs=2, max_wait=timedelta(hours=8))
CAPACITY = {"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed", "FailureReason": "CapacityError: none left"}
PROGRAM = {"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed", "FailureReason": "AlgorithmError: it is wrong"}
STOPPED = {"TrainingJobStatus": "Stopped", "SecondaryStatus": "Stopped"}
DONE = {"TrainingJobStatus": "Completed", "SecondaryStatus": "Completed"}


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "TheOperation")


@dataclass
class LateAws:
    """SageMaker's calls in memory; ``hidden`` are jobs that the list does not show yet."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    undescribed: int = 0
    creates: list[str] = field(default_factory=list)
    meta = SimpleNamespace(region_name="us-east-1")

    def create_training_job(self, TrainingJobName: str, Tags: list[dict[str, str]], **_: Any) -> dict[str, Any]:
        if TrainingJobName in self.jobs:
            raise refused("ResourceInUse", "Training job names must be unique within an AWS account and region")
        self.creates.append(TrainingJobName)
        self.jobs[TrainingJobName] = {
            "TrainingJobName": TrainingJobName,
            "TrainingJobArn": f"arn:{TrainingJobName}",
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "CreationTime": START,
            "Tags": Tags,
        }
        return {"TrainingJobArn": f"arn:{TrainingJobName}"}

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:
        self.undescribed -= 1
        if TrainingJobName not in self.jobs or self.undescribed >= 0:
            raise refused("ValidationException", "Requested resource not found.")
        return {key: value for key, value in self.jobs[TrainingJobName].items() if key != "Tags"}

    def list_training_jobs(self, NameContains: str) -> dict[str, Any]:
        names = [name for name in self.jobs if NameContains in name and name not in self.hidden]
        return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in names]}

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:
        return {"Tags": self.jobs[ResourceArn.removeprefix("arn:")]["Tags"]}

    def add_tags(self, ResourceArn: str, Tags: list[dict[str, str]]) -> dict[str, Any]:
        self.jobs[ResourceArn.removeprefix("arn:")]["Tags"] += Tags
        return {}

    def stop_training_job(self, TrainingJobName: str) -> dict[str, Any]:
        self.jobs[TrainingJobName] |= STOPPED
        return {}

    def ends(self, name: str, end: dict[str, Any], mark: str | None = None) -> None:
        self.jobs[name] |= end
        if mark:
            self.jobs[name]["Tags"].append({"Key": "airflow-finetune:stopped-by", "Value": mark})


@pytest.fixture
def late_aws() -> LateAws:
    return LateAws()


def a_try(late_aws: LateAws, policy: Policy = POLICY, claim: Claim = CLAIM) -> Life:
    client = ResourceClient(TRAINING_JOB, lambda _: late_aws)
    return Life(client, claim, policy, lambda _: {}, lambda _: None, now=lambda: START)


def until_it_waits(life: Life) -> Any:
    """Do what is decided until there is something to wait for, or the end."""
    for _ in range(20):
        action = life.next_action()
        if isinstance(action, Wait | Done | Fail):
            return action
        life.act(action)
    raise AssertionError(f"no end: {action}")


def jobs_before(late_aws: LateAws, *ends: tuple[dict[str, Any], str | None]) -> list[str]:
    """Make jobs as earlier tries of this task did, each with its end, and hide the newest."""
    for end, mark in ends:
        life = a_try(late_aws)
        until_it_waits(life)
        assert life.held is not None
        late_aws.ends(life.held, end, mark)
    names = list(late_aws.creates)
    late_aws.hidden = {names[-1]}
    return names


def test_the_list_of_this_aws_is_late(late_aws: LateAws):
    (name,) = jobs_before(late_aws, ({}, None))
    assert a_try(late_aws).look().jobs == [], "the negative control"
    late_aws.hidden.clear()
    assert [job.name for job in a_try(late_aws).look().jobs] == [name]


@pytest.mark.parametrize(
    ("end", "mark", "answer", "made"),
    [
        ({}, None, Wait, 1),
        (DONE, None, Done, 1),
        (PROGRAM, None, Fail, 1),
        (STOPPED, None, Fail, 1),
        (STOPPED, "max_wait", Fail, 1),
        (STOPPED, "kill", Wait, 2),
        (CAPACITY, None, Wait, 2),
    ],
)
def test_a_first_job_that_the_list_does_not_show_is_described_by_its_name(
    late_aws: LateAws, end: dict[str, Any], mark: str | None, answer: type, made: int
):
    jobs_before(late_aws, (end, mark))
    assert type(until_it_waits(a_try(late_aws))) is answer
    assert late_aws.creates == [CLAIM.name(attempt) for attempt in range(1, made + 1)]


@pytest.mark.parametrize(("end", "answer"), [({}, Wait), (DONE, Done), (PROGRAM, Fail)])
@pytest.mark.parametrize("first", [(CAPACITY, None), (STOPPED, "kill")], ids=["after fallback", "after a kill"])
def test_a_second_job_that_the_list_does_not_show_is_not_bought_again(
    late_aws: LateAws, first: tuple[dict[str, Any], str | None], end: dict[str, Any], answer: type
):
    jobs_before(late_aws, first, (end, None))
    life = a_try(late_aws)
    assert type(until_it_waits(life)) is answer
    assert life.held == CLAIM.name(2)
    assert late_aws.creates == [CLAIM.name(1), CLAIM.name(2)]


def test_a_second_market_that_has_failed_unseen_is_not_tried_a_fourth_time(late_aws: LateAws):
    names = jobs_before(late_aws, *[(CAPACITY, None)] * 4)
    assert isinstance(until_it_waits(a_try(late_aws)), Fail), "one on Spot, three on demand"
    assert late_aws.creates == names


def test_a_spec_that_has_changed_meets_the_job_that_the_list_does_not_show(late_aws: LateAws):
    jobs_before(late_aws, ({}, None))
    fail = until_it_waits(a_try(late_aws, Policy(digest="other")))
    assert isinstance(fail, Fail)
    assert "spec same" in fail.said
    assert "spec other" in fail.said
    assert len(late_aws.creates) == 1


def test_a_name_that_somebody_else_has_taken_is_not_waited_for(late_aws: LateAws):
    late_aws.create_training_job(CLAIM.name(1), [])
    late_aws.hidden = {CLAIM.name(1)}
    fail = until_it_waits(a_try(late_aws))
    assert isinstance(fail, Fail)
    assert fail.kind == "lost"


def test_a_job_that_is_not_described_yet_is_waited_for_and_not_made_again(late_aws: LateAws):
    life = a_try(late_aws)
    action = life.next_action()
    assert isinstance(action, Create)
    life.act(action)
    late_aws.undescribed = 3
    for _ in range(3):
        assert isinstance(life.next_action(), Wait)
        assert life.failures
    assert isinstance(life.next_action(), Wait)
    assert not life.failures
    assert late_aws.creates == [CLAIM.name(1)]


def test_a_cleared_task_that_has_taken_a_job_over_stops_it_at_its_deadline_and_makes_no_other(late_aws: LateAws):
    until_it_waits(a_try(late_aws))
    cleared = Claim("prod", "orders", "run", "fine_tune", -1, 3)
    life = a_try(late_aws, Policy(digest="same", max_wait=timedelta(0)), cleared)
    assert isinstance(until_it_waits(life), Fail)
    assert late_aws.creates == [CLAIM.name(1)]
    assert late_aws.jobs[CLAIM.name(1)]["TrainingJobStatus"] == "Stopped"
    assert {"Key": "airflow-finetune:stopped-by", "Value": "max_wait"} in late_aws.jobs[CLAIM.name(1)]["Tags"]


def test_a_job_is_counted_where_it_was_made_and_strangers_are_not_looked_at(late_aws: LateAws):
    until_it_waits(a_try(late_aws))
    late_aws.create_training_job(f"{CLAIM.key}-of-somebody", [])
    life = a_try(late_aws, claim=Claim("prod", "orders", "run", "fine_tune", -1, 3))
    until_it_waits(life)
    assert [each.name for each in life.look().jobs] == [CLAIM.name(1)]
    assert life.attempts() == 0


def test_a_lease_ends_after_the_longest_wait(late_aws: LateAws):
    assert (a_try(late_aws).owner(0).expires_at or START) > START + timedelta(hours=8)
