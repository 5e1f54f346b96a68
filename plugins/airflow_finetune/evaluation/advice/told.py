"""The advice in words, for a task's log; pure."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_finetune.evaluation.advice.recommend import WORDS
from airflow_finetune.evaluation.page import dollars
from airflow_finetune.values import Advice, AdvisedPrompt


def in_words(advice: Advice) -> Iterator[str]:
    """Yield the advice, line by line."""
    for each in advice.prompts:
        yield _told(each, advice)
    yield f"{WORDS[advice.recommendation].capitalize()}. {advice.reason}"
    if advice.report_uri:
        yield f"The page: {advice.report_uri}"


def _told(each: AdvisedPrompt, advice: Advice) -> str:
    if each.estimate is None:
        return f"{each.name}: could not be asked: {each.said}"
    told = each.estimate
    price = "an unknown price" if each.usd_per_1000 is None else dollars(each.usd_per_1000)
    counted = (each.input_tokens, each.output_tokens)
    tokens = "" if None in counted else f", {counted[0]:,} tokens asked and {counted[1]:,} answered"
    return (
        f"{each.name}: {advice.metric} {told.mean:.3f} ({told.low:.3f} to {told.high:.3f}){tokens}, {price} for 1,000"
        " answers."
    )
