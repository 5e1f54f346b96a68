"""The facts of one run, in the shape of ``summary.json``; seconds and dollars of AWS are modelled at list prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from demo import told
from demo.cloud import Cloud
from demo.jobs import Jobs

Values = Mapping[str, Any]


def dataset(values: Values) -> dict[str, Any] | None:
    """Return what curation has made; None when it has not."""
    made = values.get("curate")
    if not made:
        return None
    kept = ("records_in", "records_out", "dropped", "redacted", "uri", "report_uri")
    return {"version": made["dataset_version"], **{name: made.get(name) for name in kept}}


def plan(values: Values) -> dict[str, Any] | None:
    """Return what was allowed."""
    if together := values.get("check_budget"):
        return {"max_runtime_seconds": None, **together}
    made = values.get("plan")
    return made and {name: made[name] for name in ("worst_case_usd", "max_usd", "max_runtime_seconds")}


def advice(values: Values) -> dict[str, Any] | None:
    """Return what the base model reaches by its prompt; None when nobody has asked."""
    said = values.get("advise")
    kept = ("recommendation", "reason", "stopped", "metric", "at_least", "items", "prompts", "report_uri")
    return said and {name: said.get(name) for name in kept}


def evaluation(values: Values) -> dict[str, Any] | None:
    """Return the mean scores of both models; None when nobody has asked them."""
    report = values.get("evaluate")
    if not report:
        return None
    arms = {arm: told.means(report, arm) for arm in ("baseline", "candidate")}
    return {"items": report["items"], **arms, "report_uri": report.get("report_uri")}


def verdict(values: Values) -> dict[str, Any] | None:
    """Return what the gate has said; None when it has not."""
    said = values.get("gate")
    kept = ("decision", "reason", "metric", "interval", "alpha", "more_items", "checks")
    return said and {name: said.get(name) for name in kept}


def deleted(values: Values) -> list[str]:
    """Return what every teardown has deleted: kind and name."""
    receipts = [value for name, value in values.items() if told.stage(name) in ("teardown", "advice_teardown")]
    return [f"{row['kind']} {row['name']}" for receipt in receipts for row in (receipt or {}).get("deleted", ())]


def pages(values: Values) -> dict[str, str | None]:
    """Return file name -> address of every page for people that the run has left; None where it has not."""
    found = {stage: values.get(stage) or {} for stage in ("curate", "plan", "advise", "evaluate", "compare")}
    return {
        "curation.html": found["curate"].get("report_uri"),
        "choice.html": (found["plan"].get("choice") or {}).get("page_uri"),
        "advice.html": found["advise"].get("report_uri"),
        "report.html": found["evaluate"].get("report_uri"),
        "comparison.html": found["compare"].get("page_uri"),
    }


def collect(cloud: Cloud, jobs: Jobs, values: Values) -> dict[str, Any]:
    """Return everything that AWS and the stages say; what a stage has not reached is None or empty."""
    registered, kept = values.get("register") or {}, jobs.kept(values)
    bill = [
        {"what": line["arn"], "kind": line["kind"], "quantity": line["quantity"], "unit": line["unit"]}
        | {"usd": round(line["usd"], 4)}
        for line in cloud.bill()
    ]
    return {
        "dataset": dataset(values),
        "plan": plan(values),
        "advice": advice(values),
        "training": jobs.facts(values),
        "evaluation": evaluation(values),
        "verdict": verdict(values),
        "choice": (values.get("plan") or {}).get("choice"),
        "comparison": values.get("compare"),
        "model_package": registered.get("model_package_arn"),
        "approval_status": registered.get("approval_status"),
        "cost_usd": round(sum(line["usd"] for line in bill), 4),
        "bill": bill,
        "deleted": deleted(values),
        "left_billing": [arn for arn in cloud.left_billing() if arn not in kept],
        "stored_bytes": cloud.stored_bytes(),
        "stored_models": kept,
        "speed": cloud.speed,
    }
