"""Often at the start, seldom later, never past a deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from airflow_finetune.lifecycle.pacing import Pacing

START = datetime(2026, 11, 20, tzinfo=UTC)


def after(seconds: float, **arguments: float) -> float:
    fields = {"jitter": 0.5, "failures": 0, **arguments}
    return Pacing(30).interval_seconds(START + timedelta(seconds=seconds), START, None, **fields)


def test_the_interval_grows_with_the_age_of_the_job():
    assert [after(0), after(100), after(600), after(86_400)] == [2, 5, 30, 30]


def test_failures_in_a_row_double_it():
    assert [after(600, failures=n) for n in (1, 2, 3)] == [60, 120, 240]
    assert after(600, failures=50) == after(600, failures=6), "and not for ever"


def test_jobs_that_began_together_are_spread():
    assert after(600, jitter=0) == 27
    assert after(600, jitter=1) == 33


@given(st.floats(0, 10**7), st.floats(0, 10**7), st.floats(0, 1), st.integers(0, 100))
def test_no_deadline_is_slept_through(elapsed: float, left: float, jitter: float, failures: int):
    now = START + timedelta(seconds=elapsed)
    seconds = Pacing(30).interval_seconds(now, START, now + timedelta(seconds=left), jitter, failures)
    assert 0 < seconds <= max(left, 1.0)
