"""Bedrock's customization jobs: Create, Get, List, Stop. What runs them is ``runner/customization.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...runner.customizing.ledger import KIND, MODEL, PHASES
from ...state.foundation_models import arn_of
from . import answers, customization_checks
from .answers import Listing, conflict, listed, not_found, pick, quota_exceeded, refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...runner.customizing.plan import Plan
    from ...world import World

SUMMARY = (
    "jobArn", "baseModelArn", "jobName", "status", "statusDetails", "lastModifiedTime", "creationTime", "endTime",
    "customizationType",
)  # fmt: skip


def _summary(job: dict[str, Any]) -> dict[str, Any]:
    summary = pick(job, SUMMARY)
    if "outputModelArn" in job:
        summary |= {"customModelArn": job["outputModelArn"], "customModelName": job["outputModelName"]}
    return summary


LISTING = Listing("modelCustomizationJobSummaries", _summary, "jobName", "creationTime", {"statusEquals": "status"})


def create_model_customization_job(call: Call, world: World) -> Mapping[str, Any]:
    """Accept a job; nothing of it has run when this returns."""
    try:
        return {"jobArn": _create(call, world)}
    except AwsError:
        made = answers.already_made(call, world)  # by the same request, which came through a moment earlier
        if made is None:
            raise
        return {"jobArn": made}


def _create(call: Call, world: World) -> str:
    made = answers.already_made(call, world)
    if made is not None:
        return made
    tags = answers.checked_tags(call.params.get("jobTags", []))
    answers.checked_tags(call.params.get("customModelTags", []))
    _check_names(call, world)
    plan = customization_checks.planned(call, world)
    document = _document(call, plan, tags, world)
    made = answers.claim(call, world, plan.job_arn)
    if made is not None:
        return made
    try:
        world.bedrock.customization.submit(plan, document, lambda: _admit(call, world))
    except AwsError:
        answers.release(call, world)
        raise
    return plan.job_arn


def get_model_customization_job(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a job."""
    return answers.shown(_get(call, world))


def list_model_customization_jobs(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of jobs."""
    return listed(world.store.list(KIND, call.region), call.params, LISTING)


def stop_model_customization_job(call: Call, world: World) -> Mapping[str, Any]:
    """Begin to stop a job; what was trained so far is billed."""
    job = _get(call, world)
    if not world.bedrock.customization.stop(call.region, job["jobName"]):
        status = _get(call, world)["status"]
        raise conflict(f"The model customization job cannot be stopped: its status is {status}.")
    return {}


def _get(call: Call, world: World) -> dict[str, Any]:
    identifier = call.params["jobIdentifier"]
    job = world.store.get(KIND, call.region, identifier)
    if job is None:
        job = next((each for each in world.store.list(KIND, call.region) if each["jobArn"] == identifier), None)
    if job is None:
        raise not_found(f"Could not find model customization job {identifier}.")
    return job


def _check_names(call: Call, world: World) -> None:
    if world.store.get(KIND, call.region, call.params["jobName"]) is not None:
        raise refuse("The provided job name is currently in use.")  # AWS's text, word for word: clients look for it
    name = call.params["customModelName"]
    coming = [
        job["outputModelName"]
        for job in world.store.list(KIND, call.region)
        if job["status"] in ("InProgress", "Stopping")
    ]
    if name in coming or world.store.get(MODEL, call.region, name) is not None:
        raise refuse("The provided custom model name is currently in use.")


def _admit(call: Call, world: World) -> None:
    """Look at names and quotas once more, now that nobody else can submit."""
    _check_names(call, world)
    for name, used, what in (
        (
            "jobs",
            world.bedrock.customization.running(call.region),
            "(Model customization) Scheduled customization jobs",
        ),
        ("custom_models", len(world.store.list(MODEL, call.region)), "Custom models per account"),
    ):
        limit = world.foundation_models.quota(name)
        if used >= limit:
            raise quota_exceeded(f"You have reached the quota {what} of this account: {limit}.")


def _document(call: Call, plan: Plan, tags: list[dict[str, str]], world: World) -> dict[str, Any]:
    """Return what Get shows before the job has begun."""
    now, asked = world.clock.now(), call.params
    document = {
        "jobArn": plan.job_arn,
        "jobName": plan.name,
        "outputModelName": asked["customModelName"],
        "clientRequestToken": asked.get("clientRequestToken", plan.job_id),
        "roleArn": asked["roleArn"],
        "status": "InProgress",
        "statusDetails": {phase: {"status": "NotStarted"} for phase in PHASES},
        "creationTime": now,
        "lastModifiedTime": now,
        "baseModelArn": arn_of(plan.base, call.region),
        "customizationType": plan.kind,
        "hyperParameters": plan.hyperparameters,
        "trainingDataConfig": asked["trainingDataConfig"],
        "validationDataConfig": asked.get("validationDataConfig", {"validators": []}),
        "outputDataConfig": asked["outputDataConfig"],
        **pick(asked, ("vpcConfig", "customizationConfig")),
        "_tags": tags,
        "_weights": plan.weights,
    }
    if not plan.hyperparameters:
        del document["hyperParameters"]
    return document


OPERATIONS: dict[str, Handler] = {
    "CreateModelCustomizationJob": create_model_customization_job,
    "GetModelCustomizationJob": get_model_customization_job,
    "ListModelCustomizationJobs": list_model_customization_jobs,
    "StopModelCustomizationJob": stop_model_customization_job,
}
