"""What the backends share that make SageMaker training jobs: parts of the request, its rules, its needs, its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_finetune.aws.shapes import faults
from airflow_finetune.backends.backend import Outcome, Place, Rung
from airflow_finetune.errors import SpecError
from airflow_finetune.redact import literal_secrets
from airflow_finetune.resources import TRAINING_JOB
from airflow_finetune.resources.history import interruptions

CHECKPOINTS = "/opt/ml/checkpoints"
CODE_CHANNEL = "code"
RULES: Mapping[str, Mapping[str, str]] = json.loads((Path(__file__).parent / "spot_limits.json").read_text())["rules"]
_AWS_MAX_RUNTIME_SECONDS = 24 * 3600  # what AWS takes when a request has none
_NAMED = {"TrainingJobName": "named-by-its-claim"}


def checkpoint_uri(spec: Any, place: Place) -> str:
    """Return where the checkpoints of one generation and one spec lie; nobody else writes there."""
    base = (spec.checkpoint_uri or spec.output_uri).rstrip("/")
    return f"{base}/checkpoints/{place.key}/g{place.generation}/{place.digest}/"


def channel(name: str, uri: str, **more: Any) -> dict[str, Any]:
    """Return a channel that every instance gets as files; ``more`` are members of its S3 source."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated", **more}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def market(spec: Any, *, spot: bool) -> dict[str, Any]:
    """Return the members that say on which market a job is bought, and for how long."""
    wait = spec.max_wait_seconds if spot else None
    limits = given(MaxRuntimeInSeconds=spec.max_runtime_seconds, MaxWaitTimeInSeconds=wait)
    return {"StoppingCondition": limits, "EnableManagedSpotTraining": spot}


def surroundings(spec: Any, environment: Mapping[str, str], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the members for environment, network and tags; those without content are left out."""
    network = {"Subnets": list(spec.subnets), "SecurityGroupIds": list(spec.security_group_ids)}
    return given(
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        Environment=dict(environment) or None,
        VpcConfig=network if spec.subnets else None,
    )


def given(**members: Any) -> dict[str, Any]:
    """Return the members that are not None."""
    return {member: value for member, value in members.items() if value is not None}


def check_request(spec: Any, request: dict[str, Any]) -> None:
    """Refuse what AWS or we would refuse.

    Args:
        spec: whose ``request_overrides`` are in the request.
        request: without name and owner tags.

    Raises:
        SpecError: names everything at once.
    """
    checked = faults("sagemaker", "CreateTrainingJob", {**_NAMED, **request})
    if said := [*_overridden(spec), *checked, *broken(request), *_secrets(request)]:
        raise SpecError("CreateTrainingJob request", " ".join(said), "Correct the spec; nothing was created.")


def broken(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield what each broken rule of spot_limits.json says; they are about members that botocore checks one by one."""
    for rule, is_broken in _BROKEN.items():
        if is_broken(request):
            yield f"{RULES[rule]['says']} ({RULES[rule]['source']})"


def inputs_of(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield the S3 addresses that a job reads."""
    for each in request.get("InputDataConfig") or ():
        if uri := each.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri"):
            yield uri


def rung_of(request: Mapping[str, Any]) -> Rung:
    """Return the market that a request is for.

    Raises:
        SpecError: it leaves the instance to AWS.
    """
    compute = request["ResourceConfig"]
    if "InstanceType" not in compute or "InstanceCount" not in compute:
        said = "a plan needs one instance type and a count; groups and preferences have no single price."
        raise SpecError("request_overrides.ResourceConfig", said, "Give InstanceType and InstanceCount.")
    return Rung(
        market="spot" if request.get("EnableManagedSpotTraining") else "on_demand",
        instance_type=compute["InstanceType"],
        instance_count=compute["InstanceCount"],
        max_runtime_seconds=request["StoppingCondition"].get("MaxRuntimeInSeconds", _AWS_MAX_RUNTIME_SECONDS),
        warm_pool_seconds=compute.get("KeepAlivePeriodInSeconds", 0),
    )


def finished(outcome: Outcome) -> dict[str, Any]:
    """Return the fields of ``TunedModel`` that AWS's description of a finished job says."""
    job = outcome.described
    compute = job.get("ResourceConfig", {})
    count = int(compute.get("InstanceCount", 1))
    billed = job.get("BillableTimeInSeconds")
    price = outcome.hourly_usd
    return {
        "job_name": job["TrainingJobName"],
        "job_arn": job["TrainingJobArn"],
        "region": outcome.region,
        "model_uri": job["ModelArtifacts"]["S3ModelArtifacts"],
        "spec_digest": outcome.digest,
        "attempts": outcome.attempts,
        "interruptions": interruptions(job),
        "market": "spot" if job.get("EnableManagedSpotTraining") else "on_demand",
        "instance_type": compute.get("InstanceType", ""),
        "instance_count": count,
        "training_seconds": job.get("TrainingTimeInSeconds"),
        "billable_seconds": billed,
        "cost_usd": None if billed is None or price is None else round(billed / 3600 * count * price, 6),
        "checkpoint_uri": job.get("CheckpointConfig", {}).get("S3Uri"),
        "metrics": {row["MetricName"]: float(row["Value"]) for row in job.get("FinalMetricDataList", [])},
        "log_group": TRAINING_JOB.log_group,
    }


def _is_spot(request: Mapping[str, Any]) -> bool:
    return bool(request.get("EnableManagedSpotTraining"))


def _limit(request: Mapping[str, Any], name: str) -> Any:
    return (request.get("StoppingCondition") or {}).get(name)


def _waits_too_short(request: Mapping[str, Any]) -> bool:
    wait, runtime = _limit(request, "MaxWaitTimeInSeconds"), _limit(request, "MaxRuntimeInSeconds")
    return isinstance(wait, int) and isinstance(runtime, int) and wait < runtime


_BROKEN: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "max_wait_at_least_max_runtime": _waits_too_short,
    "max_wait_needs_spot": lambda r: _limit(r, "MaxWaitTimeInSeconds") is not None and not _is_spot(r),
    "spot_without_warm_pool": lambda r: (
        _is_spot(r) and bool(r.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"))
    ),
    "spot_without_instance_preferences": lambda r: _is_spot(r) and "InstancePreferences" in r.get("ResourceConfig", {}),
    "spot_needs_checkpoint": lambda r: _is_spot(r) and not (r.get("CheckpointConfig") or {}).get("S3Uri"),
}


def _overridden(spec: Any) -> Iterator[str]:
    for member, instead in (("TrainingJobName", "the name is the claim on the job"), ("Tags", "use the field tags")):
        if member in spec.request_overrides:
            yield f"request_overrides must not set {member}: {instead}."


def _secrets(request: Mapping[str, Any]) -> Iterator[str]:
    for member in ("HyperParameters", "Environment"):
        if isinstance(values := request.get(member), Mapping):
            yield from literal_secrets(values, member)
