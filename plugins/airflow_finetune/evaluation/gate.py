"""The gate: a verdict is a function of a report and a policy, and of nothing else."""

from __future__ import annotations

from airflow_finetune.errors import SpecError
from airflow_finetune.evaluation.checks import gain_interval, improves, keeps, reaches
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.values import Decision, EvalReport, GateCheck, GateVerdict, MetricReport, ModelReference


def verdict(report: EvalReport, policy: GatePolicy, usd_per_item: float | None = None) -> GateVerdict:
    """Judge a candidate.

    ``reject`` when the items show that something which the policy asks for does not hold, ``pass`` when they show that
    everything holds, ``inconclusive`` when they show neither, or are fewer than ``min_items``. As everything must
    hold at ``alpha``, a candidate for which anything does not hold passes with at most that probability, however many
    things are asked for (Berger 1982, Technometrics 24:295). A report that is no evidence is rejected: the same
    weights twice, another golden set than the policy's, counts that do not add up.

    Args:
        report: of baseline and candidate on one golden set.
        policy: what is asked for.
        usd_per_item: what one more golden item costs to ask of both models; None when nobody knows.

    Raises:
        SpecError: the report lacks a metric that the policy names.
    """
    missing = [name for name in policy.metrics if name not in report.metrics]
    if missing:
        said = f"the report has no {', '.join(missing)}; it has {', '.join(report.metrics)}."
        raise SpecError("gate", said, "Evaluate with the scorers that the policy names.")
    refused = _refusal(report, policy)
    if refused:
        return _verdict(report, policy, "reject", f"{refused} Nothing was judged.")
    checks = _checks(report, policy)
    decision = _decision(checks, report.items, policy)
    more = _more_items(checks, report.items, policy) if decision == "inconclusive" else None
    told = _verdict(report, policy, decision, _reason(checks, decision, report, policy, more))
    deciding = _deciding(checks, decision)
    return told.model_copy(
        update={
            "checks": checks,
            "interval": gain_interval(report.metrics[policy.metric], policy, report.items),
            "test": deciding.test,
            "p_value": deciding.p_value,
            "more_items": more,
            "more_usd": more * usd_per_item if more is not None and usd_per_item is not None else None,
        }
    )


def _verdict(report: EvalReport, policy: GatePolicy, decision: Decision, reason: str) -> GateVerdict:
    return GateVerdict(
        decision=decision,
        reason=reason,
        metric=policy.metric,
        alpha=policy.alpha,
        items=report.items,
        on_reject=policy.on_reject,
        policy_digest=policy.digest(),
        golden=report.golden,
        baseline=report.baseline,
        candidate=report.candidate,
        report_uri=report.report_uri,
    )


def _refusal(report: EvalReport, policy: GatePolicy) -> str | None:
    if _same_weights(report.baseline, report.candidate):
        which = report.candidate.sha256 or report.candidate.uri
        return f"Baseline and candidate are the same weights ({which}): one model was evaluated twice."
    if policy.golden_sha256 and report.golden.sha256 != policy.golden_sha256:
        return f"The golden set's SHA-256 is {report.golden.sha256}; the policy counts only {policy.golden_sha256}."
    odd = [name for name in policy.metrics if not _adds_up(report.metrics[name], report.items)]
    if odd or not report.items:
        return f"The counts of {', '.join(odd) or 'the report'} do not add up to {report.items} items."
    return None


def _same_weights(one: ModelReference, other: ModelReference) -> bool:
    if one.sha256 and other.sha256:
        return one.sha256 == other.sha256
    return one.uri == other.uri


def _adds_up(metric: MetricReport, items: int) -> bool:
    told, pairs = metric.differences, metric.pairs
    counted = {
        told.candidate_better + told.equal + told.baseline_better,
        sum(told.thousandths.values()),
        sum(metric.candidate_thousandths.values()),
    }
    if pairs:
        counted.add(pairs.both_right + pairs.only_baseline + pairs.only_candidate + pairs.both_wrong)
        if (pairs.only_candidate, pairs.only_baseline) != (told.candidate_better, told.baseline_better):
            return False
    return counted == {items} and (pairs is not None) == (metric.kind == "binary")


def _checks(report: EvalReport, policy: GatePolicy) -> tuple[GateCheck, ...]:
    metric = report.metrics[policy.metric]
    asked = (reaches(metric, policy, report.items), improves(metric, policy, report.items))
    guards = [(guard, report.metrics[guard.metric]) for guard in policy.guards]
    return (*(check for check in asked if check), *keeps(guards, policy, report.items))


def _decision(checks: tuple[GateCheck, ...], items: int, policy: GatePolicy) -> Decision:
    outcomes = {check.outcome for check in checks}
    if items < policy.min_items:
        return "inconclusive"
    if "reject" in outcomes:
        return "reject"
    return "pass" if outcomes == {"pass"} else "inconclusive"


def _deciding(checks: tuple[GateCheck, ...], decision: Decision) -> GateCheck:
    """Return the check that was the clearest no, or the hardest to pass, or stands most in the way of a decision."""
    of_it = [check for check in checks if check.outcome == decision] or checks
    return min(of_it, key=lambda check: check.p_value if decision == "reject" else -check.p_value)


def _more_items(checks: tuple[GateCheck, ...], items: int, policy: GatePolicy) -> int | None:
    if any(check.outcome == "reject" or _never(check) for check in checks):
        return policy.min_items - items if items < policy.min_items else None
    wanted = [check.more_items for check in checks if check.more_items is not None]
    return max((policy.min_items - items, *wanted))


def _never(check: GateCheck) -> bool:
    return check.outcome == "inconclusive" and check.more_items is None


def _reason(
    checks: tuple[GateCheck, ...], decision: Decision, report: EvalReport, policy: GatePolicy, more: int | None
) -> str:
    if report.items < policy.min_items:
        return f"{report.items} golden items; the policy decides on {policy.min_items} or more."
    said = " ".join(_said(check, policy) for check in checks if check.outcome == decision)
    if report.unanswered_candidate:
        said += f" The candidate gave no answer to {report.unanswered_candidate} of {report.items} items."
    if decision != "inconclusive":
        return said
    if more is None:
        return f"{said} If what was observed is the truth, no number of items would show it."
    return f"{said} About {more:,} more items would show it, if what was observed is the truth."


def _said(check: GateCheck, policy: GatePolicy) -> str:
    words = {"pass": "shown", "reject": "shown not to hold", "inconclusive": "neither shown nor refuted"}
    low, high = check.estimate.low, check.estimate.high
    return (
        f"{check.name}: {words[check.outcome]}, observed {check.estimate.mean:.3f} "
        f"({1 - 2 * policy.alpha:.0%} interval {low:.3f} to {high:.3f}; {check.test}, p = {check.p_value:.2g})."
    )
