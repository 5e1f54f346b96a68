"""What the summary says of a job and its price, by backend; from numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Facts = Mapping[str, Any]
BILLED = {
    "customization_training": "{quantity:,.0f} tokens trained on",
    "teacher_input_tokens": "{quantity:,.0f} tokens that the teacher read",
    "teacher_output_tokens": "{quantity:,.0f} tokens that the teacher answered",
    "input_tokens": "{quantity:,.0f} tokens that both models were asked",
    "output_tokens": "{quantity:,.0f} tokens that both models answered",
    "provisioned_throughput": "{quantity:,.2f} hours of provisioned throughput, while both models were asked",
    "custom_model_storage": "the custom model's storage, until now",
}
"""Kind of a line of Bedrock's bill -> what was paid for, in the order of a run."""


def customization(kind: str) -> str:
    """Return ``continued pre-training`` for AWS's CONTINUED_PRE_TRAINING."""
    return (
        str(kind)
        .lower()
        .replace("_", " ")
        .replace("fine tuning", "fine-tuning")
        .replace("pre training", "pre-training")
    )


def trained(job: Facts) -> list[str]:
    """Return what happened to the job."""
    once = "submitted once" if job["create_calls"] == 1 else f"submitted {job['create_calls']} times"
    kind, events = _TRAINED[job.get("backend", "spot_training")]
    lines = [f"  {kind} job {job['job_name']}: {once}", *events(job)]
    if job["status"] != "Completed":
        return [*lines, f"    {job['status']}: {job['failure_reason']}"]
    learnt = f"; loss {job['first_loss']:.2g} -> {job['last_loss']:.2g}" if job["first_loss"] is not None else ""
    return [*lines, f"    completed at step {job['steps']}{learnt}"]


def paid(facts: Facts) -> list[str]:
    """Return what was paid for."""
    job = facts["training"] or {}
    return _PAID[job.get("backend", "spot_training")](facts, job)


def _interrupted(job: Facts) -> list[str]:
    if not job["interruptions"]:
        return []
    came, back = job["interrupted_at_step"], job["resumed_at_step"]
    return [f"    interrupted without notice at step {came}, resumed at step {back}"]


def _customized(job: Facts) -> list[str]:
    kind = customization(job["customization"])
    lines = [
        f"    {kind} of {job['base_model']}" + (f", taught by {job['teacher_model']}" if job["teacher_model"] else "")
    ]
    if job["first_perplexity"] is not None:
        before, after = job["first_perplexity"], job["last_perplexity"]
        lines.append(f"    perplexity of text that it was not trained on: {before:,.1f} -> {after:,.1f}")
    if job["throttled"]:
        lines.append(f"    {job['throttled']} questions to the models were throttled, and asked again")
    return lines


def _without_instance(job: Facts) -> list[str]:
    lines = [f"    {job['technique']} of {job['base_model']}, method {job['method'].lower()}, {job['epochs']} epochs"]
    if job["model_package"]:
        lines.append(f"    AWS has registered {job['model_package'].rpartition(':')[2]}, which waits for approval")
    return lines


def _tokens_and_endpoints(facts: Facts, job: Facts) -> list[str]:
    if job.get("cost_usd") is None:
        return []
    rest = facts["cost_usd"] - job["cost_usd"]
    return [
        f"  {_dollars(job['cost_usd'])} {job['billed_tokens']:,} tokens trained on",
        f"  the rest ${rest:.2f}: endpoints, while both models were asked",
    ]


def _spot_hours(facts: Facts, job: Facts) -> list[str]:
    if job.get("cost_usd") is None:
        return []
    seconds, billed = job["training_seconds"], job["billable_seconds"]
    said = f"  training ${job['cost_usd']:.2f}: {billed:,} of {seconds:,} s billed on Spot"
    if job["on_demand_usd"]:
        said += f"; on demand ${job['on_demand_usd']:.2f}"
    return [said, f"  the rest ${facts['cost_usd'] - job['cost_usd']:.2f}: endpoints, while both models were asked"]


def _tokens(facts: Facts, job: Facts) -> list[str]:
    lines = []
    for kind, said in BILLED.items():
        rows = [row for row in facts["bill"] if row["kind"] == kind]
        if rows:
            lines.append(
                f"  {_dollars(sum(row['usd'] for row in rows))} "
                + said.format(quantity=sum(row["quantity"] for row in rows))
            )
    return lines


def _dollars(usd: float) -> str:
    return f"${usd:.2f} for" if usd >= 0.01 else "less than $0.01 for"


Words = Callable[[Facts], list[str]]
_TRAINED: Mapping[str, tuple[str, Words]] = {
    "spot_training": ("training", _interrupted),
    "jumpstart": ("JumpStart training", _interrupted),
    "serverless": ("serverless", _without_instance),
    "bedrock": ("customization", _customized),
}
_PAID: Mapping[str, Callable[[Facts, Facts], list[str]]] = {
    "spot_training": _spot_hours,
    "jumpstart": _spot_hours,
    "serverless": _tokens_and_endpoints,
    "bedrock": _tokens,
}
