"""The written rules: each says of one candidate that it holds, is broken, or cannot be known. Pure.

docs/choosing-a-backend.md has the same rules in the same order; no rule knows a backend by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from airflow_finetune.planning.choice.spec import Wishes
from airflow_finetune.planning.choice.traffic import month_usd
from airflow_finetune.planning.worst_case import dollars
from airflow_finetune.values import Plan, RuleOutcome
from airflow_finetune.values.chosen import RuleSays


@dataclass(frozen=True)
class Offer:
    """One candidate, as far as the rules look at it.

    Attributes:
        name: the key in the pipeline file.
        backend: the way to tune.
        base_model: what would be tuned.
        plan: of the preflight; None where there is none.
        refused: why there is no plan, in the preflight's words; empty where there is one.
        settable: keys of ``model`` that its backend lets a person set, and those that its file does set freely.
        profile: the inference profile that would be asked, which may answer from another region; empty without.
        min_examples: with fewer the file does not want it; None for no bound.
        max_examples: with more the file does not want it; likewise.
    """

    name: str
    backend: str
    base_model: str
    plan: Plan | None
    refused: str = ""
    settable: frozenset[str] = frozenset()
    profile: str = ""
    min_examples: int | None = None
    max_examples: int | None = None


Rule = Callable[[Offer, Wishes, int | None], RuleOutcome | None]
"""Takes a candidate, the wishes, and the number of examples, None when nobody has counted; None says nothing."""


def outcomes(offer: Offer, wishes: Wishes, examples: int | None) -> tuple[RuleOutcome, ...]:
    """Return what every rule says about a candidate, in the order of the docs."""
    return tuple(_outcomes(offer, wishes, examples))


def _outcomes(offer: Offer, wishes: Wishes, examples: int | None) -> Iterator[RuleOutcome]:
    for rule in RULES:
        if (outcome := rule(offer, wishes, examples)) is not None:
            yield outcome


def _preflight(offer: Offer, _: Wishes, __: int | None) -> RuleOutcome:
    if offer.plan is None:
        return _says("preflight", "broken", offer.refused)
    checks = len(offer.plan.checks)
    return _says("preflight", "holds", f"{checks} checks of role, region, quota, data, model and price.")


def _volume(offer: Offer, _: Wishes, examples: int | None) -> RuleOutcome | None:
    least, most = offer.min_examples, offer.max_examples
    if least is None and most is None:
        return None
    bounds = " and ".join(
        [*([f"at least {least:,}"] if least is not None else []), *([f"at most {most:,}"] if most is not None else [])]
    )
    if examples is None:
        return _says("data volume", "unknown", f"the file wants {bounds} examples, and nobody has counted them.")
    within = (least is None or examples >= least) and (most is None or examples <= most)
    return _says("data volume", _holds(within), f"{examples:,} examples; the file wants {bounds} for it.")


def _model(offer: Offer, wishes: Wishes, _: int | None) -> RuleOutcome | None:
    if not wishes.models:
        return None
    fits = [pattern for pattern in wishes.models if fnmatchcase(offer.base_model, pattern)]
    wanted = ", ".join(wishes.models)
    return _says("wanted model", _holds(bool(fits)), f"it tunes {offer.base_model}; wanted is {wanted}.")


def _control(offer: Offer, wishes: Wishes, _: int | None) -> RuleOutcome | None:
    if not wishes.control:
        return None
    missing = [key for key in wishes.control if key not in offer.settable]
    if missing:
        return _says("control", "broken", f"{offer.backend} does not let you set {', '.join(missing)}.")
    return _says("control", "holds", f"you can set {', '.join(wishes.control)}.")


def _region(offer: Offer, wishes: Wishes, _: int | None) -> RuleOutcome | None:
    if not wishes.one_region:
        return None
    if offer.profile:
        said = f"{offer.profile} is an inference profile: AWS may answer from another region."
        return _says("region", "broken", said)
    return _says("region", "holds", "everything stays in the region of the connection.")


def _deadline(offer: Offer, wishes: Wishes, _: int | None) -> RuleOutcome | None:
    if wishes.deadline_hours is None or offer.plan is None:
        return None
    hours, wanted = offer.plan.max_wait_seconds / 3600, f"the deadline is {wishes.deadline_hours:g} hours"
    if not offer.plan.rungs:
        return _says("deadline", "unknown", f"AWS states no limit for how long its jobs take; {wanted}.")
    said = f"its jobs may take {hours:.1f} hours, waiting and fallback included; {wanted}."
    return _says("deadline", _holds(hours <= wishes.deadline_hours), said)


def _traffic(offer: Offer, wishes: Wishes, _: int | None) -> RuleOutcome | None:
    if wishes.requests_a_month is None or offer.plan is None:
        return None
    usd, asked = month_usd(offer.plan, wishes), f"{wishes.requests_a_month:,} requests a month"
    if usd is None:
        return _says("hosting traffic", "unknown", f"nobody knows what {asked} would cost.")
    by = "whether or not it is asked" if _by_hour(offer.plan) else "by the token"
    return _says("hosting traffic", "holds", f"{asked} cost {dollars(usd)} a month, {by}.")


def _by_hour(plan: Plan) -> bool:
    return getattr(plan.hosting, "hosting", "") != "on_demand_deployment"


def _holds(holds: bool) -> RuleSays:
    return "holds" if holds else "broken"


def _says(rule: str, outcome: RuleSays, said: str) -> RuleOutcome:
    return RuleOutcome(rule=rule, outcome=outcome, said=said)


RULES: tuple[Rule, ...] = (_preflight, _volume, _model, _control, _region, _deadline, _traffic)
