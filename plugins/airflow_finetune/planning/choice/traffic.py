"""What it would cost to go on answering, by what a plan has priced already: pure."""

from __future__ import annotations

from airflow_finetune.planning.choice.spec import Wishes
from airflow_finetune.values import Plan, PlannedBedrockHosting, PlannedHosting

HOURS_A_MONTH = 730


def month_usd(plan: Plan, wishes: Wishes) -> float | None:
    """Return what a month of hosting costs for the traffic that is wished; None when that is not known or not said.

    By hours, one model on the instances or model units that the plan has priced, whether or not they are asked; whether
    they could bear the traffic, nobody knows before it comes. By the token, the requests times their tokens.
    """
    hosting = plan.hosting
    if wishes.requests_a_month is None or hosting is None:
        return None
    if isinstance(hosting, PlannedHosting):
        return hosting.usd_per_hour * hosting.instance_count * HOURS_A_MONTH
    if hosting.hosting == "provisioned_throughput":
        unit = _unit_usd(plan, "model_unit", hosting)
        return None if unit is None else unit * hosting.model_units * HOURS_A_MONTH
    asked, answered = _unit_usd(plan, "input_tokens", hosting), _unit_usd(plan, "output_tokens", hosting)
    if asked is None or answered is None:
        return None
    request_usd = (wishes.input_tokens * asked + wishes.output_tokens * answered) / 1000
    return wishes.requests_a_month * request_usd


def _unit_usd(plan: Plan, usage: str, hosting: PlannedBedrockHosting) -> float | None:
    found = [each.usd for each in plan.unit_prices if each.usage == usage and each.model == hosting.model]
    return found[0] if found else None
