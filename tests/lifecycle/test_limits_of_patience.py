"""How often a life asks again: what AWS cannot answer now, what it does not stop, and what has not ended yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from airflow_finetune.errors import Unavailable
from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.decide import Create, Fail, NextAttempt, Policy, Stop, Wait
from tests.lifecycle.test_stale_lists import CLAIM, STOPPED, LateAws, a_try, refused, until_it_waits

CLEARED = Claim("prod", "orders", "run", "fine_tune", -1, 3)


@dataclass
class BusyAws(LateAws):
    """Throttles: so many calls of each operation."""

    throttled_describes: int = 0
    throttled_stops: int = 0

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:
        if self.throttled_describes > 0:
            self.throttled_describes -= 1
            raise refused("ThrottlingException", "Rate exceeded")
        return super().describe_training_job(TrainingJobName)

    def stop_training_job(self, TrainingJobName: str) -> dict[str, Any]:
        if self.throttled_stops > 0:
            self.throttled_stops -= 1
            raise refused("ThrottlingException", "Rate exceeded")
        return super().stop_training_job(TrainingJobName)


@pytest.fixture
def late_aws() -> LateAws:
    return LateAws()


@pytest.fixture
def busy() -> BusyAws:
    return BusyAws()


def test_ten_looks_in_a_row_may_fail_and_the_eleventh_is_an_error(busy: BusyAws):
    life = a_try(busy)
    until_it_waits(life)
    busy.throttled_describes = 11
    for count in range(1, 11):
        action = life.next_action()
        assert isinstance(action, Wait)
        assert "Rate exceeded" in action.why
        assert life.failures == count
    with pytest.raises(Unavailable, match="Rate exceeded"):
        life.next_action()


def test_a_look_that_succeeds_begins_the_count_anew(busy: BusyAws):
    life = a_try(busy)
    until_it_waits(life)
    for _ in range(3):
        busy.throttled_describes = 10
        for _ in range(10):
            assert life.next_action().why.startswith(CLAIM.name(1))
        assert life.next_action().why == "It runs."
        assert life.failures == 0


def test_ten_stops_may_fail_and_the_eleventh_is_an_error(busy: BusyAws):
    life = a_try(busy)
    until_it_waits(life)
    busy.throttled_stops = 11
    stop = Stop(CLAIM.name(1), "max_wait", "It is over.")
    assert [life.act(stop) for _ in range(10)] == [False] * 10
    with pytest.raises(Unavailable, match="Rate exceeded"):
        life.act(stop)
    assert life.act(stop) is True, "it could be stopped after all"
    assert busy.jobs[CLAIM.name(1)]["TrainingJobStatus"] == "Stopped"


def test_a_job_that_is_stopping_is_looked_at_until_it_has_stopped(late_aws: LateAws):
    life = a_try(late_aws)
    until_it_waits(life)
    late_aws.ends(CLAIM.name(1), {"TrainingJobStatus": "Stopping", "SecondaryStatus": "Stopping"})
    for _ in range(3):
        assert life.next_action().why == "It is being stopped."
    late_aws.ends(CLAIM.name(1), STOPPED, "kill")
    assert isinstance(life.next_action(), NextAttempt)


def test_a_job_that_has_ended_is_not_looked_at_again(late_aws: LateAws):
    life = a_try(late_aws)
    until_it_waits(life)
    late_aws.ends(CLAIM.name(1), STOPPED)
    fail = life.next_action()
    assert isinstance(fail, Fail)
    late_aws.undescribed = 1000
    assert life.next_action() == fail, "its last description is kept"


def test_a_left_over_job_is_stopped_once_and_then_a_new_one_is_made(late_aws: LateAws):
    until_it_waits(a_try(late_aws))
    life = a_try(late_aws, Policy(digest="new"), CLEARED)
    stop = life.next_action()
    assert stop == Stop(CLAIM.name(1), "superseded", stop.why)
    life.act(stop)
    assert isinstance(life.next_action(), Create)
    until_it_waits(life)
    assert late_aws.jobs[CLAIM.name(1)]["TrainingJobStatus"] == "Stopped"
    assert late_aws.creates == [CLAIM.name(1), CLEARED.name(1)]


def test_a_left_over_job_is_left_running_where_nothing_is_stopped_and_never_waited_for(late_aws: LateAws):
    until_it_waits(a_try(late_aws))
    life = a_try(late_aws, Policy(digest="new", stops_superseded=False), CLEARED)
    wait = until_it_waits(life)
    assert wait.name == life.held == CLEARED.name(1)
    assert late_aws.jobs[CLAIM.name(1)]["TrainingJobStatus"] == "InProgress"
    assert late_aws.creates == [CLAIM.name(1), CLEARED.name(1)]
    assert life.attempts() == 1
    late_aws.ends(CLAIM.name(1), STOPPED)
    assert life.next_action().name == CLEARED.name(1), "its end changes nothing"
