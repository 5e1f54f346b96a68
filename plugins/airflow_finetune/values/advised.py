"""How far the base model gets by its prompt alone, as it travels from ``advise``."""

from __future__ import annotations

from typing import Literal

from airflow_finetune.values.value import DatasetReference, Estimate, ModelReference, Value

Recommendation = Literal["reaches", "helps", "does_not_help", "unknown"]
_Outcome = Literal["pass", "reject", "inconclusive"]


class AdvisedPrompt(Value):
    """One way to prompt the base model, and how it answered.

    Attributes:
        name: ``plain``, ``instruction`` or ``few_shot``.
        said: why it could not be asked, in AWS's words where they are AWS's; empty where it was.
        estimate: of the gate's metric; None where it could not be asked.
        reaches: whether the items show that it reaches the target; None likewise.
        p_reaches: p-value of that claim, one-sided; where it is rejected, of its opposite.
        gain: over the plain prompt, item by item; None for that itself, or where one of the two could not be asked.
        better: whether the items show that it is better than the plain prompt; None likewise.
        p_better: p-value of that claim, one-sided; where it is rejected, of its opposite.
        unanswered: items without an answer; they score 0.
        seconds: from the first question to the last answer.
        input_tokens: that AWS counted in what was asked; None for an endpoint, which counts none.
        output_tokens: in what was answered; likewise.
        usd_per_1000: dollars that a thousand answers cost like this; None when a price is unknown.
    """

    name: str
    said: str = ""
    estimate: Estimate | None = None
    reaches: _Outcome | None = None
    p_reaches: float | None = None
    gain: Estimate | None = None
    better: _Outcome | None = None
    p_better: float | None = None
    unanswered: int = 0
    seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    usd_per_1000: float | None = None


class Advice(Value):
    """Whether a model must be tuned at all: what the base model reaches by prompting.

    Attributes:
        recommendation: ``reaches`` the target by prompting, ``helps`` without being shown to reach it, or is not shown
            to help; ``unknown`` where that could not be measured.
        reason: in words.
        best: name of the prompt that the recommendation is about; None without one.
        metric: of the gate's policy.
        at_least: the gate's target.
        alpha: the probability with which prompting that does not reach the target is said to, at most.
        test: of the claim that the target is reached; None where nothing was asked.
        items: that were asked.
        golden_items: that the golden set has.
        golden: the set.
        model: the base model.
        prompts: each that was measured, or could not be.
        shots: training examples in the prompt ``few_shot``.
        shots_wanted: as the file says.
        overlapping: training examples that were no candidates because they ask what a golden item asks.
        too_long: training examples that were no candidates because of their length.
        usd: what all the asking has cost; None when a price is unknown, and 0 when it was measured before.
        require_advice: whether the run was to stop where prompting reaches the target.
        stopped: whether it did.
        policy_digest: of the gate's policy.
        report_uri: the same for people; None when nobody has written it.
    """

    recommendation: Recommendation
    reason: str
    best: str | None = None
    metric: str
    at_least: float
    alpha: float
    test: str | None = None
    items: int
    golden_items: int
    golden: DatasetReference
    model: ModelReference
    prompts: tuple[AdvisedPrompt, ...] = ()
    shots: int = 0
    shots_wanted: int = 0
    overlapping: int = 0
    too_long: int = 0
    usd: float | None = None
    require_advice: bool = False
    stopped: bool = False
    policy_digest: str
    report_uri: str | None = None
