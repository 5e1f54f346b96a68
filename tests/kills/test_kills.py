"""A task that is killed with SIGKILL, at any of its calls to AWS, makes nothing twice and leaves nothing billing."""

from __future__ import annotations

import pytest

from tests.kills.cases import CARELESS, CASES, Case
from tests.kills.harness import Outcome

pytestmark = pytest.mark.long  # starts a whole Airflow


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_kill_makes_nothing_twice_and_leaves_nothing_billing(case: Case, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[case.id]
    assert outcome.error is None, outcome.error
    assert [what for what, _ in outcome.kills] == [place.kill for place in case.kills]
    for place, (_, existed) in zip(case.kills, outcome.kills, strict=True):
        assert place.exists in (None, existed), f"the kill at {place.operation} came at another moment"
    assert outcome.state == "success", outcome.log
    assert {state for state, _ in outcome.tasks.values()} == {"success"}
    workers = [place for place in case.kills if place.kill != "triggerer"]
    assert outcome.tasks[case.task_id] == ("success", 1 + len(workers)), (
        "a kill costs one try, and none in the triggerer"
    )
    assert set(outcome.creates.values()) == {1}, outcome.creates
    assert outcome.left == []
    assert outcome.billing == []
    assert outcome.billed >= 1, "the control: it was billed while it lived"
    assert set(outcome.jobs.values()) <= {"Completed"}
    assert len(outcome.jobs) == outcome.creates.get("CreateTrainingJob", 0)


def test_a_call_that_aws_hears_after_the_retry_has_made_the_job_is_refused(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["fine-tune-overtaken-by-its-retry"].refused == 1


def test_the_retry_says_that_it_takes_over_what_the_killed_try_has_made(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["fine-tune-after-aws-acted"]
    assert f"Takes over {next(iter(outcome.jobs))}" in outcome.log


def test_a_careless_task_pays_twice_under_the_same_kill(outcomes: dict[str, Outcome]) -> None:
    """The negative control: names made at random, no look before the call."""
    outcome = outcomes[CARELESS.id]
    assert outcome.error is None, outcome.error
    assert (outcome.state, outcome.creates) == ("success", {"CreateTrainingJob": 2})


def test_at_least_twelve_tasks_were_killed(outcomes: dict[str, Outcome]) -> None:
    killed = [what for outcome in outcomes.values() for what, _ in outcome.kills]
    assert sum(what != "triggerer" for what in killed) >= 12
    assert killed.count("worker") >= 6
    assert killed.count("triggerer") == 3
