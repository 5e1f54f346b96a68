"""Whether the mean of bounded values is above a threshold, at any number of items and for any distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from airflow_finetune.evaluation.evidence.binomial import Bounds

STAKES = 16
_BISECTIONS = 40


class Sample(NamedTuple):
    """Values between a least and a most, and how often each was seen.

    Attributes:
        counts: value -> items.
        least: no value can be below.
        most: no value can be above.
    """

    counts: Mapping[float, int]
    least: float
    most: float

    @property
    def items(self) -> int:
        """Return how many values there are."""
        return sum(self.counts.values())

    def mirrored(self) -> Sample:
        """Return the same values with the other sign."""
        return Sample({-value: items for value, items in self.counts.items()}, -self.most, -self.least)


def mean_above(sample: Sample, threshold: float) -> float:
    """Return a p-value for the claim that the mean is above a threshold; at most 1.

    By betting (Waudby-Smith & Ramdas 2024, JRSS-B 86:1): whoever stakes the share s of their money on each value wins
    ``1 + s (x - threshold) / (threshold - least)`` times the money. If the mean is at most the threshold, no stake can
    be expected to win; so the money has grown to 1/p with probability at most p (Markov). Here it is spread evenly
    over ``STAKES`` fixed stakes, and the order of the values does not count. It needs more items than Student's t,
    which promises nothing at few items or for rare large values.
    """
    room = threshold - sample.least
    if room <= 0:
        return 0.0 if threshold < sample.least else 1.0
    if threshold >= sample.most:
        return 1.0
    logs = [
        sum(items * math.log1p(stake * (value - threshold) / room) for value, items in sample.counts.items())
        for stake in stakes()
    ]
    most = max(logs)
    grown = most + math.log(sum(math.exp(each - most) for each in logs) / len(logs))
    return math.exp(-grown) if grown > 0 else 1.0


def stakes() -> tuple[float, ...]:
    """Return the stakes: fractions of all the money, just below all of it at most, or one loss would end the game."""
    return tuple((step + 1) / STAKES * 0.999 for step in range(STAKES))


def mean_bounds(sample: Sample, alpha: float) -> Bounds:
    """Return the bounds that ``mean_above`` leaves; each of them misses the mean with at most ``alpha``."""
    mirrored = sample.mirrored()
    return Bounds(_lower(sample, alpha), -_lower(mirrored, alpha))


def _lower(sample: Sample, alpha: float) -> float:
    low, high = sample.least, sum(value * items for value, items in sample.counts.items()) / sample.items
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_above(sample, middle) <= alpha else (low, middle)
    return low
