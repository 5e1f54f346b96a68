"""Whether one of two models is better, from the items on which they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

from airflow_finetune.evaluation.evidence.binomial import Bounds, clopper_pearson

EXACT_ITEMS = 250  # counting more takes seconds; there the normal limit is off by less than 0.001


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


def difference_bounds(wins: int, losses: int, items: int, alpha: float) -> Bounds:
    """Return the bounds of the difference of two shares, as McNemar's exact test sees them.

    ``(2 p - 1) * differing / items``, where p is the exact bound (Clopper & Pearson 1934) of the wins' share among the
    items that differ, whose number is taken as given. So the lower bound is above 0 exactly if ``mcnemar`` is below
    ``alpha``. When no item differs nothing is known about the direction, but no difference can be above the share of
    items that differ, whose exact bound is ``1 - alpha ** (1 / items)``.
    """
    differing = wins + losses
    if not differing:
        most: float = 1 - alpha ** (1 / items)
        return Bounds(-most, most)
    low, high = clopper_pearson(wins, differing, alpha)
    return Bounds((2 * low - 1) * differing / items, (2 * high - 1) * differing / items)


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
