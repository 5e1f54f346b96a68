"""The most that a run can cost: pure.

    worst case = what one task can train for x dearest price x instances
               + warm pool x price x instances
               + (lease + cleanup) x hosting price x instances x arms
               + what is billed by quantity: tokens and storage of jobs, model units, questions and answers
               + evaluation

A task's jobs run one after another, and none is made or left running after its ``max_wait``: so whatever Spot,
fallback, failures of AWS and killed tries add up to, they cannot train for longer than ``max_wait`` and the time that a
job takes to stop. Spot is counted at the on-demand price, which AWS never exceeds. Jobs that are billed by quantity are
not bounded by time but by their number (``Limits.most_jobs``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import fsum

from airflow_finetune.planning.quantities import CLEANUP_SECONDS, Line
from airflow_finetune.values import CostItem, PlannedHosting, PlannedRung

STOP_SECONDS = 15 * 60  # as decide.Policy.stop_grace: what a job may take to stop after max_wait
_MARKETS = {"spot": "training on Spot", "on_demand": "training on demand"}
_HOUR = "instance hour"


def training_seconds(max_wait_seconds: float) -> float:
    """Return for how long the jobs of one task can train at most, by ``max_wait``."""
    return max_wait_seconds + STOP_SECONDS


def worst_case(
    rungs: Sequence[PlannedRung],
    max_wait_seconds: float,
    warm_pool_seconds: float = 0,
    hosting: PlannedHosting | None = None,
    evaluation_usd: float = 0.0,
    by_quantity: Sequence[CostItem] = (),
) -> tuple[CostItem, ...]:
    """Return every line of the worst case.

    Args:
        rungs: of a job that is bought by instance; none for others.
        max_wait_seconds: of the task.
        warm_pool_seconds: for which instances are kept after a job.
        hosting: None when nothing is served.
        evaluation_usd: what else the evaluation may cost.
        by_quantity: what is not billed by instance.
    """
    return (
        *(_training(rungs, max_wait_seconds, warm_pool_seconds) if rungs else ()),
        *_serving(hosting),
        *by_quantity,
        *([_item("evaluation", 1, "run", evaluation_usd)] if evaluation_usd else ()),
    )


def priced(line: Line, unit_usd: float) -> CostItem:
    """Return the line of the worst case of something that is billed by quantity."""
    return _item(line.name, line.quantity * line.times, line.unit, unit_usd)


def total_usd(items: Sequence[CostItem]) -> float:
    """Return the sum."""
    return fsum(item.usd for item in items)


def longest_wait_seconds(rungs: Sequence[PlannedRung], other_usd: float, max_usd: float) -> float:
    """Return the longest ``max_wait`` whose worst case stays within ``max_usd``; not positive when none does.

    Args:
        rungs: as of ``worst_case``.
        other_usd: what is paid for beside training.
        max_usd: the limit.
    """
    return (max_usd - other_usd) / _usd_per_hour(rungs) * 3600 - STOP_SECONDS


def jobs_that_fit(job_usd: float, left_usd: float) -> float:
    """Return how many jobs that are billed by quantity fit; below 1, which share of one.

    Args:
        job_usd: what one job costs at most.
        left_usd: what ``max_usd`` leaves for all of them.
    """
    return max(left_usd, 0) / job_usd + 1e-9  # not one less because of a sum's last digit


def is_training(item: CostItem) -> bool:
    """Say whether a line grows with ``max_wait``."""
    return item.name in (*_MARKETS.values(), _MORE)


def told(item: CostItem) -> str:
    """Return a line for people."""
    units = item.unit if item.unit.endswith("s") else f"{item.unit}s"
    return f"{dollars(item.usd)}: {item.name}, {item.quantity:.2f} {units} at {unit_dollars(item.unit_usd)}."


def dollars(usd: float) -> str:
    """Return an amount to the cent; below a cent as exactly as a price."""
    return f"${usd:.2f}" if usd >= 0.01 or not usd else unit_dollars(usd)


def unit_dollars(usd: float) -> str:
    """Return a price with all its digits and without an exponent: a thousand tokens cost $0.000035."""
    return f"${usd:.10f}".rstrip("0").rstrip(".")


_MORE = "training again after failures of AWS or killed tries, until max_wait"


def _training(rungs: Sequence[PlannedRung], max_wait_seconds: float, warm_pool_seconds: float) -> Iterator[CostItem]:
    left, count = training_seconds(max_wait_seconds), max(rung.instance_count for rung in rungs)
    price = max(rung.usd_per_hour for rung in rungs)  # every second that is left could be spent on the dearest rung
    for rung in rungs:
        seconds = min(left, rung.max_runtime_seconds)
        left -= seconds
        yield _item(_MARKETS[rung.market], seconds / 3600 * count, _HOUR, price)
    if left:
        yield _item(_MORE, left / 3600 * count, _HOUR, price)
    if warm_pool_seconds:
        yield _item("warm pool after the job", warm_pool_seconds / 3600 * count, _HOUR, price)


def _serving(hosting: PlannedHosting | None) -> Iterator[CostItem]:
    if hosting is not None:
        hours = (hosting.lease_seconds + CLEANUP_SECONDS) / 3600
        quantity = hours * hosting.instance_count * hosting.arms
        yield _item("endpoints, lease and cleanup", quantity, _HOUR, hosting.usd_per_hour)


def _usd_per_hour(rungs: Sequence[PlannedRung]) -> float:
    return max(rung.usd_per_hour for rung in rungs) * max(rung.instance_count for rung in rungs)


def _item(name: str, quantity: float, unit: str, unit_usd: float) -> CostItem:
    return CostItem(name=name, quantity=quantity, unit=unit, unit_usd=unit_usd, usd=quantity * unit_usd)
