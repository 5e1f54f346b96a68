"""The facts of one run, in the shape of ``summary.json``; seconds and dollars of AWS are modelled at list prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from demo import told
from demo.cloud import Cloud
from demo.training import Training

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
    made = values.get("plan")
    return made and {name: made[name] for name in ("worst_case_usd", "max_usd", "max_runtime_seconds")}


def training(cloud: Cloud, log: Training, values: Values) -> dict[str, Any] | None:
    """Return what AWS says of the last job, and its log of the steps; None without a job."""
    names = cloud.job_names()
    if not names:
        return None
    job = cloud.job(names[-1])
    transitions = [each["Status"] for each in job.get("SecondaryStatusTransitions", [])]
    seconds, billed = job.get("TrainingTimeInSeconds"), job.get("BillableTimeInSeconds")
    cost = (values.get("fine_tune") or {}).get("cost_usd")
    return {
        "job_name": names[-1],
        "jobs": len(names),
        "create_calls": cloud.calls("CreateTrainingJob"),
        "status": job["TrainingJobStatus"],
        "failure_reason": job.get("FailureReason"),
        "transitions": transitions,
        "interruptions": transitions.count("Interrupted"),
        "interrupted_at_step": log.interrupted_at,
        "resumed_at_step": log.resumed_at,
        "checkpoint_uri": job.get("CheckpointConfig", {}).get("S3Uri"),
        "steps": log.step,
        "first_loss": log.seen[0][2] if log.seen else None,
        "last_loss": log.seen[-1][2] if log.seen else None,
        "instance_type": job["ResourceConfig"].get("InstanceType"),
        "training_seconds": seconds,
        "billable_seconds": billed,
        "cost_usd": cost,
        "on_demand_usd": round(cost / billed * seconds, 4) if cost and billed and seconds else None,
    }


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
    """Return what the teardown has deleted: kind and name."""
    return [f"{row['kind']} {row['name']}" for row in (values.get("teardown") or {}).get("deleted", ())]


def collect(cloud: Cloud, log: Training, values: Values) -> dict[str, Any]:
    """Return everything that AWS and the stages say; what a stage has not reached is None or empty."""
    registered = values.get("register") or {}
    bill = [{"what": line["arn"], "usd": round(line["usd"], 4)} for line in cloud.bill()]
    return {
        "dataset": dataset(values),
        "plan": plan(values),
        "training": training(cloud, log, values),
        "evaluation": evaluation(values),
        "verdict": verdict(values),
        "model_package": registered.get("model_package_arn"),
        "approval_status": registered.get("approval_status"),
        "cost_usd": round(sum(line["usd"] for line in bill), 4),
        "bill": bill,
        "deleted": deleted(values),
        "left_billing": cloud.left_billing(),
        "stored_bytes": cloud.stored_bytes(),
        "speed": cloud.speed,
    }
