"""From what the rules say to the candidate that a run takes, or to every reason why it takes none. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from airflow_finetune.errors import SpecError
from airflow_finetune.planning.choice.rules import Offer, outcomes
from airflow_finetune.planning.choice.spec import Wishes
from airflow_finetune.planning.choice.traffic import month_usd
from airflow_finetune.planning.worst_case import dollars
from airflow_finetune.values import BackendChoice, JudgedCandidate, RuleOutcome

_NEXT = "Correct one of them, or wish for less in 'auto'; nothing was created."


def choose(offers: Iterable[Offer], wishes: Wishes, examples: int | None, region: str) -> BackendChoice:
    """Return the choice; the order of the candidates does not count.

    What a person has chosen is taken whatever the rules say, unless its preflight has failed: it could not run. Else
    the cheapest of those that break no rule is taken, after those of which less is known.

    Args:
        offers: the candidates, each with its plan or with why it has none.
        wishes: of the file and the run.
        examples: that the model would learn from; None when nobody has counted.
        region: where everything would run.

    Raises:
        SpecError: nothing fits, or what a person has chosen cannot run; names every reason.
    """
    judged = [_judged(offer, wishes, examples) for offer in sorted(offers, key=lambda offer: offer.name)]
    ranked = [
        each.model_copy(update={"rank": rank})
        for rank, each in enumerate(sorted((each for each in judged if each.fits), key=_order), 1)
    ]
    listed = (*ranked, *(each for each in judged if not each.fits))
    known = {each.name: each for each in listed}
    if wishes.choose is not None:
        taken, why = _overridden(wishes.choose, known), "a person has chosen it."
    elif ranked:
        taken, why = ranked[0], _why(ranked)
    else:
        said = " ".join(f"[{each.name}] {' '.join(each.reasons)}" for each in listed)
        raise SpecError(f"backend auto: none of {', '.join(known)} fits", said, _NEXT)
    facts: dict[str, Any] = {"examples": examples, "region": region, "wishes": wishes.asked()}
    return BackendChoice(
        chosen=taken.name,
        backend=taken.backend,
        why=why,
        overridden=wishes.choose is not None,
        candidates=listed,
        facts=facts,
    )


def _judged(offer: Offer, wishes: Wishes, examples: int | None) -> JudgedCandidate:
    rules, plan = outcomes(offer, wishes, examples), offer.plan
    month = None if plan is None else month_usd(plan, wishes)
    total = None if plan is None else plan.worst_case_usd + (month or 0.0) * wishes.months
    counts = wishes.requests_a_month is None or month is not None
    return JudgedCandidate(
        name=offer.name,
        backend=offer.backend,
        base_model=offer.base_model,
        fits=all(rule.outcome != "broken" for rule in rules),
        rules=rules,
        worst_case_usd=None if plan is None else plan.worst_case_usd,
        month_usd=month,
        total_usd=total if counts else None,
    )


def _order(each: JudgedCandidate) -> tuple[int, float, str]:
    return len(_unknown(each)), inf if each.total_usd is None else each.total_usd, each.name


def _unknown(each: JudgedCandidate) -> list[RuleOutcome]:
    return [rule for rule in each.rules if rule.outcome == "unknown"]


def _overridden(name: str, known: dict[str, JudgedCandidate]) -> JudgedCandidate:
    if name not in known:
        said = f"{name!r} is no candidate: known are {', '.join(sorted(known))}."
        raise SpecError("backend auto: choose", said, "Name one of them; nothing was created.")
    each = known[name]
    failed = [rule.said for rule in each.rules if rule.rule == "preflight" and rule.outcome == "broken"]
    if failed:
        said = f"a person has chosen it, and it cannot run: {' '.join(failed)}"
        raise SpecError(f"backend auto: {name}", said, "Correct it, or choose another one; nothing was created.")
    return each


def _why(ranked: Sequence[JudgedCandidate]) -> str:
    best, others = ranked[0], ranked[1:]
    if not others:
        return f"it is the only one that breaks no rule; {_price(best)}."
    if len(_unknown(best)) < len(_unknown(others[0])):
        unknown = ", ".join(rule.rule for rule in _unknown(others[0]))
        return f"more is known of it: of {others[0].name} nobody knows {unknown}. It costs {_price(best)}."
    rest = "; ".join(f"{each.name} {_price(each)}" for each in others)
    return f"it is the cheapest that breaks no rule: {_price(best)}. The others: {rest}."


def _price(each: JudgedCandidate) -> str:
    if each.total_usd is None:
        return "an unknown price"
    hosted = ", hosting included" if each.month_usd is not None else ""
    return f"{dollars(each.total_usd)} in the worst case{hosted}"
