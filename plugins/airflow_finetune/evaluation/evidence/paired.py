"""Whether one of two models is better, from the items on which they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

from airflow_finetune.evaluation.evidence.binomial import Bounds

EXACT_ITEMS = 250  # counting more takes seconds; there the normal limit is off by less than 0.001
_BISECTIONS = 60


def mcnemar(wins: int, losses: int) -> float:
    """Return the one-sided exact p-value of McNemar's test: how likely at least ``wins`` are if no model is better.

    Formula: P(X >= wins) for X ~ Binomial(wins + losses, 1/2), by whole numbers. McNemar 1947, Psychometrika 12:153;
    exact form as in Fagerland, Lydersen & Laake 2013, BMC Medical Research Methodology 13:91. Items on which both are
    right, or both wrong, say nothing about which one is better and do not enter. 1.0 when no item differs.
    """
    differing = wins + losses
    # At most half of the terms: the smaller tail, and its complement where wins are few.
    if wins * 2 > differing:
        return sum(math.comb(differing, k) for k in range(wins, differing + 1)) / (1 << differing)
    return ((1 << differing) - sum(math.comb(differing, k) for k in range(wins))) / (1 << differing)


def tango_score(wins: int, losses: int, items: int, difference: float) -> float:
    """Return how far the result is from a difference of two paired shares, in standard deviations.

    Tango 1998, Statistics in Medicine 17:891: ``(b - c - n D) / sqrt(n (2 q + D (1 - D)))`` for b wins and c losses,
    where q is the likeliest probability of a loss if the difference is D. For D = 0 it is McNemar's statistic.
    """
    linear = (2 * items - wins + losses) * difference - wins - losses
    constant = -losses * difference * (1 - difference)
    root = math.sqrt(max(linear * linear - 8 * items * constant, 0.0))
    loss = (root - linear) / (4 * items)
    variance = items * (2 * loss + difference * (1 - difference))
    distance = wins - losses - items * difference
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def tango_bounds(wins: int, losses: int, items: int, alpha: float) -> Bounds:
    """Return the bounds of the difference of two paired shares, each of which misses the truth with about ``alpha``.

    The differences from which the result is ``z_alpha`` away (Tango 1998); recommended for paired shares by Fagerland,
    Lydersen & Laake 2014, Statistics in Medicine 33:2850, as it holds its confidence at few items and at few that
    differ. McNemar's exact test is stricter: where it finds a difference, 0 is outside.
    """
    z = NormalDist().inv_cdf(1 - alpha)
    return Bounds(_where(wins, losses, items, z), -_where(losses, wins, items, z))


def _where(wins: int, losses: int, items: int, z: float) -> float:
    low, high = -1.0, (wins - losses) / items
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if tango_score(wins, losses, items, middle) > z else (low, middle)
    return low


def sign_flip(hundredths: Mapping[int, int]) -> float:
    """Return the one-sided p-value of the randomisation test of paired differences.

    If no model is better on any item, each difference could as well have had the other sign. So: the share of the
    ``2 ** differing`` ways to set the signs that give a sum at least as high as the one that was seen. Fisher 1935,
    The Design of Experiments, section 21; Edgington & Onghena 2007, chapter 5. For differences of one size it is
    ``mcnemar``. All ways are counted, as coefficients of a polynomial that is one large whole number; above
    ``EXACT_ITEMS`` differing items the normal limit of the same sum is taken.

    Args:
        hundredths: difference in hundredths -> items; any unit will do, coarse ones only keep the count short.
    """
    sizes = [abs(size) for size, items in hundredths.items() for _ in range(items) if size]
    gained = sum(size * items for size, items in hundredths.items() if size > 0)
    if len(sizes) > EXACT_ITEMS:
        spread = math.sqrt(sum(size * size for size in sizes))
        return 1.0 - NormalDist().cdf((2 * gained - sum(sizes) - 1) / spread)
    unit = math.gcd(*sizes) if sizes else 1
    width, ways = len(sizes) + 1, 1
    for size in sizes:
        ways += ways << (size // unit * width)
    # The coefficients from ``gained`` on, added up: each takes ``width`` bits, and their sum fits into as many.
    return (ways >> (gained // unit * width)) % ((1 << width) - 1) / (1 << len(sizes)) if sizes else 1.0
