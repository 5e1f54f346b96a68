"""The heart, without AWS: every case by hand, every combination, and whole lives against a simulated AWS."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.decide import (
    Action,
    Adopt,
    Create,
    Done,
    Fail,
    Fallback,
    NextAttempt,
    Policy,
    Seen,
    Sighting,
    Stop,
    Wait,
    decide,
)
from airflow_finetune.lifecycle.failures import FailureClass, Refusal

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLAIM = Claim("default", "orders", "run", "fine_tune", -1, 2)
POLICY = Policy(digest="same", rungs=2, max_wait=8 * HOUR)


def job(phase: str = "running", generation: int = 2, attempt: int = 1, **changes: object) -> Sighting:
    name = replace(CLAIM, generation=generation).name(attempt)
    fields = {"digest": "same", "mine": True, "created_at": NOW - HOUR, **changes}
    return Sighting(name, generation, attempt, phase, **fields)


def ask(
    *jobs: Sighting, held: str | None = None, policy: Policy = POLICY, now: datetime = NOW, **seen: object
) -> Action:
    return decide(CLAIM, Seen(list(jobs), held, NOW - HOUR, **seen), policy, now)


def failed(failure: FailureClass, **changes: object) -> Sighting:
    return job("failed", failure=failure, said=f"Failed: {failure}", **changes)


def test_nothing_there_creates_the_first_job():
    assert ask() == Create(CLAIM.name(1), 0, "No job of this task is there to take over.")


@pytest.mark.parametrize("phase", ["running", "done"])
def test_a_retry_takes_over_the_job_that_it_finds(phase: str):
    assert isinstance(ask(job(phase)), Adopt)


def test_a_held_job_is_waited_for_until_the_deadline_then_stopped():
    one = job()
    assert ask(one, held=one.name) == Wait(one.name, NOW + 7 * HOUR, "It runs.")
    late = ask(one, held=one.name, now=NOW + 7 * HOUR)
    assert isinstance(late, Stop)
    assert late.mark == "max_wait"


def test_a_retry_does_not_begin_to_count_anew():
    old = job(created_at=NOW - 9 * HOUR)
    assert isinstance(ask(old, held=old.name), Stop)
    assert isinstance(ask(replace(old, phase="failed", failure=FailureClass.CAPACITY)), Fail)


def test_where_jobs_are_counted_none_follows_the_last_one():
    counted = replace(POLICY, most_jobs=2)
    old, last = failed(FailureClass.INTERNAL), failed(FailureClass.INTERNAL, attempt=2)
    assert isinstance(ask(old, policy=counted), NextAttempt)
    assert isinstance(ask(old, last), NextAttempt), "the control"
    over = ask(old, last, policy=counted)
    assert isinstance(over, Fail)
    assert "Failed: internal No job follows: 2 have been made, and the plan has counted 2." in over.said
    assert "most_jobs" in over.next_step
    killed = job("stopped", attempt=2, stopped_by="kill", failure=FailureClass.STOPPED)
    assert isinstance(ask(old, killed, policy=counted), Fail)
    refused = failed(FailureClass.INPUT, attempt=2)
    assert ask(old, refused, policy=counted) == ask(old, refused), "what would not be repeated is said as ever"
    assert isinstance(ask(old, job("done", attempt=2), policy=counted), Adopt)


def test_a_job_that_was_done_after_the_deadline_is_taken_all_the_same():
    old = job("done", created_at=NOW - 9 * HOUR)
    assert ask(old, held=old.name) == Done(old.name)


def test_a_stopping_job_is_waited_for_and_not_for_ever():
    one = job("stopping", stopped_by="max_wait")
    assert isinstance(ask(one, held=one.name, now=NOW + 7 * HOUR), Wait)
    assert isinstance(ask(one, held=one.name, now=NOW + 8 * HOUR), Fail)


def test_a_retry_that_renders_differently_buys_no_second_job_and_shows_both_digests():
    for phase in ("running", "done", "failed", "stopped"):
        answer = ask(job(phase, digest="other", failure=FailureClass.CAPACITY))
        assert isinstance(answer, Fail)
        assert "other" in answer.said
        assert "same" in answer.said


def test_a_job_of_somebody_else_under_our_name_is_not_touched():
    answer = ask(job(mine=False))
    assert isinstance(answer, Fail)
    assert answer.kind == "lost"


@pytest.mark.parametrize("failure", [FailureClass.CAPACITY, FailureClass.WAIT_EXCEEDED])
def test_no_capacity_falls_back_to_the_next_market(failure: FailureClass):
    answer = ask(failed(failure))
    assert isinstance(answer, Fallback)
    assert (answer.name, answer.rung) == (CLAIM.name(2), 1)


def test_no_capacity_without_fallback_is_tried_three_times():
    policy = replace(POLICY, rungs=1)
    jobs = [failed(FailureClass.CAPACITY, attempt=attempt) for attempt in (1, 2, 3)]
    assert isinstance(ask(*jobs[:2], policy=policy), NextAttempt)
    assert isinstance(ask(*jobs, policy=policy), Fail)


def test_a_fault_of_aws_is_tried_again_on_the_same_market():
    answer = ask(failed(FailureClass.INTERNAL))
    assert isinstance(answer, NextAttempt)
    assert answer.rung == 0


@pytest.mark.parametrize(
    "failure",
    [FailureClass.PROGRAM, FailureClass.INPUT, FailureClass.RUNTIME_EXCEEDED, FailureClass.UNKNOWN],
)
def test_what_a_new_job_cannot_help_makes_no_new_job(failure: FailureClass):
    answer = ask(failed(failure))
    assert isinstance(answer, Fail)
    assert answer.said == f"Failed: {failure}"


def test_a_job_that_somebody_else_has_stopped_is_not_started_again():
    assert isinstance(ask(job("stopped", failure=FailureClass.STOPPED)), Fail)


def test_a_retry_after_a_kill_goes_on_with_a_new_attempt():
    killed = job("stopped", failure=FailureClass.STOPPED, stopped_by="kill", rung=1)
    answer = ask(killed)
    assert isinstance(answer, NextAttempt)
    assert answer.rung == 1


def test_a_try_whose_job_is_stopped_by_the_kill_of_the_try_before_goes_on_too():
    """Airflow may start a cleared task before the triggerer has stopped the job of the try that was cleared."""
    killed = job("stopped", failure=FailureClass.STOPPED, stopped_by="kill")
    assert isinstance(ask(killed, held=killed.name), NextAttempt)
    taken_over = replace(killed, generation=0, name=replace(CLAIM, generation=0).name(3), attempt=3)
    answer = ask(taken_over, held=taken_over.name)
    assert isinstance(answer, NextAttempt)
    assert answer.name == CLAIM.name(1), "the first one of its own generation"


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ({"failure": FailureClass.PROGRAM}, Fail),
        ({"failure": FailureClass.STOPPED}, Fail),
        ({"failure": FailureClass.STOPPED, "stopped_by": "max_wait"}, Fail),
        ({"failure": FailureClass.CAPACITY}, Fallback),
        ({"failure": FailureClass.INTERNAL}, NextAttempt),
    ],
)
def test_a_job_that_a_cleared_task_has_taken_over_ends_like_its_own(end: dict[str, object], kind: type[Action]):
    old = job("failed", generation=0, attempt=2, **end)
    answer = ask(old, held=old.name)
    assert type(answer) is kind
    if isinstance(answer, Create):
        assert answer.name == CLAIM.name(1)


def test_a_job_that_a_cleared_task_has_taken_over_is_waited_for_while_it_stops():
    old = job("stopping", generation=0, stopped_by="max_wait")
    assert isinstance(ask(old, held=old.name), Wait)
    running = job(generation=0)
    assert isinstance(ask(running, held=running.name, now=NOW + 7 * HOUR), Stop)


def test_a_cleared_task_takes_over_the_finished_job_of_an_equal_spec():
    assert isinstance(ask(job("done", generation=0)), Adopt)
    assert isinstance(ask(job("done", generation=0), policy=replace(POLICY, on_clear="retrain")), Create)


def test_a_job_whose_model_was_deleted_is_not_taken_over():
    emptied, older = job("done", generation=1, is_empty=True), job("done", generation=0)
    assert isinstance(ask(emptied), Create), "a cleared task trains again"
    assert ask(emptied, older) == ask(older), "an older model is still there"
    own = ask(job("done", is_empty=True))
    assert isinstance(own, Fail)
    assert own.kind == "lost"
    assert "somebody has deleted that since" in own.said


def test_a_cleared_task_trains_anew_when_its_spec_has_changed_or_its_job_has_failed():
    assert isinstance(ask(job("done", generation=0, digest="other")), Create)
    assert isinstance(ask(failed(FailureClass.PROGRAM, generation=0)), Create)


def test_a_cleared_task_stops_what_nobody_waits_for_any_more():
    answer = ask(job(generation=0, digest="other"))
    assert isinstance(answer, Stop)
    assert answer.mark == "superseded"
    assert isinstance(ask(job(generation=0, digest="other"), policy=replace(POLICY, stops_superseded=False)), Create)
    assert isinstance(ask(job("stopping", generation=0, digest="other")), Create), "it need not have ended"
    fewer_retries = ask(job(generation=7, digest="other"))  # edited between two clears, max_tries went down
    assert isinstance(fewer_retries, Stop)
    assert isinstance(ask(job(generation=0, digest="other", mine=False)), Create), "nobody's but ours"


def test_only_jobs_of_this_task_are_taken_over_and_the_newest_first():
    assert isinstance(ask(job("done", generation=0, mine=False)), Create)
    adopt = ask(job("done", generation=0), job("done", generation=1))
    assert isinstance(adopt, Adopt)
    assert adopt.name == replace(CLAIM, generation=1).name(1)


def test_the_clock_starts_with_the_first_job_of_the_generation():
    first = failed(FailureClass.INTERNAL, created_at=NOW - 8 * HOUR)
    second = job(attempt=2, created_at=NOW)
    assert isinstance(ask(first, second, held=second.name), Stop)


def test_a_job_that_max_wait_has_stopped_is_not_made_again_by_a_retry():
    stopped = job("stopped", failure=FailureClass.CAPACITY, stopped_by="max_wait")
    assert isinstance(ask(stopped), Fail)


def test_killed_jobs_do_not_count_as_failures_of_aws():
    killed = [job("stopped", attempt=n, failure=FailureClass.STOPPED, stopped_by="kill") for n in (1, 2, 3)]
    assert isinstance(ask(*killed, failed(FailureClass.INTERNAL, attempt=4)), NextAttempt)


def test_a_create_call_that_finds_no_capacity_falls_back():
    assert isinstance(ask(refusal=Refusal(FailureClass.CAPACITY, "InsufficientCapacity", "none")), Fallback)


def test_a_job_that_was_deleted_under_our_eyes_is_not_bought_again():
    answer = ask(held=CLAIM.name(1))
    assert isinstance(answer, Fail)
    assert answer.kind == "lost"


@pytest.mark.parametrize("meaning", [FailureClass.THROTTLED, FailureClass.QUOTA])
def test_a_refusal_that_passes_is_waited_for_until_the_deadline(meaning: FailureClass):
    refusal = Refusal(meaning, "Code", "words")
    assert ask(refusal=refusal) == Wait(None, NOW + 7 * HOUR, "AWS answered Code: words")
    assert isinstance(ask(refusal=refusal, now=NOW + 7 * HOUR), Fail)


def test_a_quota_of_zero_falls_back_and_then_fails():
    refusal = Refusal(FailureClass.NO_QUOTA, "ResourceLimitExceeded", "is 0 Instances")
    answer = ask(refusal=refusal)
    assert isinstance(answer, Fallback)
    assert (answer.name, answer.rung) == (CLAIM.name(1), 1)
    assert isinstance(ask(refusal=refusal, refused_rung=1), Fail)


def test_other_refusals_fail_with_the_words_of_aws():
    answer = ask(refusal=Refusal(FailureClass.DENIED, "AccessDeniedException", "not you"))
    assert isinstance(answer, Fail)
    assert "AccessDeniedException: not you" in answer.said


def test_every_combination_has_an_answer_and_none_pays_twice():
    """Whatever one or two jobs look like: while one of this generation lives or has a model, none is created."""
    phases = ("running", "stopping", "done", "failed", "stopped")
    shapes = [
        (phase, generation, digest, mine, failure, mark)
        for phase in phases
        for generation in (0, 2)
        for digest in ("same", "other", None)
        for mine in (True, False)
        for failure in ([None] if phase in ("running", "stopping", "done") else [*FailureClass, None])
        for mark in ((None,) if phase in ("running", "done") else (None, "kill", "max_wait", "superseded"))
    ]
    count = 0
    for shape, second, on_clear, held in itertools.product(
        shapes, (None, "running", "failed"), ("adopt", "retrain"), (False, True)
    ):
        phase, generation, digest, mine, failure, mark = shape
        first = job(phase, generation, 1, digest=digest, mine=mine, failure=failure, stopped_by=mark)
        more = [] if second is None else [job(second, generation, 2, failure=FailureClass.CAPACITY)]
        jobs = [first, *more]
        latest = jobs[-1]
        policy = replace(POLICY, on_clear=on_clear)
        answer = ask(*jobs, held=latest.name if held else None, policy=policy)
        count += 1
        if isinstance(answer, Create):
            assert answer.name not in {each.name for each in jobs}
            if generation == CLAIM.generation:
                assert latest.phase in ("failed", "stopped")
                assert latest.mine
                assert latest.digest == "same"
            if held:
                assert latest.phase in ("failed", "stopped"), "whoever made the job that it waits for"
        if isinstance(answer, Done):
            assert latest.phase == "done"
            assert latest.name == answer.name
        if isinstance(answer, Adopt | Done):
            assert {each.name: each for each in jobs}[answer.name].mine
    assert count > 3000


@dataclass
class World:
    """An AWS that does to each job what it was told to."""

    fates: list[str]
    jobs: dict[str, Sighting]
    now: datetime
    claim: Claim = CLAIM
    held: str | None = None
    kills: int = 0
    clears: int = 0

    def happens(self, event: str) -> None:
        if event == "the worker dies":
            self.held = None
        elif event == "the task is killed" and self.held is not None and self.jobs[self.held].phase == "running":
            one = self.jobs[self.held]
            self.jobs[one.name] = replace(one, phase="stopped", failure=FailureClass.STOPPED, stopped_by="kill")
            self.held, self.kills = None, self.kills + 1
        elif event == "the task is cleared":  # and nobody stops its job
            self.held, self.clears = None, self.clears + 1
            self.claim = replace(self.claim, generation=self.claim.generation + 1)

    def end(self, name: str) -> None:
        fate = self.fates.pop(0) if self.fates else "done"
        one = self.jobs[name]
        if fate == "done":
            self.jobs[name] = replace(one, phase="done")
        elif fate == "stopped by somebody":
            self.jobs[name] = replace(one, phase="stopped", failure=FailureClass.STOPPED)
        else:
            self.jobs[name] = replace(one, phase="failed", failure=FailureClass(fate))


FATES = st.lists(st.sampled_from(["done", "stopped by somebody", *FailureClass]), max_size=12)
EVENTS = st.lists(st.sampled_from(["the worker dies", "the task is killed", "the task is cleared"]), max_size=12)


@settings(max_examples=300, deadline=None)
@given(FATES, EVENTS, st.integers(1, 2), st.integers(1, 3))
def test_a_whole_life_ends_and_never_has_two_jobs_at_once(
    fates: list[str], events: list[str], rungs: int, attempts: int
):
    policy = replace(POLICY, rungs=rungs, attempts_per_rung=attempts, max_wait=100 * HOUR)
    world, created = World(fates, {}, NOW), 0
    for step in range(200):
        world.happens(events[step] if step < len(events) else "nothing")
        answer = decide(world.claim, Seen(list(world.jobs.values()), world.held, NOW), policy, world.now)
        if isinstance(answer, Create):
            assert not [each for each in world.jobs.values() if each.phase in ("running", "stopping")]
            assert answer.rung < rungs
            generation, attempt = world.claim.place(answer.name) or (0, 0)
            world.jobs[answer.name] = Sighting(
                answer.name, generation, attempt, "running", "same", True, world.now, rung=answer.rung
            )
            world.held, created = answer.name, created + 1
        elif isinstance(answer, Adopt):
            world.held = answer.name
        elif isinstance(answer, Wait):
            world.now += HOUR / 10
            assert answer.name is not None
            world.end(answer.name)
        else:
            break
    else:
        pytest.fail("no end in 200 steps")
    assert isinstance(answer, Done | Fail)
    assert created <= attempts * rungs * (1 + world.clears) + world.kills
    if isinstance(answer, Done):
        assert [each.phase for each in world.jobs.values()].count("done") == 1
