"""Shares of right answers: exact and approximate bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

_BISECTIONS = 100  # halves [0, 1] until no float lies between


class Bounds(NamedTuple):
    """A lower and an upper bound."""

    low: float
    high: float


def beta_below(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b).

    By the continued fraction DLMF 8.17.22 with Lentz's method; relative error about 1e-12 for the arguments here.
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - beta_below(1.0 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _fraction(x, a, b) / a


def share_at_least(right: int, items: int, share: float) -> float:
    """Return P(X >= right) for X ~ Binomial(items, share): how surprising a result is if the truth is ``share``."""
    if right <= 0 or right > items:
        return float(right <= 0)
    return beta_below(share, right, items - right + 1)


def clopper_pearson(right: int, items: int, alpha: float) -> Bounds:
    """Return the exact bounds of a share, each of which misses the truth with at most ``alpha``.

    Clopper & Pearson 1934: the shares at which a result this high, or this low, has probability ``alpha``. The
    interval between them is at confidence ``1 - 2 * alpha``.
    """
    low = 0.0 if right == 0 else _crossing(lambda share: share_at_least(right, items, share) - alpha)
    high = 1.0 if right == items else _crossing(lambda share: alpha - 1.0 + share_at_least(right + 1, items, share))
    return Bounds(low, high)


def wilson(right: int, items: int, alpha: float) -> Bounds:
    """Return the score bounds of a share, each of which misses the truth with about ``alpha``.

    Wilson 1927; formula 3 of Newcombe 1998, Statistics in Medicine 17:857.
    """
    z = NormalDist().inv_cdf(1 - alpha)
    share = right / items
    middle = share + z * z / (2 * items)
    half = z * math.sqrt(share * (1 - share) / items + z * z / (4 * items * items))
    scale = 1 + z * z / items
    return Bounds(max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale))


def student_bounds(mean: float, sd: float, items: int, alpha: float) -> Bounds:
    """Return the bounds of a mean by Student's t, each of which misses with about ``alpha``; a single item has none."""
    if items < 2:
        return Bounds(-math.inf, math.inf)
    half = student_quantile(1 - alpha, items - 1) * sd / math.sqrt(items)
    return Bounds(mean - half, mean + half)


def student_quantile(probability: float, degrees: int) -> float:
    """Return Student's t quantile for a probability above one half (DLMF 8.17, by the incomplete beta function)."""
    tail = 2 * (1 - probability)
    x = _crossing(lambda each: beta_below(each, degrees / 2, 0.5) - tail)
    return math.sqrt(degrees * (1 - x) / x)


def _crossing(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def _fraction(x: float, a: float, b: float) -> float:
    tiny, c = 1e-300, 1.0
    d = 1.0 / _off_zero(1.0 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 10_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _off_zero(1.0 + step * d, tiny)
            c = _off_zero(1.0 + step / c, tiny)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _off_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
