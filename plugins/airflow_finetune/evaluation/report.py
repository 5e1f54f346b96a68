"""From the answers of two models to the report: every item scored for both, in pairs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from airflow_finetune.curation.canonical import Message
from airflow_finetune.curation.redaction import Redactor
from airflow_finetune.errors import DataError
from airflow_finetune.evaluation.evidence.binomial import student_bounds, wilson
from airflow_finetune.evaluation.golden import GoldenItem, GoldenSet
from airflow_finetune.evaluation.scorers import Scorer
from airflow_finetune.redact import redacted_text
from airflow_finetune.values import (
    DatasetReference,
    Estimate,
    EvalReport,
    MetricReport,
    ModelReference,
    PairedCounts,
    PairedDifferences,
)

CONFIDENCE = 0.95
_METHODS = {
    "binary": "Wilson's score interval",
    "fraction": "Student's t interval of the mean, cut at 0 and 1",
}


class Arm(NamedTuple):
    """One model and what it answered.

    Attributes:
        model: which weights.
        answers: one for each golden item, in its order; None where there was none.
    """

    model: ModelReference
    answers: Sequence[str | None]


class Judged(NamedTuple):
    """One golden item, both answers and their scores.

    Attributes:
        item: what was asked and wanted.
        baseline: its answer; None without.
        candidate: likewise.
        scores: name of a scorer -> score of the baseline, score of the candidate.
    """

    item: GoldenItem
    baseline: str | None
    candidate: str | None
    scores: dict[str, tuple[float, float]]

    @property
    def differs(self) -> bool:
        """Say whether any scorer tells the two apart."""
        return any(baseline != candidate for baseline, candidate in self.scores.values())


def judge(golden: GoldenSet, baseline: Arm, candidate: Arm, scorers: Sequence[Scorer]) -> tuple[Judged, ...]:
    """Score both answers to every item; no answer scores 0.

    Raises:
        DataError: there are not as many answers as items.
    """
    for name, arm in (("baseline", baseline), ("candidate", candidate)):
        if len(arm.answers) != len(golden.items):
            said = f"{len(arm.answers)} answers for {len(golden.items)} golden items."
            raise DataError(name, said, "Evaluate again: every item is asked of both models.")
    return tuple(
        Judged(item, said, told, {each.name: (_score(each, said, item), _score(each, told, item)) for each in scorers})
        for item, said, told in zip(golden.items, baseline.answers, candidate.answers, strict=True)
    )


def report(
    golden: GoldenSet, golden_uri: str, baseline: Arm, candidate: Arm, scorers: Sequence[Scorer]
) -> tuple[EvalReport, tuple[Judged, ...]]:
    """Return what the gate needs, and every item for who wants to look.

    Args:
        golden: what was asked.
        golden_uri: where it lies.
        baseline: the model to beat, and its answers.
        candidate: the model to judge, and its answers.
        scorers: how to score.

    Raises:
        DataError: there are not as many answers as items.
    """
    judged = judge(golden, baseline, candidate, scorers)
    metrics = {each.name: metric_report(each, [item.scores[each.name] for item in judged]) for each in scorers}
    made = EvalReport(
        items=len(judged),
        golden=DatasetReference(uri=golden_uri, sha256=golden.sha256, examples=len(judged)),
        baseline=baseline.model,
        candidate=candidate.model,
        metrics=metrics,
        confidence=CONFIDENCE,
        unanswered_baseline=sum(answer is None for answer in baseline.answers),
        unanswered_candidate=sum(answer is None for answer in candidate.answers),
    )
    return made, judged


def metric_report(scorer: Scorer, scores: Sequence[tuple[float, float]]) -> MetricReport:
    """Return what a scorer says, from the scores of baseline and candidate on each item; there is at least one."""
    binary = scorer.kind == "binary"
    tally = Counter((bool(baseline), bool(candidate)) for baseline, candidate in scores)
    return MetricReport(
        kind=scorer.kind,
        baseline=_estimate([each for each, _ in scores], binary),
        candidate=_estimate([each for _, each in scores], binary),
        method=_METHODS[scorer.kind],
        pairs=PairedCounts(
            both_right=tally[True, True],
            only_baseline=tally[True, False],
            only_candidate=tally[False, True],
            both_wrong=tally[False, False],
        )
        if binary
        else None,
        differences=_differences([candidate - baseline for baseline, candidate in scores]),
        candidate_thousandths=_thousandths(candidate for _, candidate in scores),
    )


def answer_lines(judged: Iterable[Judged]) -> str:
    """Return every item as JSON Lines for machines; what looks like personal data or a secret is masked.

    Scores were taken before the masks were put, so a masked answer can score what its text here does not.
    """
    return "".join(json.dumps(shown(each)) + "\n" for each in judged)


def read_answer_lines(text: str) -> tuple[Judged, ...]:
    """Return the items that ``answer_lines`` wrote, with their masks."""
    return tuple(_read(json.loads(line)) for line in text.split("\n") if line)


def shown(judged: Judged) -> dict[str, Any]:
    """Return an item in plain types, with masks."""
    return {
        "line": judged.item.line,
        "messages": [{"role": role, "content": masked(content)} for role, content in judged.item.messages],
        "target": masked(judged.item.target),
        "baseline": None if judged.baseline is None else masked(judged.baseline),
        "candidate": None if judged.candidate is None else masked(judged.candidate),
        "scores": {name: {"baseline": said, "candidate": told} for name, (said, told) in judged.scores.items()},
    }


def masked(text: str) -> str:
    """Return a text without what looks like an e-mail address, a phone number, a card or a secret."""
    return redacted_text(Redactor().redact(text))


def _read(told: dict[str, Any]) -> Judged:
    messages = tuple(Message(turn["role"], turn["content"]) for turn in told["messages"])
    scores = {name: (each["baseline"], each["candidate"]) for name, each in told["scores"].items()}
    return Judged(GoldenItem(told["line"], messages, told["target"]), told["baseline"], told["candidate"], scores)


def _score(scorer: Scorer, answer: str | None, item: GoldenItem) -> float:
    return 0.0 if answer is None else scorer.score(answer, item.target)


def _estimate(scores: Sequence[float], binary: bool) -> Estimate:
    items, total, alpha = len(scores), math.fsum(scores), (1 - CONFIDENCE) / 2
    mean = total / items
    low, high = wilson(round(total), items, alpha) if binary else student_bounds(mean, _sd(scores), items, alpha)
    return Estimate(mean=mean, low=max(0.0, low), high=min(1.0, high))


def _differences(values: Sequence[float]) -> PairedDifferences:
    tally = _thousandths(values)
    return PairedDifferences(
        mean=math.fsum(values) / len(values),
        sd=_sd(values),
        candidate_better=sum(value > 0 for value in values),
        equal=sum(value == 0 for value in values),
        baseline_better=sum(value < 0 for value in values),
        thousandths=tally,
    )


def _sd(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _thousandths(values: Iterable[float]) -> dict[int, int]:
    return dict(sorted(Counter(round(value * 1000) for value in values).items()))
