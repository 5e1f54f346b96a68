"""How many items a test needs, if what was observed is the truth."""

from __future__ import annotations

import math
from statistics import NormalDist

from airflow_finetune.evaluation.evidence.bounded import STAKES, Sample, stakes


def mcnemar_items(difference: float, differing: float, alpha: float, power: float) -> int:
    """Return the items with which McNemar's exact test finds a difference.

    Formula: ``n = (z_alpha sqrt(d) + z_power sqrt(d - D^2))^2 / D^2 + 1 / D`` with d the share of items on which the
    models differ and D the difference of their shares of right answers. Miettinen 1968, Biometrics 24:339, in the
    unconditional form of Connor 1987, Biometrics 43:207; ``1 / D`` pays for the steps of the exact test, as Fleiss,
    Levin & Paik 2003 (Statistical Methods for Rates and Proportions, chapter 13) correct for continuity.

    Args:
        difference: D, above 0.
        differing: d, at least D.
        alpha: one-sided.
        power: the probability to find it.
    """
    z_alpha, z_power = _z(alpha, power)
    spread = z_alpha * math.sqrt(differing) + z_power * math.sqrt(max(differing - difference**2, 0.0))
    return math.ceil((spread / difference) ** 2 + 1 / difference)


def share_items(share: float, threshold: float, alpha: float, power: float) -> int:
    """Return the items with which an exact bound shows that a share is above a threshold.

    Formula: ``n = ((z_alpha sqrt(t (1 - t)) + z_power sqrt(s (1 - s))) / (s - t))^2 + 1 / (s - t)``. Fleiss, Levin &
    Paik 2003, chapter 2, with their correction for continuity.

    Args:
        share: s, above the threshold.
        threshold: t.
        alpha: one-sided.
        power: the probability to show it.
    """
    z_alpha, z_power = _z(alpha, power)
    gap = share - threshold
    spread = z_alpha * math.sqrt(threshold * (1 - threshold)) + z_power * math.sqrt(share * (1 - share))
    return math.ceil((spread / gap) ** 2 + 1 / gap)


def mean_items(mean: float, sd: float, alpha: float, power: float) -> int:
    """Return the items with which a test of paired differences finds that their mean is above 0.

    Formula: ``n = ((z_alpha + z_power) sd / mean)^2``. Miller 2024, arXiv:2411.00640, section 5 (with its two-sided
    alpha halved); the randomisation test has the same power in the limit (Hoeffding 1952).

    Args:
        mean: above 0.
        sd: of the differences.
        alpha: one-sided.
        power: the probability to find it.
    """
    z_alpha, z_power = _z(alpha, power)
    return max(2, math.ceil(((z_alpha + z_power) * sd / mean) ** 2))


def betting_items(sample: Sample, threshold: float, alpha: float, power: float) -> int | None:
    """Return the items with which ``mean_above`` shows a mean that is above a threshold; None when no number can.

    The logarithm of the money that one stake wins is a sum over items, normal in the limit, of mean ``n g`` and
    standard deviation ``sqrt(n) h``; it must exceed ``log(STAKES / alpha)``, as one stake holds ``1 / STAKES`` of the
    money. So: ``sqrt(n) = (z h + sqrt(z^2 h^2 + 4 g L)) / (2 g)``, at the best stake. It counts the winnings of one
    stake only, so the true number is lower.
    """
    room = threshold - sample.least
    if room <= 0:
        return None
    _, z = _z(alpha, power)
    needed = [_for_stake(sample, threshold, stake / room, z, math.log(STAKES / alpha)) for stake in stakes()]
    return min((each for each in needed if each is not None), default=None)


def _for_stake(sample: Sample, threshold: float, stake: float, z: float, goal: float) -> int | None:
    logs = [(math.log1p(stake * (value - threshold)), items) for value, items in sample.counts.items()]
    gain = sum(log * items for log, items in logs) / sample.items
    if gain <= 1e-9:
        return None
    spread = math.sqrt(sum((log - gain) ** 2 * items for log, items in logs) / sample.items)
    root = (z * spread + math.sqrt((z * spread) ** 2 + 4 * gain * goal)) / (2 * gain)
    return math.ceil(root**2)


def _z(alpha: float, power: float) -> tuple[float, float]:
    return NormalDist().inv_cdf(1 - alpha), NormalDist().inv_cdf(power)
