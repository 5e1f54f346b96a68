"""From a spec and its limits to a plan, or to everything that is wrong with them at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from math import fsum
from typing import TYPE_CHECKING, Any

from airflow_finetune.errors import SpecError
from airflow_finetune.planning.bill import bill_of, shortened
from airflow_finetune.planning.checks import Fault, judged
from airflow_finetune.planning.facts import gathered
from airflow_finetune.planning.limits import Hosting, Limits
from airflow_finetune.planning.refusals import cannot_serve, refusal_of, too_dear
from airflow_finetune.values import Plan, PlanCheck

if TYPE_CHECKING:
    from airflow_finetune.backends import Backend, Needs
    from airflow_finetune.spec import Spec


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
    limits = _on_its_instance(limits, needs)
    needs = replace(needs, inputs=tuple(dict.fromkeys((*needs.inputs, *limits.inputs))))
    facts = gathered(needs, limits, region, client)
    results = list(judged(needs, facts))
    faults = [result for result in results if isinstance(result, Fault)]
    faults += cannot_serve(limits, facts)
    bill = bill_of(needs, limits, facts, now)
    max_wait = limits.max_wait or backend.longest(spec)
    if bill.complete:
        if (shorter := shortened(bill, limits, max_wait)) is not None:
            max_wait, bill = shorter, bill.within(shorter)
        faults += too_dear(bill.items(max_wait), bill, limits.max_usd)
    if faults:
        raise refusal_of(faults)
    items, hosting = bill.items(max_wait), bill.hosting
    runtimes = [rung.max_runtime_seconds for rung in bill.rungs]
    return Plan(
        backend=backend.name,
        spec_digest=backend.digest(spec),
        region=region,
        image_uri=needs.image_uri,
        dataset=needs.dataset,
        rungs=bill.rungs,
        hosting=hosting,
        items=items,
        worst_case_usd=fsum(item.usd for item in items),
        max_usd=limits.max_usd,
        max_runtime_seconds=max(runtimes, default=int(max_wait.total_seconds())),
        max_wait_seconds=max_wait.total_seconds(),
        most_jobs=limits.most_jobs if needs.charges else None,
        lease_seconds=None if hosting is None else hosting.lease_seconds,
        checks=tuple(result for result in results if isinstance(result, PlanCheck)),
        prices=bill.prices,
        unit_prices=bill.unit_prices,
        resolved=dict(needs.resolved),
    )


def _on_its_instance(limits: Limits, needs: Needs) -> Limits:
    """Return the limits with the instance that the model itself says it is served on, where nobody else has said it."""
    hosting = limits.hosting
    if not isinstance(hosting, Hosting) or hosting.instance_type:
        return limits
    if not needs.serves_on:
        said = "instance_type is missing, and the model says nothing of what serves it."
        raise SpecError("hosting", said, "Give the instance of the endpoints.")
    return limits.model_copy(update={"hosting": hosting.model_copy(update={"instance_type": needs.serves_on})})
