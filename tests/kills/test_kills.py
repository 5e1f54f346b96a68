"""A task that is killed with SIGKILL, at any of its calls to AWS, makes nothing twice and leaves nothing billing."""

from __future__ import annotations

import pytest

from tests.kills.cases import CARELESS, CASES, Case
from tests.kills.harness import Outcome

SERVED = {"CreateModel", "CreateEndpointConfig", "CreateEndpoint"}
MAKES = {
    "train": {"CreateTrainingJob"},
    "serve": SERVED,
    "judge": SERVED | {"CreateModelPackageGroup", "CreateModelPackage"},
    "prepare": set(),
}
BILLS = {"CreateTrainingJob", "CreateEndpoint"}
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
    tries, workers = outcome.tasks[case.task_id][1], [place for place in case.kills if place.kill != "triggerer"]
    if case.dag_id.endswith("triggerer_waits"):
        # Airflow itself takes a try when a deferral ends before its scheduler has heard that the part before it ended.
        assert tries >= 1 + len(workers)
    else:
        assert tries == 1 + len(workers), "a kill costs one try"
    assert set(outcome.creates.values()) <= {1}, outcome.creates
    assert outcome.left == []
    assert outcome.billing == []
    made = {operation for operation, _ in outcome.creates}
    assert MAKES[case.dag_id.partition("_")[0]] == made
    assert outcome.billed == (2 if case.dag_id == "judge" else len(made & BILLS)), "it was billed while it lived"
    assert list(outcome.jobs.values()) == ["Completed"] * ("CreateTrainingJob" in made)


def test_a_call_that_aws_hears_after_the_retry_has_made_the_job_is_refused(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["fine-tune-overtaken-by-its-retry"].refused == 1


def test_the_retry_says_that_it_takes_over_what_the_killed_try_has_made(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["fine-tune-after-aws-acted"]
    assert f"Takes over {next(iter(outcome.jobs))}" in outcome.log


def test_what_a_killed_evaluation_has_stored_is_not_asked_again(outcomes: dict[str, Outcome]) -> None:
    assert "Nobody is asked." in outcomes["evaluate-after-the-report-is-stored"].log
    assert "Nobody is asked." not in outcomes["evaluate-while-it-asks"].log, "the control: nothing was stored then"


def test_a_careless_task_pays_twice_under_the_same_kill(outcomes: dict[str, Outcome]) -> None:
    """The negative control: names made at random, no look before the call."""
    outcome = outcomes[CARELESS.id]
    assert outcome.error is None, outcome.error
    assert (outcome.state, list(outcome.creates.values())) == ("success", [1, 1]), "two names, two jobs"
    assert list(outcome.jobs.values()) == ["Completed", "Completed"]


def test_at_least_twelve_tasks_were_killed(outcomes: dict[str, Outcome]) -> None:
    killed = [what for outcome in outcomes.values() for what, _ in outcome.kills]
    assert sum(what != "triggerer" for what in killed) >= 12
    assert killed.count("worker") >= 6
    assert killed.count("triggerer") == 3
