"""What a policy asks for, one check each: whether the items show that it holds, or that it does not, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from airflow_finetune.evaluation.evidence.binomial import Bounds, clopper_pearson, share_at_least
from airflow_finetune.evaluation.evidence.bounded import Sample, mean_above, mean_bounds
from airflow_finetune.evaluation.evidence.paired import mcnemar, sign_flip, tango_bounds
from airflow_finetune.evaluation.evidence.sample_size import betting_items, mcnemar_items, mean_items, share_items
from airflow_finetune.evaluation.policy import GatePolicy, Guard
from airflow_finetune.values import Decision, Estimate, GateCheck, MetricReport, PairedCounts

CLOPPER_PEARSON = "Clopper-Pearson exact bound"
MCNEMAR = "McNemar's exact test"
SIGN_FLIP = "randomisation test of paired differences"
BETTING = "betting bound of the mean"


class Evidence(NamedTuple):
    """What the items say about one claim.

    Attributes:
        test: which one.
        holds: p-value of the claim.
        fails: p-value of its opposite.
        bounds: of the observed value.
        needed: items in all that would show the claim; None when no number can.
    """

    test: str
    holds: float
    fails: float
    bounds: Bounds
    needed: int | None


def reaches(metric: MetricReport, policy: GatePolicy, items: int) -> GateCheck | None:
    """Judge whether the candidate's mean reaches ``at_least``; None when the policy asks for nothing."""
    if policy.at_least is None:
        return None
    evidence = (
        _share(metric.pairs, policy.at_least, policy, items)
        if metric.pairs
        else _mean(Sample(_units(metric.candidate_thousandths), 0.0, 1.0), policy.at_least, policy)
    )
    name = f"{policy.metric} of at least {policy.at_least:g}"
    return _check(name, metric.candidate.mean, evidence, policy.alpha, items)


def improves(metric: MetricReport, policy: GatePolicy, items: int) -> GateCheck | None:
    """Judge whether the candidate is better than the baseline; None when the policy does not ask."""
    if not policy.better_than_baseline:
        return None
    more = f" by more than {policy.min_improvement:g}" if policy.min_improvement else ""
    name = f"{policy.metric} better than the baseline's{more}"
    return _check(name, metric.differences.mean, _gain(metric, policy, items), policy.alpha, items)


def keeps(guards: Sequence[tuple[Guard, MetricReport]], policy: GatePolicy, items: int) -> tuple[GateCheck, ...]:
    """Judge whether each guarded metric is not lower by its margin.

    The p-values of all guards are corrected together (Holm 1979, Scandinavian Journal of Statistics 6:65), so that
    with probability ``1 - alpha`` everything that is said about any guard is true.
    """
    found = [_mean(_differences(metric), -guard.margin, policy) for guard, metric in guards]
    holds, fails = holm([each.holds for each in found]), holm([each.fails for each in found])
    return tuple(
        _check(
            f"{guard.metric} not lower by {guard.margin:g} or more",
            metric.differences.mean,
            each._replace(holds=hold, fails=fail),
            policy.alpha,
            items,
        )
        for (guard, metric), each, hold, fail in zip(guards, found, holds, fails, strict=True)
    )


def gain_interval(metric: MetricReport, policy: GatePolicy, items: int) -> Estimate:
    """Return the candidate's gain in a metric with the interval that belongs to the test."""
    low, high = _gain(metric, policy, items).bounds
    return Estimate(mean=metric.differences.mean, low=low, high=high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down p-values: each may be compared with alpha as if it were the only one."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _share(pairs: PairedCounts, at_least: float, policy: GatePolicy, items: int) -> Evidence:
    right = pairs.both_right + pairs.only_candidate
    share = right / items
    return Evidence(
        CLOPPER_PEARSON,
        share_at_least(right, items, at_least),
        1.0 - share_at_least(right + 1, items, at_least) if right < items else 1.0,
        clopper_pearson(right, items, policy.alpha),
        share_items(share, at_least, policy.alpha, policy.power) if share > at_least else None,
    )


def _gain(metric: MetricReport, policy: GatePolicy, items: int) -> Evidence:
    if policy.min_improvement:
        return _mean(_differences(metric), policy.min_improvement, policy)
    return _wins(metric.pairs, policy, items) if metric.pairs else _flips(metric, policy)


def _wins(pairs: PairedCounts, policy: GatePolicy, items: int) -> Evidence:
    wins, losses = pairs.only_candidate, pairs.only_baseline
    gain, differing = (wins - losses) / items, (wins + losses) / items
    return Evidence(
        MCNEMAR,
        mcnemar(wins, losses),
        mcnemar(losses, wins),
        tango_bounds(wins, losses, items, policy.alpha),
        mcnemar_items(gain, differing, policy.alpha, policy.power) if gain > 0 else None,
    )


def _flips(metric: MetricReport, policy: GatePolicy) -> Evidence:
    told = metric.differences
    hundredths: dict[int, int] = {}
    for size, items in told.thousandths.items():
        hundredths[round(size / 10)] = hundredths.get(round(size / 10), 0) + items
    return Evidence(
        SIGN_FLIP,
        sign_flip(hundredths),
        sign_flip({-size: items for size, items in hundredths.items()}),
        mean_bounds(_differences(metric), policy.alpha),
        mean_items(told.mean, told.sd, policy.alpha, policy.power) if told.mean > 0 else None,
    )


def _mean(sample: Sample, threshold: float, policy: GatePolicy) -> Evidence:
    return Evidence(
        BETTING,
        mean_above(sample, threshold),
        mean_above(sample.mirrored(), -threshold),
        mean_bounds(sample, policy.alpha),
        betting_items(sample, threshold, policy.alpha, policy.power),
    )


def _differences(metric: MetricReport) -> Sample:
    return Sample(_units(metric.differences.thousandths), -1.0, 1.0)


def _units(thousandths: dict[int, int]) -> dict[float, int]:
    return {value / 1000: items for value, items in thousandths.items()}


def _check(name: str, mean: float, evidence: Evidence, alpha: float, items: int) -> GateCheck:
    outcome: Decision = "inconclusive"
    if evidence.holds <= alpha:
        outcome = "pass"
    elif evidence.fails <= alpha:
        outcome = "reject"
    more = max(1, evidence.needed - items) if outcome == "inconclusive" and evidence.needed is not None else None
    low, high = evidence.bounds
    estimate = Estimate(mean=mean, low=low, high=high)
    return GateCheck(
        name=name,
        outcome=outcome,
        estimate=estimate,
        test=evidence.test,
        p_value=evidence.fails if outcome == "reject" else evidence.holds,
        more_items=more,
    )
