"""SageMaker training jobs: Create, Describe, List, Stop, Delete. What runs them is ``runner/fleets/training.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from ...edge.errors import AwsError
from ...runner.jobs.life import DEFAULT_MAX_RUNTIME_SECONDS
from ...runner.jobs.record import KIND
from ...runner.transfer.channels import split_uri
from . import hub_access, serverless_job
from . import training_job_checks as checks
from .training_job_list import list_jobs

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

ENDED = ("Completed", "Failed", "Stopped")
DEFAULT_STOPPING = {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME_SECONDS}


def create_training_job(call: Call, world: World) -> Mapping[str, Any]:
    """Accept a job; nothing of it has run when this returns."""
    request = dict(call.params)
    name = request["TrainingJobName"]
    arn = f"arn:aws:sagemaker:{call.region}:{call.account}:training-job/{name}"
    if world.store.get(KIND, call.region, name) is not None:
        raise _name_taken(arn)
    checks.check(request)
    serverless = request.get("ServerlessJobConfig")
    more = serverless_job.customization_of(call, world) if serverless else {}
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource", {})
        hub_access.check(f"Channel {channel['ChannelName']}", source, call, world)
    _check_data(request, call.region, world)
    request["StoppingCondition"] = DEFAULT_STOPPING | request.get("StoppingCondition", {})
    document = _document(request, arn, world)
    admit = serverless_job.check_quota if serverless else _check_quota
    notes = serverless_job.notes(request) if serverless else checks.notes(request)
    accepted = world.training.submit(
        call.region, document, request | more, notes, lambda: admit(request, call.region, world)
    )
    if not accepted:
        raise _name_taken(arn)
    return {"TrainingJobArn": arn}


def describe_training_job(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a job."""
    job = _get(call, world)
    hidden = ("Tags", *(serverless_job.HIDDEN if "ServerlessJobConfig" in job else ()))
    return {name: value for name, value in job.items() if name not in hidden}


def list_training_jobs(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of jobs, the newest first unless the request says otherwise."""
    return list_jobs(world.store.list(KIND, call.region), call.params)


def stop_training_job(call: Call, world: World) -> Mapping[str, Any]:
    """Begin to stop a job, whatever it is doing; one that is stopping already is left to it."""
    name = _get(call, world)["TrainingJobName"]
    if not world.training.stop(call.region, name):
        status = _get(call, world)["TrainingJobStatus"]
        raise checks.refuse(f"The request was rejected because the training job is in status {status}.")
    return {}


def delete_training_job(call: Call, world: World) -> Mapping[str, Any]:
    """Delete a job that has ended; its name can be used again."""
    job = _get(call, world)
    name, status = job["TrainingJobName"], job["TrainingJobStatus"]
    if status not in ENDED:
        raise AwsError("ResourceInUse", f"Training job {name} cannot be deleted: it is in status {status}.")
    world.training.forget(call.region, name)
    world.store.delete(KIND, call.region, name)
    return {}


def _get(call: Call, world: World) -> dict[str, Any]:
    job = world.store.get(KIND, call.region, call.params["TrainingJobName"])
    if job is None:
        raise checks.refuse("Requested resource not found.")
    return job


def _name_taken(arn: str) -> AwsError:
    return AwsError(
        "ResourceInUse",
        "Training job names must be unique within an AWS account and region, "
        f"and a training job with this name already exists ({arn})",
    )


def _document(request: dict[str, Any], arn: str, world: World) -> dict[str, Any]:
    """Return what Describe shows before the job has begun."""
    now = world.clock.now()
    defaults = {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
    }
    return {**defaults, **request, "TrainingJobArn": arn, "CreationTime": now, "LastModifiedTime": now}


def _check_quota(request: Mapping[str, Any], region: str, world: World) -> None:
    """Refuse one instance too many; Spot and on-demand instances are counted apart, as their quotas are."""
    spot = bool(request.get("EnableManagedSpotTraining"))
    instance_type = request["ResourceConfig"]["InstanceType"]
    usage: Literal["training", "spot_training"] = "spot_training" if spot else "training"
    limit = world.quotas.limit(region, usage, instance_type)
    in_use = sum(
        1
        for job in world.store.list(KIND, region)
        if job.get("TrainingJobStatus") not in ENDED
        and bool(job.get("EnableManagedSpotTraining")) == spot
        and job.get("ResourceConfig", {}).get("InstanceType") == instance_type
    )
    if in_use + 1 > limit:
        what = f"{instance_type} for {'spot ' if spot else ''}training job usage"
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{what}' is {limit} Instances, with current utilization of {in_use} "
            "Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for "
            "this quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this "
            "quota.",
        )
    _check_price(instance_type, usage, region, world)


def _check_price(instance_type: str, usage: Literal["training", "spot_training"], region: str, world: World) -> None:
    try:
        world.prices.hourly_usd(usage, instance_type, region)
        world.prices.instance(instance_type)
    except KeyError:
        raise checks.not_here("ResourceConfig.InstanceType", f"a price for training on {instance_type}") from None


def _check_data(request: Mapping[str, Any], region: str, world: World) -> None:
    """Refuse channels without data, as AWS does at once; data that disappears later fails the job."""
    s3 = world.clients.client("s3", region)
    for channel in request.get("InputDataConfig", []):
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        bucket, prefix = split_uri(uri)
        if not _has_objects(s3, bucket, prefix, region):
            raise checks.refuse(
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
                f"exists in the selected region ({region}), that objects exist under that S3 prefix, and that the role "
                f'"{request["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{bucket}".'
            )


def _has_objects(s3: Any, bucket: str, prefix: str, region: str) -> bool:
    try:
        if s3.head_bucket(Bucket=bucket).get("BucketRegion", region) != region:
            return False
        return int(s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)["KeyCount"]) > 0
    except ClientError:
        return False


OPERATIONS: dict[str, Handler] = {
    "CreateTrainingJob": create_training_job,
    "DescribeTrainingJob": describe_training_job,
    "ListTrainingJobs": list_training_jobs,
    "StopTrainingJob": stop_training_job,
    "DeleteTrainingJob": delete_training_job,
}
