"""Asks the base model the golden items with each prompt, one prompt after the other."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_finetune.errors import DataError, RequestRefused, SpecError
from airflow_finetune.evaluation.advice.answers import Answered, scores_of
from airflow_finetune.evaluation.advice.prompts import Prompt
from airflow_finetune.evaluation.advice.recommend import Measured
from airflow_finetune.evaluation.asking import SERVICES, Asking, Desk, Tokens, ask_all, asking_usd, check_askable
from airflow_finetune.evaluation.golden import GoldenItem, GoldenSet
from airflow_finetune.evaluation.report import masked

if TYPE_CHECKING:
    from airflow_finetune.evaluation.run import Places
    from airflow_finetune.evaluation.sampling import EvaluateSpec
    from airflow_finetune.values import ServedModel

Ends = Mapping[str, threading.Event]
"""Name of a prompt -> what is set to end its asking, from any thread."""


def measured_and_answered(
    base: ServedModel, prompts: Sequence[Prompt], items: Sequence[GoldenItem], how: EvaluateSpec, places: Places,
    ends: Ends,
) -> tuple[list[Measured], list[Answered]]:  # fmt: skip
    """Return how each prompt fared, and every item with all answers.

    A prompt that the model does not take, or that it leaves unanswered too often, is no reason to end: it is measured
    as such, with the words that say why.

    Args:
        base: the model.
        prompts: at least one.
        items: of the golden set.
        how: with the one scorer that decides.
        places: what to work with; its ``end`` is not used.
        ends: one for each prompt.

    Raises:
        Unavailable: AWS cannot answer now, or an end was set.
    """
    found, answers = [], dict[str, list[str | None]]()
    for prompt in prompts:
        one, texts = _asked(base, prompt, items, how, places._replace(end=ends[prompt.name]))
        found.append(one)
        if texts is not None:
            answers[prompt.name] = texts
    scores = {each.name: each.scores for each in found if each.scores}
    rows = [
        Answered(
            item, {name: texts[n] for name, texts in answers.items()}, {name: told[n] for name, told in scores.items()}
        )
        for n, item in enumerate(items)
    ]
    return found, rows


def _asked(
    base: ServedModel, prompt: Prompt, items: Sequence[GoldenItem], how: EvaluateSpec, places: Places
) -> tuple[Measured, list[str | None] | None]:
    asked = tuple(prompt.asks(item) for item in items)
    service = SERVICES[base.service]
    desk = Desk(places.make_client(service.client), places.clock, places.end, places.patience)
    asking = Asking(base.model_copy(update={"arm": f"base, {prompt.name}"}), how.sampling, desk)
    places.say(f"Asks {len(asked)} items of {asking.thing}.")
    began = places.clock()
    try:
        check_askable(GoldenSet(asked, ""), how.sampling, f"prompt {prompt.name}", {base.service})
        chats = [item.messages for item in asked]
        (texts,) = ask_all([asking], chats, how.concurrency, places.end, places.say)
    except (DataError, RequestRefused, SpecError) as error:
        places.say(f"{prompt.name} is left out: {error}")
        return Measured(name=prompt.name, said=masked(error.said)), None  # a server may quote what it was asked
    seconds = (places.clock() - began).total_seconds()
    tokens = Tokens(asking.input_tokens, asking.output_tokens)
    counted = tokens._asdict() if base.service == "bedrock" else {}
    told = Measured(
        name=prompt.name,
        scores=scores_of(texts, items, how.scorers[0]),
        unanswered=asking.unanswered,
        seconds=seconds,
        usd=asking_usd([(base, tokens)], seconds),
        **{f"{kind}_tokens": count for kind, count in counted.items()},
    )
    return told, texts
