"""Puts a price on everything that a run may be billed for: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import floor, fsum

from airflow_finetune.backends.backend import Needs
from airflow_finetune.planning.facts import Facts, PriceKey
from airflow_finetune.planning.limits import BedrockHosting, Hosting, Limits
from airflow_finetune.planning.quantities import Line
from airflow_finetune.planning.worst_case import is_training, longest_wait_seconds, priced, total_usd, worst_case
from airflow_finetune.values import CostItem, PlannedBedrockHosting, PlannedHosting, PlannedRung, Price, UnitPrice

GIVEN = "given by the user"
ASKED = "AWS Pricing API"


@dataclass(frozen=True)
class Bill:
    """What a run may be billed for.

    Attributes:
        rungs: those that have a price.
        hosting: None when nothing is served, and when there is no price for it.
        lines: what is billed by quantity, with its price.
        warm_pool_seconds: for which instances are kept after a job.
        evaluation_usd: what else the evaluation may cost.
        prices: of instances.
        complete: whether everything has a price.
    """

    rungs: tuple[PlannedRung, ...]
    hosting: PlannedHosting | PlannedBedrockHosting | None
    lines: tuple[tuple[Line, UnitPrice], ...]
    warm_pool_seconds: float
    evaluation_usd: float
    prices: tuple[Price, ...]
    complete: bool

    def items(self, max_wait: timedelta) -> tuple[CostItem, ...]:
        """Return the worst case, by the time that the fine_tune task may take."""
        endpoints = self.hosting if isinstance(self.hosting, PlannedHosting) else None
        by_quantity = [priced(line, price.usd) for line, price in self.lines]
        seconds = max_wait.total_seconds()
        return worst_case(self.rungs, seconds, self.warm_pool_seconds, endpoints, self.evaluation_usd, by_quantity)

    @property
    def job_usd(self) -> float:
        """What every job pays that is billed by quantity; 0 for one that is bought by instance."""
        return fsum(line.quantity * price.usd for line, price in self.lines if line.again)

    @property
    def unit_prices(self) -> tuple[UnitPrice, ...]:
        """Every price of what is billed by quantity, once."""
        return tuple(dict.fromkeys(price for _, price in self.lines))

    def within(self, wait: timedelta) -> Bill:
        """Return the bill of jobs that AWS itself ends when the task's time is over, also if no Airflow is there."""
        return replace(self, rungs=tuple(_within(rung, wait) for rung in self.rungs))


def bill_of(needs: Needs, limits: Limits, facts: Facts, now: datetime) -> Bill:
    """Return what a run may be billed for, without what has no price."""
    prices = _prices(needs, limits, facts, now)
    rungs, hosting = _rungs(needs, prices), _hosting(limits, facts, prices)
    lines = [(line, price) for line in facts.billed.lines if (price := _unit_price(line, facts, now)) is not None]
    complete = len(rungs) == len(needs.rungs) and (hosting is None) == (limits.hosting is None)
    return Bill(
        rungs=rungs,
        hosting=hosting,
        lines=tuple(lines),
        warm_pool_seconds=max((rung.warm_pool_seconds for rung in needs.rungs), default=0),
        evaluation_usd=limits.evaluation_usd,
        prices=tuple(prices.values()),
        complete=complete and len(lines) == len(facts.billed.lines),
    )


def shortened(bill: Bill, limits: Limits, max_wait: timedelta) -> timedelta | None:
    """Return the longest time that ``max_usd`` leaves for what is bought by instance, if that must and may be taken."""
    items, shortest = bill.items(max_wait), limits.shortest_wait
    if shortest is None or limits.max_wait is not None or not bill.rungs or total_usd(items) <= limits.max_usd:
        return None
    other = total_usd([item for item in items if not is_training(item)])
    fits = timedelta(seconds=floor(longest_wait_seconds(bill.rungs, other, limits.max_usd)))
    return fits if fits >= shortest else None


def _prices(needs: Needs, limits: Limits, facts: Facts, now: datetime) -> dict[PriceKey, Price]:
    hosting, wanted = limits.hosting, dict[PriceKey, float | None]()
    wanted |= {("training", rung.instance_type): limits.usd_per_hour for rung in needs.rungs}
    if isinstance(hosting, Hosting):
        wanted["hosting", hosting.instance_type] = hosting.usd_per_hour
    found = {key: (facts.prices.get(key), ASKED) if usd is None else (usd, GIVEN) for key, usd in wanted.items()}
    return {
        (usage, instance_type): Price(
            usage=usage, instance_type=instance_type, usd_per_hour=usd, source=source, asked_at=now
        )
        for (usage, instance_type), (usd, source) in found.items()
        if isinstance(usd, float)
    }


def _unit_price(line: Line, facts: Facts, now: datetime) -> UnitPrice | None:
    usd, source = (facts.prices.get(line.key), ASKED) if line.unit_usd is None else (line.unit_usd, GIVEN)
    if not isinstance(usd, float):
        return None
    return UnitPrice(usage=line.usage, model=line.model, unit=line.unit, usd=usd, source=source, asked_at=now)


def _rungs(needs: Needs, prices: dict[PriceKey, Price]) -> tuple[PlannedRung, ...]:
    return tuple(
        PlannedRung(
            market=rung.market,
            instance_type=rung.instance_type,
            instance_count=rung.instance_count,
            max_runtime_seconds=rung.max_runtime_seconds,
            usd_per_hour=price.usd_per_hour,
        )
        for rung in needs.rungs
        if (price := prices.get(("training", rung.instance_type))) is not None
    )


def _hosting(
    limits: Limits, facts: Facts, prices: dict[PriceKey, Price]
) -> PlannedHosting | PlannedBedrockHosting | None:
    match limits.hosting:
        case BedrockHosting() as wanted if (name := facts.billed.names.get(wanted.model)) is not None:
            return PlannedBedrockHosting(
                hosting=wanted.hosting,
                model=name,
                model_units=wanted.model_units if wanted.hosting == "provisioned_throughput" else 0,
                arms=wanted.arms,
                lease_seconds=round(wanted.hours * 3600),
                commitment=wanted.commitment,
            )
        case Hosting() as wanted if (price := prices.get(("hosting", wanted.instance_type))) is not None:
            return PlannedHosting(
                instance_type=wanted.instance_type,
                instance_count=wanted.instance_count,
                arms=wanted.arms,
                lease_seconds=round(wanted.hours * 3600),
                usd_per_hour=price.usd_per_hour,
            )
    return None


def _within(rung: PlannedRung, wait: timedelta) -> PlannedRung:
    seconds = min(rung.max_runtime_seconds, int(wait.total_seconds()))
    return rung.model_copy(update={"max_runtime_seconds": seconds})
