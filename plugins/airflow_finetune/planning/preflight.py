"""From a spec and its limits to a plan, or to everything that is wrong with them at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import floor
from typing import Any

from airflow_finetune.backends import Backend, Needs
from airflow_finetune.errors import SpecError
from airflow_finetune.planning.checks import Fault, judged
from airflow_finetune.planning.facts import Facts, gathered
from airflow_finetune.planning.limits import Limits
from airflow_finetune.planning.worst_case import is_training, longest_wait_seconds, total_usd, worst_case
from airflow_finetune.spec import Spec
from airflow_finetune.values import CostItem, Plan, PlanCheck, PlannedHosting, PlannedRung, Price

GIVEN = "given by the user"
ASKED = "AWS Pricing API"
_TRAINS_ONLY = re.compile(r"\.dkr\.ecr\.[^/]+/(huggingface-)?(pytorch|tensorflow)(-trcomp)?-training[:@]")


def made_plan(
    backend: Backend, spec: Spec, limits: Limits, region: str, client: Callable[[str], Any], now: datetime
) -> Plan:
    """Return the plan; nothing is created.

    Args:
        backend: of the spec.
        spec: rendered.
        limits: rendered.
        region: of the connection.
        client: makes a boto3 client of a service.
        now: the clock.

    Raises:
        SpecError: names every fault at once.
        Unavailable: AWS cannot answer now.
    """
    needs = backend.needs(spec, region, client)
    needs = replace(needs, inputs=tuple(dict.fromkeys((*needs.inputs, *limits.inputs))))
    facts = gathered(needs, limits, region, client)
    results = list(judged(needs, facts))
    faults = [result for result in results if isinstance(result, Fault)] + _cannot_serve(limits)
    prices = _prices(needs, limits, facts, now)
    rungs, hosting = _rungs(needs, prices), _hosting(limits, prices)
    max_wait = limits.max_wait or backend.longest(spec)
    items: tuple[CostItem, ...] = ()
    if len(rungs) == len(needs.rungs) and (hosting is None) == (limits.hosting is None):  # every price is known
        warm = max(rung.warm_pool_seconds for rung in needs.rungs)
        items = worst_case(rungs, max_wait.total_seconds(), warm, hosting, limits.evaluation_usd)
        if (shorter := _shortened(items, rungs, limits)) is not None:
            max_wait = shorter
            rungs = tuple(_within(rung, shorter) for rung in rungs)
            items = worst_case(rungs, max_wait.total_seconds(), warm, hosting, limits.evaluation_usd)
        faults += _too_dear(items, rungs, limits.max_usd)
    if faults:
        raise _refusal(faults)
    return Plan(
        backend=backend.name,
        spec_digest=backend.digest(spec),
        region=region,
        image_uri=needs.image_uri,
        dataset=needs.dataset,
        rungs=rungs,
        hosting=hosting,
        items=items,
        worst_case_usd=total_usd(items),
        max_usd=limits.max_usd,
        max_runtime_seconds=max(rung.max_runtime_seconds for rung in rungs),
        max_wait_seconds=max_wait.total_seconds(),
        lease_seconds=None if hosting is None else hosting.lease_seconds,
        checks=tuple(result for result in results if isinstance(result, PlanCheck)),
        prices=tuple(prices.values()),
    )


def _cannot_serve(limits: Limits) -> list[Fault]:
    """Refuse before anything is paid what would only be seen after the training: an image that cannot serve."""
    image_uri = limits.hosting and limits.hosting.image_uri
    if not image_uri or not _TRAINS_ONLY.search(image_uri):
        return []
    said = f"{image_uri} is AWS's image for training; it serves nothing."
    next_step = "Give an image that serves, for example AWS's huggingface-pytorch-inference (Airflow Variable"
    return [Fault("serving image", said, f"{next_step} finetune_serving_image_uri, or image_uri of served).")]


def _prices(needs: Needs, limits: Limits, facts: Facts, now: datetime) -> dict[tuple[str, str], Price]:
    known = {key: (usd, ASKED) for key, usd in facts.prices.items() if isinstance(usd, float)}
    if limits.usd_per_hour is not None:
        known |= {("training", rung.instance_type): (limits.usd_per_hour, GIVEN) for rung in needs.rungs}
    if limits.hosting is not None and limits.hosting.usd_per_hour is not None:
        known["hosting", limits.hosting.instance_type] = (limits.hosting.usd_per_hour, GIVEN)
    return {
        (usage, instance_type): Price(
            usage=usage, instance_type=instance_type, usd_per_hour=usd, source=source, asked_at=now
        )
        for (usage, instance_type), (usd, source) in known.items()
    }


def _rungs(needs: Needs, prices: dict[tuple[str, str], Price]) -> tuple[PlannedRung, ...]:
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


def _hosting(limits: Limits, prices: dict[tuple[str, str], Price]) -> PlannedHosting | None:
    wanted = limits.hosting
    if wanted is None or (price := prices.get(("hosting", wanted.instance_type))) is None:
        return None
    return PlannedHosting(
        instance_type=wanted.instance_type,
        instance_count=wanted.instance_count,
        arms=wanted.arms,
        lease_seconds=round(wanted.hours * 3600),
        usd_per_hour=price.usd_per_hour,
    )


def _shortened(items: Sequence[CostItem], rungs: Sequence[PlannedRung], limits: Limits) -> timedelta | None:
    """Return the longest time that ``max_usd`` leaves, if that is what must and may be taken."""
    if limits.shortest_wait is None or limits.max_wait is not None or total_usd(items) <= limits.max_usd:
        return None
    other = total_usd([item for item in items if not is_training(item)])
    fits = timedelta(seconds=floor(longest_wait_seconds(rungs, other, limits.max_usd)))
    return fits if fits >= limits.shortest_wait else None


def _within(rung: PlannedRung, wait: timedelta) -> PlannedRung:
    """Return a rung whose job AWS itself ends when the task's time is over, also if no Airflow is there to stop it."""
    seconds = min(rung.max_runtime_seconds, int(wait.total_seconds()))
    return rung.model_copy(update={"max_runtime_seconds": seconds})


def _too_dear(items: Sequence[CostItem], rungs: Sequence[PlannedRung], max_usd: float) -> list[Fault]:
    total = total_usd(items)
    if total <= max_usd:
        return []
    parts = "; ".join(f"{item.name} ${item.usd:.2f}" for item in items)
    said = f"is {max_usd:g}, and the worst case is ${total:.2f} ({parts})."
    other = total_usd([item for item in items if not is_training(item)])
    fits = floor(longest_wait_seconds(rungs, other, max_usd))
    shorter = (
        f"give max_wait=timedelta(seconds={fits}) at most to this task and to fine_tune"
        if fits >= 1
        else "no training at all fits beside the rest"
    )
    return [Fault("max_usd", said, f"Raise it, choose a cheaper instance, or train for less time: {shorter}.")]


def _refusal(faults: Sequence[Fault]) -> SpecError:
    if len(faults) == 1:
        return SpecError(*faults[0])
    thing = f"{len(faults)} faults: {', '.join(fault.thing for fault in faults)}"
    said = " ".join(f"[{number}] {fault.thing}: {fault.said}" for number, fault in enumerate(faults, 1))
    return SpecError(thing, said, " ".join(f"[{number}] {fault.next_step}" for number, fault in enumerate(faults, 1)))
