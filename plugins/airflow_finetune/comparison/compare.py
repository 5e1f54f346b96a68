"""From rows and answers to a comparison: best first, and how sure the lead of the best is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_finetune.errors import DataError, JobFailed
from airflow_finetune.evaluation.checks import improves
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.report import Judged, metric_report
from airflow_finetune.evaluation.scorers import named
from airflow_finetune.values import BackendComparison, ComparedBackend, EvalReport, GateCheck

Answers = Callable[[EvalReport], Sequence[Judged]]
"""Gives the scored items beside a report."""


def compared(
    rows: Sequence[ComparedBackend],
    reports: dict[str, EvalReport],
    answers: Answers,
    policy: GatePolicy,
    max_usd: float | None = None,
) -> BackendComparison:
    """Return the comparison; a candidate that failed is a row with its reason.

    The best two answered the same golden items, so they are compared in pairs: by McNemar's exact test where a score is
    right or wrong, by the randomisation test of paired differences else, as the gate does. As the best is picked after
    the scores are seen, the p-value is two-sided; so the test of the winner against the next one holds its level
    whatever the number of candidates (Hung & Fithian 2019, Annals of Statistics 47:758).

    Args:
        rows: of all candidates.
        reports: name -> report, of those that have one.
        answers: reads the items of a report; asked for the best two only.
        policy: of the gate; its metric decides.
        max_usd: what was allowed for all together.

    Raises:
        JobFailed: no candidate has a result; names every reason.
        DataError: they were asked different golden sets, or the answers do not pair.
    """
    ranked = sorted((each for each in rows if each.quality is not None), key=_order)
    failed = sorted((each for each in rows if each.quality is None), key=lambda each: each.name)
    if not ranked:
        said = " ".join(f"[{each.name}] {each.failed}" for each in failed)
        raise JobFailed("the comparison: no candidate has a result", said, "Look at the first task that failed.")
    sets = {report.golden.sha256 for report in reports.values()}
    if len(sets) > 1:
        said = f"their golden sets differ: {', '.join(sorted(map(str, sets)))}."
        raise DataError("the comparison", said, "Evaluate all candidates of one run together.")
    best, second = ranked[0].name, ranked[1].name if len(ranked) > 1 else None
    report, worst = reports[best], [each.worst_case_usd for each in rows if each.worst_case_usd is not None]
    told = BackendComparison(
        metric=policy.metric,
        items=report.items,
        golden=report.golden,
        rows=(*ranked, *failed),
        best=best,
        second=second,
        alpha=policy.alpha,
        worst_case_usd=sum(worst) if worst else None,
        max_usd=max_usd,
    )
    if second is None:
        return told
    check = _lead(answers(report), answers(reports[second]), policy)
    p_value = min(1.0, 2 * check.p_value)
    return told.model_copy(
        update={
            "gain": check.estimate,
            "test": check.test,
            "p_value": p_value,
            "settled": p_value <= policy.alpha,
        }
    )


def _order(each: ComparedBackend) -> tuple[float, str]:
    return (-(each.quality.mean if each.quality else 0.0), each.name)


def _lead(best: Sequence[Judged], second: Sequence[Judged], policy: GatePolicy) -> GateCheck:
    """Return what the items say about the best one's lead; the second stands where the gate has the baseline."""
    ahead, behind = _scores(best, policy.metric), _scores(second, policy.metric)
    if ahead.keys() != behind.keys() or not ahead:
        said = f"{len(ahead)} and {len(behind)} items, of which {len(ahead.keys() & behind.keys())} are the same."
        raise DataError("answers of the best two", said, "Evaluate both on one golden set.")
    (scorer,) = named([policy.metric])
    metric = metric_report(scorer, [(behind[line], ahead[line]) for line in sorted(ahead)])
    asked = GatePolicy(metric=policy.metric, alpha=policy.alpha / 2, power=policy.power)
    check = improves(metric, asked, len(ahead))
    assert check is not None  # noqa: S101 - the policy asks for it; for the type checker
    return check


def _scores(judged: Sequence[Judged], metric: str) -> dict[int, float]:
    return {each.item.line: each.scores[metric][1] for each in judged}
