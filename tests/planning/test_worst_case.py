"""The worst case is never below what a task can be billed, whatever AWS, Spot and kills do to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.decide import Adopt, Create, Fail, Policy, Seen, Sighting, Stop, Wait, decide
from airflow_finetune.lifecycle.failures import FailureClass
from airflow_finetune.planning.worst_case import (
    STOP_SECONDS,
    is_training,
    longest_wait_seconds,
    total_usd,
    worst_case,
)
from airflow_finetune.values import CostItem, PlannedHosting, PlannedRung

START = datetime(2026, 11, 20, tzinfo=UTC)
CLAIM = Claim("acme", "orders", "run", "fine_tune", -1, 0)
ENDS = (FailureClass.CAPACITY, FailureClass.INTERNAL, FailureClass.WAIT_EXCEEDED, None)


def rungs_of(runtimes: list[int], price: float, count: int) -> list[PlannedRung]:
    markets: tuple[Any, ...] = ("spot", "on_demand")
    return [
        PlannedRung(
            market=market,
            instance_type="ml.g5.2xlarge",
            instance_count=count,
            max_runtime_seconds=seconds,
            usd_per_hour=price,
        )
        for market, seconds in zip(markets, runtimes, strict=False)
    ]


RUNGS = st.builds(
    rungs_of,
    st.lists(st.integers(1, 10**5), min_size=1, max_size=2),
    st.floats(0.01, 100),
    st.integers(1, 16),
)
WAIT = st.integers(60, 3 * 10**5)
HOSTING = st.none() | st.builds(
    PlannedHosting,
    instance_type=st.just("ml.g5.xlarge"),
    instance_count=st.integers(1, 4),
    arms=st.integers(1, 3),
    lease_seconds=st.integers(60, 10**5),
    usd_per_hour=st.floats(0.01, 100),
)


class Billed:
    """One task's jobs as ``decide`` makes them, on a clock of our own; adds up what AWS would bill."""

    def __init__(self, rungs: list[PlannedRung], max_wait: int, draw: Any) -> None:
        self.rungs, self.draw, self.now, self.seconds = rungs, draw, START, 0.0
        self.policy = Policy("digest", rungs=len(rungs), max_wait=timedelta(seconds=max_wait))
        self.jobs: list[Sighting] = []
        self.held: str | None = None

    def run(self) -> float:
        """Return the seconds that all jobs were billed for, per instance."""
        for _ in range(60):
            action = decide(CLAIM, Seen(self.jobs, self.held, START), self.policy, self.now)
            if isinstance(action, Create):
                job = Sighting(action.name, 0, len(self.jobs) + 1, "running", "digest", True, self.now, action.rung)
                self.jobs.append(job)
                self.held = job.name
            elif isinstance(action, Wait):
                self.train(self.jobs[-1], action.until)
            elif isinstance(action, Stop):
                self.bill(self.draw(st.integers(0, STOP_SECONDS)))
                self.end(FailureClass.STOPPED, "max_wait")
            elif isinstance(action, Fail):
                return self.seconds
            else:  # done
                return self.seconds
        return self.seconds

    def train(self, job: Sighting, until: datetime | None) -> None:
        longest = self.rungs[job.rung].max_runtime_seconds
        seconds = self.draw(st.just(longest) | st.integers(0, longest))
        left = 10**9 if until is None else (until - self.now).total_seconds()
        if seconds >= left:
            self.bill(left)
        else:
            self.bill(seconds)
            killed = self.draw(st.booleans())
            self.end(self.draw(st.sampled_from(ENDS)), "kill" if killed else None)

    def bill(self, seconds: float) -> None:
        self.seconds += seconds
        self.now += timedelta(seconds=seconds)

    def end(self, failure: FailureClass | None, by: Any) -> None:
        phase: Any = "stopped" if by else "done" if failure is None else "failed"
        self.jobs[-1] = replace(self.jobs[-1], phase=phase, failure=failure, stopped_by=by)


@settings(max_examples=300, deadline=None)
@given(rungs=RUNGS, wait=WAIT, data=st.data())
def test_no_path_of_a_task_bills_more_than_the_worst_case(rungs: list[PlannedRung], wait: int, data: Any) -> None:
    seconds = Billed(rungs, wait, data.draw).run()
    billed = max(seconds / 3600 * rung.instance_count * rung.usd_per_hour for rung in rungs)
    assert billed <= total_usd(worst_case(rungs, wait)) * (1 + 1e-9)


def test_a_path_can_bill_more_than_the_longest_job_of_each_market() -> None:
    """So a sum over the markets alone would be too low: three jobs that AWS fails at their end."""
    rungs = rungs_of([3600], 1.0, 1)

    def draw(strategy: Any) -> Any:
        return {str(st.booleans()): False, str(st.sampled_from(ENDS)): FailureClass.INTERNAL}.get(str(strategy), 3600)

    assert Billed(rungs, 4 * 3600, draw).run() == 3 * 3600
    assert total_usd(worst_case(rungs, 4 * 3600)) > 3.0


@settings(deadline=None)
@given(rungs=RUNGS, wait=WAIT, hosting=HOSTING, extra=st.integers(1, 10**4), warm=st.integers(0, 3600))
def test_the_worst_case_grows_with_time_price_and_instances(
    rungs: list[PlannedRung], wait: int, hosting: PlannedHosting | None, extra: int, warm: int
) -> None:
    usd = total_usd(worst_case(rungs, wait, warm, hosting, 1.0))
    changed = {
        "max_runtime_seconds": rungs[0].max_runtime_seconds + extra,
        "usd_per_hour": rungs[0].usd_per_hour + extra,
        "instance_count": rungs[0].instance_count + extra,
    }
    more = [
        total_usd(worst_case([rung.model_copy(update={name: value}) for rung in rungs], wait, warm, hosting, 1.0))
        for name, value in changed.items()
    ]
    more.append(total_usd(worst_case(rungs, wait + extra, warm, hosting, 1.0)))
    assert all(each >= usd * (1 - 1e-9) for each in more)
    assert all(each > usd for each in more[1:])


@settings(deadline=None)
@given(rungs=RUNGS, hosting=HOSTING, max_usd=st.floats(0.01, 10**5))
def test_the_longest_wait_that_fits_fits_and_one_more_minute_does_not(
    rungs: list[PlannedRung], hosting: PlannedHosting | None, max_usd: float
) -> None:
    other = total_usd([item for item in worst_case(rungs, 60, 0, hosting) if not is_training(item)])
    wait = longest_wait_seconds(rungs, other, max_usd)
    if wait > 0:
        assert total_usd(worst_case(rungs, wait, 0, hosting)) <= max_usd * (1 + 1e-9)
        assert total_usd(worst_case(rungs, wait + 60, 0, hosting)) > max_usd


class Counted:
    """One task's jobs as ``decide`` makes them; each may be billed for all that it was to train on."""

    def __init__(self, policy: Policy, draw: Any) -> None:
        self.policy, self.draw = policy, draw
        self.jobs: list[Sighting] = []
        self.held: str | None = None

    def run(self) -> int:
        """Return how many jobs were made, by a task that is killed and tried again for ever."""
        for step in range(100):
            now = START + timedelta(minutes=step)
            action = decide(CLAIM, Seen(self.jobs, self.held, START), self.policy, now)
            if isinstance(action, Create):
                self.jobs.append(Sighting(action.name, 0, len(self.jobs) + 1, "running", "digest", True, now))
                self.held = action.name
            elif isinstance(action, Wait):
                killed = self.draw(st.booleans())
                failure = FailureClass.STOPPED if killed else self.draw(st.sampled_from(ENDS))
                phase: Any = "stopped" if killed else "done" if failure is None else "failed"
                by: Any = "kill" if killed else None
                self.jobs[-1] = replace(self.jobs[-1], phase=phase, failure=failure, stopped_by=by)
                self.held = self.held if self.draw(st.booleans()) else None  # the same try, or one after it
            elif not isinstance(action, Adopt):
                break
            else:
                self.held = action.name
        return len(self.jobs)


@settings(max_examples=300, deadline=None)
@given(most=st.integers(1, 5), data=st.data())
def test_no_path_of_a_task_makes_more_jobs_than_the_plan_counts(most: int, data: Any) -> None:
    policy = Policy("digest", max_wait=timedelta(days=7), most_jobs=most)
    assert Counted(policy, data.draw).run() <= most


@settings(deadline=None)
@given(rungs=RUNGS | st.just([]), wait=WAIT, usd=st.lists(st.floats(0, 100), max_size=3))
def test_what_is_billed_by_quantity_is_added_to_what_is_bought_by_instance(
    rungs: list[PlannedRung], wait: int, usd: list[float]
) -> None:
    items = [
        CostItem(name=str(index), quantity=1, unit="run", unit_usd=each, usd=each) for index, each in enumerate(usd)
    ]
    with_them = total_usd(worst_case(rungs, wait, by_quantity=items))
    assert abs(with_them - total_usd(worst_case(rungs, wait)) - sum(usd)) < 1e-6 * (1 + with_them)


def test_kills_make_more_jobs_than_failures_may_where_nobody_counts() -> None:
    """So the number of failures that are allowed would be no bound."""

    def always_killed(strategy: Any) -> Any:
        return True

    policy = Policy("digest", max_wait=timedelta(days=7))
    assert Counted(policy, always_killed).run() > 3 * policy.attempts_per_rung
    assert Counted(replace(policy, most_jobs=2), always_killed).run() == 2
