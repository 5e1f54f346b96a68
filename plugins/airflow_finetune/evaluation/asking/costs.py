"""What asking has cost: endpoints and model units by the hour, models on demand by the token. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from airflow_finetune.values import ServedModel


class Tokens(NamedTuple):
    """What AWS has counted for one model."""

    input: int
    output: int


def asking_usd(arms: Sequence[tuple[ServedModel, Tokens]], seconds: float) -> float | None:
    """Return what asking all models has cost; None when a price is unknown.

    Starting and ending what answers is not in it, nor the minutes for which model units are billed at least.

    Args:
        arms: each with its tokens.
        seconds: for which all of them were asked.
    """
    prices = [_usd(arm, tokens, seconds) for arm, tokens in arms]
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None


def _usd(arm: ServedModel, tokens: Tokens, seconds: float) -> float | None:
    if arm.hourly_usd is None:
        return None
    by_the_hour = arm.hourly_usd * seconds / 3600
    if arm.service != "bedrock" or arm.hourly_usd:
        return by_the_hour
    if arm.input_usd is None or arm.output_usd is None:
        return None
    return (tokens.input * arm.input_usd + tokens.output * arm.output_usd) / 1000
