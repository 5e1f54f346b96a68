"""The pure state machine: whatever happens in whatever order, the history stays legal and the job ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_finetune.sandbox.runner.jobs.life import (
    Broke,
    Do,
    Doing,
    Downloaded,
    Event,
    Exited,
    GraceOver,
    Life,
    Moment,
    Provisioned,
    Reclaimed,
    Replaced,
    Stop,
    Uploaded,
    Waits,
    Why,
    apply,
    overdue,
)

START = datetime(2026, 1, 1, tzinfo=UTC)

LEGAL = {
    "Starting": {"Downloading", "Stopping", "Failed"},
    "Downloading": {"Training", "Interrupted", "Stopping", "Failed"},
    "Training": {"Uploading", "Interrupted", "Stopping", "Failed"},
    "Interrupted": {"Starting", "Stopping", "Failed"},
    "Uploading": {"Completed", "Failed", "Stopping", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded"},
    "Stopping": {"Uploading", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded"},
}
TO_TRAINING = ["Downloading", "Training"]
FINAL = {"Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded"}

EVENTS = st.one_of(
    st.builds(Waits, st.sampled_from(["Launching", "no capacity"])),
    st.builds(Provisioned, st.floats(0.1, 1.0)),
    st.just(Downloaded()),
    st.builds(Exited, st.sampled_from([None, "AlgorithmError: x, exit code: 1"])),
    st.just(Reclaimed()),
    st.just(Replaced()),
    st.builds(Stop, st.sampled_from(list(Why))),
    st.just(GraceOver()),
    st.just(Uploaded()),
    st.builds(Broke, st.just("InternalServerError: x")),
)


def at(seconds: float) -> Moment:
    return Moment(START + timedelta(seconds=seconds), seconds)


def walk(*events: Event) -> Life:
    life = Life.begin(at(0))
    for number, event in enumerate(events, start=1):
        life, _ = apply(life, event, at(number * 10))
    return life


def history(life: Life) -> list[str]:
    return [step.status for step in life.transitions]


@settings(deadline=None)
@given(st.lists(st.tuples(EVENTS, st.floats(0, 100)), max_size=40))
def test_any_order_of_events_gives_a_legal_history(script: list[tuple[Event, float]]) -> None:
    life, clock = Life.begin(at(0)), 0.0
    for event, pause in script:
        clock += pause
        before = life
        life, orders = apply(life, event, at(clock))
        if before.doing is Doing.ENDED:
            assert (life, orders) == (before, ())
        assert life.training_seconds(clock) <= clock + 1e-6
        assert life.billed_seconds <= life.trained_seconds + 1e-6
    for old, new in zip(life.transitions, life.transitions[1:], strict=False):
        assert new.status in LEGAL[old.status], history(life)
        assert old.end == new.start
    assert (life.transitions[-1].end is None) == (life.doing is not Doing.ENDED)
    assert (life.secondary in FINAL) == (life.doing is Doing.ENDED)
    assert (life.status == "Failed") == (life.doing is Doing.ENDED and life.failure is not None)
    assert life.status in {"InProgress", "Stopping", "Completed", "Failed", "Stopped"}


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=25), st.booleans())
def test_from_every_state_a_stop_leads_to_an_end(script: list[Event], obeys: bool) -> None:
    life = walk(*script)
    if life.doing is Doing.ENDED:
        return
    life, orders = apply(life, Stop(), at(1000))
    if life.doing is Doing.ENDING:
        assert Do.TERMINATE in orders or life.why
        if not obeys:
            life, orders = apply(life, GraceOver(), at(1010))
            assert orders == (Do.KILL,)
        life, orders = apply(life, Exited("AlgorithmError: , exit code: 143"), at(1011))
        assert orders == (Do.UPLOAD,)
    if life.doing is Doing.UPLOADING:
        life, _ = apply(life, Uploaded(), at(1012))
    assert life.doing is Doing.ENDED
    assert life.status in ("Stopped", "Failed")


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=25))
def test_a_runner_that_obeys_every_order_brings_every_job_to_an_end(script: list[Event]) -> None:
    answers: dict[Doing, Event] = {
        Doing.WAITING: Provisioned(),
        Doing.DOWNLOADING: Downloaded(),
        Doing.RUNNING: Exited(),
        Doing.ENDING: Exited(),
        Doing.UPLOADING: Uploaded(),
        Doing.RECLAIMED: Replaced(),
    }
    life = walk(*script)
    for step in range(10):
        if life.doing is not Doing.ENDED:
            life, _ = apply(life, answers[life.doing], at(1000 + step))
    assert life.doing is Doing.ENDED


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=25), st.floats(1, 400), st.floats(1, 400))
def test_limits_end_a_job_in_every_state_but_uploading(script: list[Event], run: float, wait: float) -> None:
    life = walk(*script)
    why = overdue(life, 10_000.0, run, wait)
    if life.doing in (Doing.ENDED, Doing.UPLOADING) or life.why:
        assert why is None
    else:
        assert why in (Why.MAX_RUNTIME, Why.MAX_WAIT)
        stopped, _ = apply(life, Stop(why), at(10_000))
        assert stopped.status in ("Stopping", "Stopped")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            (Provisioned(), Downloaded(), Exited(), Uploaded()),
            ["Starting", "Downloading", "Training", "Uploading", "Completed"],
            id="completed",
        ),
        pytest.param(
            (Provisioned(), Downloaded(), Reclaimed(), Replaced(), Provisioned(), Downloaded(), Exited(), Uploaded()),
            [
                "Starting",
                "Downloading",
                "Training",
                "Interrupted",
                "Starting",
                "Downloading",
                "Training",
                "Uploading",
                "Completed",
            ],
            id="interrupted once, as AWS documents it",
        ),
        pytest.param(
            (Waits("no capacity"), Stop(Why.MAX_WAIT)),
            ["Starting", "Stopping", "MaxWaitTimeExceeded"],
            id="never launched, as AWS documents it",
        ),
        pytest.param(
            (Provisioned(), Downloaded(), Stop(), Stop(), Exited(), Uploaded()),
            ["Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped"],
            id="stopped twice",
        ),
        pytest.param(
            (Provisioned(), Stop()), ["Starting", "Downloading", "Stopping", "Stopped"], id="stopped while downloading"
        ),
        pytest.param(
            (Provisioned(), Downloaded(), Reclaimed(), Stop()),
            ["Starting", "Downloading", "Training", "Interrupted", "Stopping", "Stopped"],
            id="stopped while interrupted",
        ),
        pytest.param(
            (Provisioned(), Downloaded(), Exited(), Stop(), Uploaded()),
            ["Starting", "Downloading", "Training", "Uploading", "Stopping", "Stopped"],
            id="stopped while uploading",
        ),
        pytest.param(
            (Provisioned(), Downloaded(), Stop(Why.MAX_RUNTIME), GraceOver(), Exited("x"), Uploaded()),
            ["Starting", "Downloading", "Training", "Stopping", "Uploading", "MaxRuntimeExceeded"],
            id="ran too long and ignored SIGTERM",
        ),
        pytest.param(
            (Provisioned(), Downloaded(), Exited("AlgorithmError: , exit code: 1"), Uploaded()),
            ["Starting", "Downloading", "Training", "Uploading", "Failed"],
            id="script failed",
        ),
    ],
)
def test_the_histories_that_are_known(events: tuple[Event, ...], expected: list[str]) -> None:
    assert history(walk(*events)) == expected


def test_a_second_on_spot_is_billed_at_its_share_and_time_between_instances_not_at_all() -> None:
    life = walk(
        Provisioned(0.3),  # at 10
        Downloaded(),
        Reclaimed(),  # at 30: 20 seconds at 0.3
        Replaced(),
        Provisioned(0.5),  # at 50
        Downloaded(),
        Exited(),
        Uploaded(),  # at 80: 30 seconds at 0.5
    )
    assert (life.training_time_in_seconds, life.billable_time_in_seconds) == (50, 21)


def test_a_job_without_an_instance_has_no_training_time() -> None:
    life = walk(Waits("no capacity"), Stop())
    assert (life.training_time_in_seconds, life.billable_time_in_seconds, life.started) == (None, None, None)


def test_a_job_that_a_stop_made_fail_was_stopped() -> None:
    life = walk(Provisioned(), Downloaded(), Stop(), Exited("AlgorithmError: , exit code: 143"), Uploaded())
    assert (life.status, life.failure) == ("Stopped", None)
