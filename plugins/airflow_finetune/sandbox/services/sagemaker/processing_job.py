"""SageMaker processing jobs: Create, Describe, List, Stop, Delete. ``runner/fleets/processing.py`` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...runner.jobs.life import DEFAULT_MAX_RUNTIME_SECONDS
from ...runner.processing.order import PROCESSING
from . import processing_job_checks as checks
from .summaries import Kind, list_page
from .training_job_checks import not_here, refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

KIND = PROCESSING.shelf
ENDED = ("Completed", "Failed", "Stopped")
DEFAULT_STOPPING = {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME_SECONDS}
SUMMARY = Kind(
    "ProcessingJobSummaries",
    "ProcessingJobName",
    (
        "ProcessingJobName",
        "ProcessingJobArn",
        "CreationTime",
        "ProcessingEndTime",
        "LastModifiedTime",
        "ProcessingJobStatus",
        "FailureReason",
        "ExitMessage",
    ),
    "ProcessingJobStatus",
)


def create_processing_job(call: Call, world: World) -> Mapping[str, Any]:
    """Accept a job; nothing of it has run when this returns."""
    request = dict(call.params)
    name = request["ProcessingJobName"]
    arn = f"arn:aws:sagemaker:{call.region}:{call.account}:processing-job/{name}"
    if world.store.get(KIND, call.region, name) is not None:
        raise _name_taken(arn)
    checks.check(request)
    now = world.clock.now()
    document = {
        "StoppingCondition": DEFAULT_STOPPING,
        **request,
        "ProcessingJobArn": arn,
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    admit = lambda: _check_quota(request, call.region, world)  # noqa: E731  called later, by the runner
    if not world.processing.submit(call.region, document, checks.notes(request), admit):
        raise _name_taken(arn)
    return {"ProcessingJobArn": arn}


def describe_processing_job(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a job."""
    return {name: value for name, value in _get(call, world).items() if name != "Tags"}


def list_processing_jobs(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of jobs, the newest first unless the request says otherwise."""
    return list_page(world.store.list(KIND, call.region), call.params, SUMMARY)


def stop_processing_job(call: Call, world: World) -> Mapping[str, Any]:
    """Begin to stop a job, whatever it is doing; one that is stopping already is left to it."""
    name = _get(call, world)["ProcessingJobName"]
    if not world.processing.stop(call.region, name):
        status = _get(call, world)["ProcessingJobStatus"]
        raise refuse(f"The request was rejected because the processing job is in status {status}.")
    return {}


def delete_processing_job(call: Call, world: World) -> Mapping[str, Any]:
    """Delete a job that has ended; its name can be used again."""
    job = _get(call, world)
    name, status = job["ProcessingJobName"], job["ProcessingJobStatus"]
    if status not in ENDED:
        raise AwsError("ResourceInUse", f"Processing job {name} cannot be deleted: it is in status {status}.")
    world.processing.forget(call.region, name)
    world.store.delete(KIND, call.region, name)
    return {}


def not_found(arn: str) -> AwsError:
    """Return AWS's error for a job that does not exist."""
    return refuse(f"Could not find requested job with name: {arn.rpartition('/')[2]}")


def _get(call: Call, world: World) -> dict[str, Any]:
    name = call.params["ProcessingJobName"]
    job = world.store.get(KIND, call.region, name)
    if job is None:
        raise not_found(name)
    return job


def _name_taken(arn: str) -> AwsError:
    return AwsError(
        "ResourceInUse",
        f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    )


def _check_quota(request: Mapping[str, Any], region: str, world: World) -> None:
    """Refuse one instance too many, and a type without a price."""
    instance_type = request["ProcessingResources"]["ClusterConfig"]["InstanceType"]
    limit = world.quotas.limit(region, "processing", instance_type)
    in_use = sum(
        job.get("ProcessingJobStatus") not in ENDED
        and job["ProcessingResources"]["ClusterConfig"]["InstanceType"] == instance_type
        for job in world.store.list(KIND, region)
    )
    if in_use + 1 > limit:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{instance_type} for processing job usage' is {limit} Instances, with "
            f"current utilization of {in_use} Instances and a request delta of 1 Instances. Please use AWS Service "
            "Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS support "
            "to request an increase for this quota.",
        )
    try:
        world.prices.hourly_usd("processing", instance_type, region)
    except KeyError:
        path = "ProcessingResources.ClusterConfig.InstanceType"
        raise not_here(path, f"a price for processing on {instance_type}") from None


OPERATIONS: dict[str, Handler] = {
    "CreateProcessingJob": create_processing_job,
    "DescribeProcessingJob": describe_processing_job,
    "ListProcessingJobs": list_processing_jobs,
    "StopProcessingJob": stop_processing_job,
    "DeleteProcessingJob": delete_processing_job,
}
