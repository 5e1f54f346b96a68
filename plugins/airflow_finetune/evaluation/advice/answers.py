"""Every item with the answer to each prompt: scored, and as lines of a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from airflow_finetune.curation.canonical import Message
from airflow_finetune.evaluation.golden import GoldenItem
from airflow_finetune.evaluation.report import masked
from airflow_finetune.evaluation.scorers import named


class Answered(NamedTuple):
    """One golden item.

    Attributes:
        item: as the golden set has it.
        answers: name of a prompt -> what the base model answered; None where it did not.
        scores: name of a prompt -> score of the gate's metric.
    """

    item: GoldenItem
    answers: Mapping[str, str | None]
    scores: Mapping[str, float]

    @property
    def differs(self) -> bool:
        """Say whether the score depends on the prompt."""
        return len(set(self.scores.values())) > 1


def scores_of(answers: Sequence[str | None], items: Sequence[GoldenItem], metric: str) -> tuple[float, ...]:
    """Return the score of each answer; no answer scores 0."""
    (scorer,) = named([metric])
    pairs = zip(answers, items, strict=True)
    return tuple(0.0 if said is None else scorer.score(said, item.target) for said, item in pairs)


def answer_lines(answered: Iterable[Answered]) -> str:
    """Return every item as JSON Lines; what looks like personal data or a secret is masked."""
    return "".join(json.dumps(_shown(each)) + "\n" for each in answered)


def read_answer_lines(text: str) -> tuple[Answered, ...]:
    """Return the items that ``answer_lines`` wrote, with their masks."""
    return tuple(_read(line) for line in text.split("\n") if line)


def _shown(each: Answered) -> dict[str, object]:
    return {
        "line": each.item.line,
        "messages": [{"role": role, "content": masked(content)} for role, content in each.item.messages],
        "target": masked(each.item.target),
        "answers": {name: None if said is None else masked(said) for name, said in each.answers.items()},
        "scores": dict(each.scores),
    }


def _read(line: str) -> Answered:
    told = json.loads(line)
    messages = tuple(Message(turn["role"], turn["content"]) for turn in told["messages"])
    return Answered(GoldenItem(told["line"], messages, told["target"]), told["answers"], told["scores"])
