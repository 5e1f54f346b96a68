"""Why there is no plan beside what was looked up: what cannot serve, and what costs too much. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import floor

from airflow_finetune.errors import SpecError
from airflow_finetune.planning.bill import Bill
from airflow_finetune.planning.checks import Fault
from airflow_finetune.planning.facts import Facts
from airflow_finetune.planning.limits import Hosting, Limits
from airflow_finetune.planning.worst_case import dollars, is_training, jobs_that_fit, longest_wait_seconds, total_usd
from airflow_finetune.values import CostItem

_TRAINS_ONLY = re.compile(r"\.dkr\.ecr\.[^/]+/(huggingface-)?(pytorch|tensorflow)(-trcomp)?-training[:@]")


def cannot_serve(limits: Limits, facts: Facts) -> Iterator[Fault]:
    """Yield what would only be seen after the training was paid: nothing could serve what it makes."""
    image_uri = limits.hosting.image_uri if isinstance(limits.hosting, Hosting) else None
    if image_uri and _TRAINS_ONLY.search(image_uri):
        said = f"{image_uri} is AWS's image for training; it serves nothing."
        next_step = "Give an image that serves, for example AWS's huggingface-pytorch-inference (Airflow Variable"
        yield Fault("serving image", said, f"{next_step} finetune_serving_image_uri, or image_uri of served).")
    if (units := facts.billed.instead) is not None:
        usd = facts.prices.get(units.key) if units.unit_usd is None else units.unit_usd
        said = f"AWS serves custom models of {units.model} by model units and hours only, not by the token."
        paid = f"{dollars(usd)} an hour each" if isinstance(usd, float) else "a price that AWS's list does not say"
        worst = f", at most {dollars(usd * units.quantity)} for the lease" if isinstance(usd, float) else ""
        next_step = f"To pay model units ({paid}{worst}), write serving.hosting: provisioned_throughput"
        yield Fault(
            "serving.hosting: on_demand_deployment",
            said,
            f"{next_step}; else choose a base that is deployed on demand.",
        )


def too_dear(items: Sequence[CostItem], bill: Bill, max_usd: float) -> Iterator[Fault]:
    """Yield the fault of a worst case above the limit; it says what would fit."""
    total = total_usd(items)
    if total <= max_usd:
        return
    parts = "; ".join(f"{item.name} {dollars(item.usd)}" for item in items)
    said = f"is {max_usd:g}, and the worst case is {dollars(total)} ({parts})."
    if bill.rungs:
        other = total_usd([item for item in items if not is_training(item)])
        yield Fault("max_usd", said, _less_time(floor(longest_wait_seconds(bill.rungs, other, max_usd))))
    else:
        yield Fault("max_usd", said, _fewer_jobs(bill, max_usd - total))


def refusal_of(faults: Sequence[Fault]) -> SpecError:
    """Return one error that names every fault."""
    if len(faults) == 1:
        return SpecError(*faults[0])
    thing = f"{len(faults)} faults: {', '.join(fault.thing for fault in faults)}"
    said = " ".join(f"[{number}] {fault.thing}: {fault.said}" for number, fault in enumerate(faults, 1))
    return SpecError(thing, said, " ".join(f"[{number}] {fault.next_step}" for number, fault in enumerate(faults, 1)))


def _less_time(fits: int) -> str:
    shorter = (
        f"give max_wait=timedelta(seconds={fits}) at most to this task and to fine_tune"
        if fits >= 1
        else "no training at all fits beside the rest"
    )
    return f"Raise it, choose a cheaper instance, or train for less time: {shorter}."


def _fewer_jobs(bill: Bill, left_usd: float) -> str:
    """Say what fits of jobs that are billed by quantity; ``left_usd`` is negative, what is missing for all of them."""
    counted = max((line.times for line, _ in bill.lines if line.again), default=0)
    if not bill.job_usd:
        return "Raise it, or ask and serve less."
    fits = jobs_that_fit(bill.job_usd, left_usd + counted * bill.job_usd)
    if fits >= 1:
        return f"Raise it, or let fewer jobs follow a failure: most_jobs={floor(fits)} fits, {counted} are counted."
    if (percent := floor(fits * 100)) >= 1:
        less = f"{percent}% of one job fits with most_jobs=1, so fewer records, shorter ones or fewer epochs"
        return f"Raise it, or train on less: {less}."
    return "Raise it, or ask and serve less: no training at all fits beside the rest."
