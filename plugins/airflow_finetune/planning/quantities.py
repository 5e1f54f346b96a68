"""What a run is billed for by quantity, before it has a price: tokens, model units, stored models. Pure.

Each is an upper bound. A token is at least one byte of the text that it stands for; the file of a golden set holds more
bytes than its questions, namely the answers and JSON, which is more than a model's own marks between turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import ceil
from typing import NamedTuple

from airflow_finetune.backends.backend import Needs
from airflow_finetune.planning.limits import AdviceLimits, BedrockHosting, Evaluation, Hosting, Limits
from airflow_finetune.values import Plan

CLEANUP_SECONDS = 10 * 60  # what outlives its lease lives until the next cleanup
TERM_HOURS = {"OneMonth": 31 * 24, "SixMonths": 184 * 24}  # the longest that AWS can mean
STORED = "model_storage"
TOKENS = "thousand tokens"
_JOBS = ", {} jobs at most"


class Golden(NamedTuple):
    """How much is asked.

    Attributes:
        items: questions; None when nobody knows how many.
        bytes: of all of them together, at most; None when the file cannot be read.
        said: why something is not known; empty when all is.
    """

    items: int | None
    bytes: int | None = None
    said: str = ""


class Line(NamedTuple):
    """Something that is billed by quantity.

    Attributes:
        name: of the line in the worst case.
        quantity: of one job, or of all arms.
        unit: of the quantity.
        usage: what the price list is asked for, with ``model``.
        model: as the price list calls it.
        unit_usd: the user's own price; None asks AWS.
        where: whose key ``prices`` could hold that price.
        times: how often it may be paid.
    """

    name: str
    quantity: float
    unit: str
    usage: str
    model: str
    unit_usd: float | None
    where: str
    times: int = 1

    @property
    def key(self) -> tuple[str, str]:
        """What the price list is asked for."""
        return self.usage, self.model

    @property
    def again(self) -> bool:
        """Whether every job pays it."""
        return self.where == "spec" and self.usage != STORED


def models_of(limits: Limits) -> tuple[str, ...]:
    """Return the models whose names for the price list must be looked up."""
    hosted = (limits.hosting.model,) if isinstance(limits.hosting, BedrockHosting) else ()
    advised = (limits.advice.model,) if limits.advice is not None and limits.advice.model is not None else ()
    return tuple(dict.fromkeys((*hosted, *(limits.evaluation.models if limits.evaluation else ()), *advised)))


def lines_of(needs: Needs, limits: Limits, names: Mapping[str, str], golden: Golden | None) -> tuple[Line, ...]:
    """Return everything that is billed by quantity.

    Args:
        needs: of the job.
        limits: of the run.
        names: identifier of a model -> its name for the price list; what is not here is left out, it is a fault.
        golden: what is asked; None where nothing is paid by the token.
    """
    asked = _evaluation(limits.evaluation, names, golden)
    return (*_job(needs, limits), *_advice(limits, names, golden), *_hosting(limits, names), *asked)


def instead_of_tokens(needs: Needs, limits: Limits, names: Mapping[str, str]) -> Line | None:
    """Return what would be billed if a deployment that AWS does not offer were model units; None where it offers it.

    Args:
        needs: of the job.
        limits: of the run.
        names: as of ``lines_of``.
    """
    hosting = limits.hosting
    if needs.deploys_on_demand is not False or not isinstance(hosting, BedrockHosting) or hosting.model not in names:
        return None
    return _units(hosting, names[hosting.model]) if hosting.hosting == "on_demand_deployment" else None


def one_job_usd(plan: Plan) -> float | None:
    """Return what one of a plan's jobs costs at most, where they are billed by quantity and several are counted."""
    if not plan.most_jobs:
        return None
    found = [item.usd for item in plan.items if item.name.endswith(_JOBS.format(plan.most_jobs))]
    return sum(found) / plan.most_jobs if found else None


def _job(needs: Needs, limits: Limits) -> Iterator[Line]:
    for charge in needs.charges:
        times = 1 if charge.usage == STORED else limits.most_jobs
        name = charge.name if times == 1 else f"{charge.name}{_JOBS.format(times)}"
        quantity, given = charge.quantity, charge.unit_usd
        yield Line(name, quantity, charge.unit, charge.usage, charge.model, given, "spec", times)


def _advice(limits: Limits, names: Mapping[str, str], golden: Golden | None) -> Iterator[Line]:
    asked, hosting = limits.advice, limits.hosting
    if asked is not None and asked.model is not None:
        yield from _advised_by_token(asked, names, golden)
    elif asked is not None and isinstance(hosting, Hosting):
        hours = (hosting.hours + CLEANUP_SECONDS / 3600) * hosting.instance_count
        name, usd = "advice: an endpoint, lease and cleanup", hosting.usd_per_hour
        yield Line(name, hours, "instance hour", "hosting", hosting.instance_type, usd, "hosting")


def _advised_by_token(asked: AdviceLimits, names: Mapping[str, str], golden: Golden | None) -> Iterator[Line]:
    model = names.get(asked.model or "")
    if model is None or golden is None or golden.items is None:
        return
    items = golden.items if asked.most_items is None else min(asked.most_items, golden.items)
    one_pass = golden.items * asked.bytes_per_item if golden.bytes is None else golden.bytes
    questions = (one_pass * asked.prompts + items * asked.more_bytes) / 1000
    usd_in, usd_out = asked.prices.get("input_tokens"), asked.prices.get("output_tokens")
    yield Line(f"advice: questions to {model}", questions, TOKENS, "input_tokens", model, usd_in, "advice")
    answers = items * asked.prompts * asked.max_new_tokens / 1000
    yield Line(f"advice: answers of {model}", answers, TOKENS, "output_tokens", model, usd_out, "advice")


def _hosting(limits: Limits, names: Mapping[str, str]) -> Iterator[Line]:
    hosting = limits.hosting
    if isinstance(hosting, BedrockHosting) and hosting.hosting == "provisioned_throughput" and hosting.model in names:
        yield _units(hosting, names[hosting.model])


def _units(hosting: BedrockHosting, model: str) -> Line:
    hours, until = ceil(hosting.hours + CLEANUP_SECONDS / 3600), "lease and cleanup"  # AWS bills whole hours
    if hosting.commitment:
        hours, until = max(hours, TERM_HOURS[hosting.commitment]), f"the whole term of {hosting.commitment}"
    quantity = hours * hosting.model_units * hosting.arms
    name, given = f"provisioned throughput, {until}", hosting.prices.get("model_unit")
    return Line(name, quantity, "model unit hour", "model_unit", model, given, "hosting")


def _evaluation(asked: Evaluation | None, names: Mapping[str, str], golden: Golden | None) -> Iterator[Line]:
    if asked is None or golden is None or golden.items is None:
        return
    question_bytes = golden.items * asked.bytes_per_item if golden.bytes is None else golden.bytes
    answer_tokens = golden.items * asked.max_new_tokens
    arms = Counter(names[each] for each in asked.models if each in names)
    for model, count in arms.items():
        by = f"{model}, {count} arms" if count > 1 else model
        usd_in, usd_out = asked.prices.get("input_tokens"), asked.prices.get("output_tokens")
        quantity = question_bytes * count / 1000
        yield Line(f"questions to {by}", quantity, TOKENS, "input_tokens", model, usd_in, "evaluation")
        quantity = answer_tokens * count / 1000
        yield Line(f"answers of {by}", quantity, TOKENS, "output_tokens", model, usd_out, "evaluation")
