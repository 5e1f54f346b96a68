"""One candidate of a comparison as a row: its quality, and its prices. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_finetune.evaluation.gate import verdict
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.planning.quantities import one_job_usd
from airflow_finetune.values import ComparedBackend, EvalReport, Plan, ServedModel, TunedModel


@dataclass(frozen=True)
class Entrant:
    """What the tasks of one candidate have handed on; None for a task that has not.

    Attributes:
        name: the key in the pipeline file.
        backend: the way to tune.
        base_model: what was to be tuned.
        plan: of the preflight.
        tuned: of ``fine_tune``.
        served: of ``deploy_candidate``.
        report: of ``evaluate``.
        failed: why there is no report; empty where there is one.
    """

    name: str
    backend: str
    base_model: str
    plan: Plan | None = None
    tuned: TunedModel | None = None
    served: ServedModel | None = None
    report: EvalReport | None = None
    failed: str = ""


def row(entrant: Entrant, policy: GatePolicy) -> ComparedBackend:
    """Return the row of a candidate.

    Raises:
        SpecError: its report lacks a metric that the policy names.
    """
    report, tuned, plan = entrant.report, entrant.tuned, entrant.plan
    told = ComparedBackend(
        name=entrant.name,
        backend=entrant.backend,
        base_model=entrant.base_model if tuned is None else tuned.base_model,
        failed="" if report is not None else entrant.failed or "it has no report.",
        **_tuning(entrant),
        worst_case_usd=None if plan is None else plan.worst_case_usd,
        model_uri=None if tuned is None else tuned.model_uri,
    )
    if report is None:
        return told
    judged, metric = verdict(report, policy), report.metrics[policy.metric]
    prices = {} if entrant.served is None else _prices(entrant.served, report)
    return told.model_copy(
        update={
            "quality": metric.candidate,
            "baseline": metric.baseline,
            "decision": judged.decision,
            "report_uri": report.report_uri,
            **prices,
        }
    )


def _tuning(entrant: Entrant) -> dict[str, Any]:
    """Return what the job has cost; at most what its plan says where AWS does not say what it has billed."""
    if entrant.tuned is None:
        return {}
    if entrant.tuned.cost_usd is not None or entrant.plan is None:
        return {"tuning_usd": entrant.tuned.cost_usd}
    usd = one_job_usd(entrant.plan)
    return {"tuning_usd": usd, "tuning_is_bound": usd is not None}


def _prices(served: ServedModel, report: EvalReport) -> dict[str, Any]:
    """Return what a thousand answers cost: by the token, or by the hours that they take at this evaluation's pace."""
    if served.service == "bedrock" and not served.hourly_usd:
        return {"answers_by": "token", "answers_usd": _by_token(served, report)}
    if served.hourly_usd is None or report.seconds is None or not report.items:
        return {"answers_by": "hour"}
    return {"answers_by": "hour", "answers_usd": served.hourly_usd * report.seconds / 3600 / report.items * 1000}


def _by_token(served: ServedModel, report: EvalReport) -> float | None:
    asked, answered = report.input_tokens_candidate, report.output_tokens_candidate
    if None in (served.input_usd, served.output_usd, asked, answered) or not report.items:
        return None
    usd = (asked or 0) * (served.input_usd or 0.0) + (answered or 0) * (served.output_usd or 0.0)
    return usd / 1000 / report.items * 1000
