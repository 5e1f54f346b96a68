"""From the scores of each prompt to a recommendation, by the gate's own exact tests; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from airflow_finetune.evaluation.checks import improves, reaches
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.report import metric_report
from airflow_finetune.evaluation.scorers import named
from airflow_finetune.values import AdvisedPrompt, GateCheck, Value
from airflow_finetune.values.advised import Recommendation

WORDS: dict[Recommendation, str] = {
    "reaches": "prompting already reaches the target",
    "helps": "prompting helps, does not reach it",
    "does_not_help": "prompting does not help",
    "unknown": "no advice",
}


class Measured(Value):
    """How the base model answered with one prompt.

    Attributes:
        name: of the prompt.
        said: why it could not be asked; empty where it was.
        scores: of the gate's metric, one for each item in order; empty where it could not be asked.
        unanswered: items without an answer.
        seconds: from the first question to the last answer.
        input_tokens: that AWS counted; None for an endpoint.
        output_tokens: likewise.
        usd: of all answers; None when a price is unknown.
    """

    name: str
    said: str = ""
    scores: tuple[float, ...] = ()
    unanswered: int = 0
    seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    usd: float | None = None


class Told(NamedTuple):
    """A recommendation, and what it rests on.

    Attributes:
        recommendation: its word.
        reason: in words.
        best: the prompt that it is about; None without one.
        test: of the claim that the target is reached; None where nothing was asked.
        prompts: each with its estimate and tests.
    """

    recommendation: Recommendation
    reason: str
    best: str | None
    test: str | None
    prompts: tuple[AdvisedPrompt, ...]


def recommend(measured: Sequence[Measured], policy: GatePolicy) -> Told:
    """Return what the items show about each prompt, and what follows.

    A prompt reaches the target when the lower bound of its mean does. Several prompts are several chances to be lucky:
    ``alpha`` is divided by their number, so that with probability ``1 - alpha`` none of them is said to reach the
    target that does not (Bonferroni; for the best of several it is Holm's first step).

    Args:
        measured: each prompt, ``plain`` first; all were asked the same items.
        policy: of the gate, with ``at_least``.
    """
    asked = [each for each in measured if each.scores]
    if not asked:
        said = " ".join(f"{each.name}: {each.said}" for each in measured)
        return Told("unknown", f"The base model could not be asked. {said}", None, None, _unasked(measured))
    strict = policy.model_copy(
        update={"alpha": policy.alpha / len(asked), "better_than_baseline": True, "min_improvement": 0.0}
    )
    plain = next((each for each in asked if each.name == "plain"), None)
    checks = {each.name: _checks(each, plain, strict) for each in asked}
    prompts = tuple(_advised(each, *checks.get(each.name, (None, None))) for each in measured)
    test = next(iter(checks.values()))[0].test
    items = len(asked[0].scores)
    if items < policy.min_items:
        said = f"{items} golden items were asked; the policy decides on {policy.min_items} or more."
        return Told("unknown", said, None, test, prompts)
    found, best = _judged([each for each in prompts if each.estimate is not None])
    return Told(found, _reason(found, best, policy, items, prompts), best.name if best else None, test, prompts)


def _checks(each: Measured, plain: Measured | None, strict: GatePolicy) -> tuple[GateCheck, GateCheck | None]:
    (scorer,), before = named([strict.metric]), plain or each
    metric = metric_report(scorer, list(zip(before.scores, each.scores, strict=True)))
    reached = reaches(metric, strict, len(each.scores))
    assert reached is not None  # noqa: S101 - the policy has at_least; for the type checker
    return reached, None if before is each else improves(metric, strict, len(each.scores))


def _advised(each: Measured, reached: GateCheck | None, better: GateCheck | None) -> AdvisedPrompt:
    return AdvisedPrompt(
        name=each.name,
        said=each.said,
        estimate=None if reached is None else reached.estimate,
        reaches=None if reached is None else reached.outcome,
        p_reaches=None if reached is None else reached.p_value,
        gain=None if better is None else better.estimate,
        better=None if better is None else better.outcome,
        p_better=None if better is None else better.p_value,
        unanswered=each.unanswered,
        seconds=each.seconds,
        input_tokens=each.input_tokens,
        output_tokens=each.output_tokens,
        usd_per_1000=None if each.usd is None or not each.scores else each.usd / len(each.scores) * 1000,
    )


def _unasked(measured: Sequence[Measured]) -> tuple[AdvisedPrompt, ...]:
    return tuple(_advised(each, None, None) for each in measured)


def _judged(asked: Sequence[AdvisedPrompt]) -> tuple[Recommendation, AdvisedPrompt | None]:
    if reached := [each for each in asked if each.reaches == "pass"]:
        return "reaches", _highest(reached)
    if better := [each for each in asked if each.better == "pass"]:
        return "helps", _highest(better)
    if compared := [each for each in asked if each.better is not None]:
        return "does_not_help", _highest(compared)
    return "unknown", None


def _highest(prompts: Sequence[AdvisedPrompt]) -> AdvisedPrompt:
    """Return the prompt with the highest mean; of equal ones the first, which is the shorter prompt."""
    return max(prompts, key=lambda each: each.estimate.mean if each.estimate else 0.0)


def _reason(
    found: Recommendation,
    best: AdvisedPrompt | None,
    policy: GatePolicy,
    items: int,
    prompts: Sequence[AdvisedPrompt],
) -> str:
    left_out = " ".join(f"{each.name} could not be asked: {each.said}" for each in prompts if each.said)
    target = f"{policy.metric} of at least {policy.at_least:g}"
    if best is None or best.estimate is None:
        return f"There is nothing to compare: {left_out or 'one prompt was asked.'}"
    told = best.estimate
    seen = f"with the prompt {best.name} {told.mean:.3f} was observed on {items} items, lower bound {told.low:.3f}"
    said = {
        "reaches": f"{target} is shown: {seen}.",
        "helps": f"{best.name} is shown to be better than the plain prompt, and {target} is not shown: {seen}.",
        "does_not_help": f"No prompt is shown to be better than the plain one, nor to reach {target}: {seen}.",
    }[found]
    return f"{said} {left_out}".rstrip()
