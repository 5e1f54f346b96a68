"""Where an advice lies: what was measured, for whoever asks again, and the advice for machines and for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_finetune.evaluation.advice.answers import Answered, answer_lines, read_answer_lines
from airflow_finetune.evaluation.advice.page import page
from airflow_finetune.evaluation.advice.recommend import Measured, recommend
from airflow_finetune.evaluation.advice.told import in_words
from airflow_finetune.evaluation.store import ANSWERS, PAGE, Store
from airflow_finetune.values import Advice

if TYPE_CHECKING:
    from airflow_finetune.evaluation.advice.prompts import Prompt
    from airflow_finetune.evaluation.policy import GatePolicy

MEASURED, ADVICE = "measured.json", "advice.json"


class Evidence(NamedTuple):
    """What was measured.

    Attributes:
        measured: each prompt.
        answered: each item.
        asked: whether anybody was asked for it now.
    """

    measured: Sequence[Measured]
    answered: Sequence[Answered]
    asked: bool

    def without(self, name: str, said: str) -> Evidence:
        """Return it with a prompt that could not be asked, and why."""
        return self._replace(measured=[*self.measured, Measured(name=name, said=said)])

    @property
    def usd(self) -> float | None:
        """What the asking has cost now; None when a price is unknown."""
        prices = [each.usd for each in self.measured if each.scores]
        known = [usd for usd in prices if usd is not None]
        return 0.0 if not self.asked else sum(known) if len(known) == len(prices) else None


def stored(store: Store) -> Evidence | None:
    """Return what was measured before; None when there is nothing that this release can read."""
    content, answers = store.read(MEASURED), store.read(ANSWERS)
    if content is None or answers is None:
        return None
    try:
        measured = [Measured.load(each) for each in json.loads(content)]
        return Evidence(measured, read_answer_lines(answers.decode()), asked=False)
    except (ValueError, LookupError, TypeError):  # pydantic's error is the first of them too
        return None


def keep(evidence: Evidence, store: Store) -> None:
    """Store what was measured, unless a prompt could not be asked: that may be otherwise the next time."""
    store.write(ANSWERS, answer_lines(evidence.answered))
    if not any(each.said for each in evidence.measured):
        store.write(MEASURED, json.dumps([each.dump() for each in evidence.measured]))


def advice_of(
    evidence: Evidence,
    prompts: Sequence[Prompt],
    policy: GatePolicy,
    known: dict[str, Any],
    store: Store,
    say: Callable[[str], None],
) -> Advice:
    """Return the advice; write it and its page, and tell it.

    Args:
        evidence: what was measured.
        prompts: that were asked, for the page.
        policy: of the gate, with ``at_least``.
        known: the other fields of ``Advice``.
        store: where both are put.
        say: takes one line for the task's log.
    """
    told = recommend(evidence.measured, policy)
    made = Advice(
        **told._asdict(),
        metric=policy.metric,
        at_least=policy.at_least or 0.0,
        alpha=policy.alpha,
        usd=evidence.usd,
        policy_digest=policy.digest(),
        report_uri=store.address(PAGE),
        **known,
    )
    store.write(ADVICE, made.model_dump_json(indent=1))
    store.write(PAGE, page(made, prompts, evidence.answered))
    for line in in_words(made):
        say(line)
    return made
