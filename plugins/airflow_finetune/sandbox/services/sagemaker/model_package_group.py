"""SageMaker model package groups: Create, Describe, List, Delete. A group numbers the versions of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from .summaries import Kind, list_page
from .training_job_checks import not_here, refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

KIND = "model_package_group"
LAST_VERSION = "_LastVersion"
"""Member of the document, and no part of a description: AWS never gives a number twice."""
SUMMARY = Kind(
    "ModelPackageGroupSummaryList",
    "ModelPackageGroupName",
    (
        "ModelPackageGroupName",
        "ModelPackageGroupArn",
        "ModelPackageGroupDescription",
        "CreationTime",
        "ModelPackageGroupStatus",
    ),
)


def create_model_package_group(call: Call, world: World) -> Mapping[str, Any]:
    """Store a group; it is there at once."""
    name = call.params["ModelPackageGroupName"]
    arn = arn_of(call, name)
    if call.params.get("ManagedConfiguration"):
        raise not_here("ManagedConfiguration", "managed storage of models")
    document = {
        **call.params,
        "ModelPackageGroupArn": arn,
        "CreationTime": world.clock.now(),
        "CreatedBy": {},
        "ModelPackageGroupStatus": "Completed",
        LAST_VERSION: 0,
    }
    if not world.store.create(KIND, call.region, name, document):
        raise refuse(f"Model Package Group already exists: {arn}")
    return {"ModelPackageGroupArn": arn}


def describe_model_package_group(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a group."""
    document = get(call, world, call.params["ModelPackageGroupName"])
    return {name: value for name, value in document.items() if name not in ("Tags", LAST_VERSION)}


def list_model_package_groups(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of groups, the oldest first unless the request says otherwise."""
    return list_page(world.store.list(KIND, call.region), {"SortOrder": "Ascending", **call.params}, SUMMARY)


def delete_model_package_group(call: Call, world: World) -> Mapping[str, Any]:
    """Delete a group without versions."""
    document = get(call, world, call.params["ModelPackageGroupName"])
    name, arn = document["ModelPackageGroupName"], document["ModelPackageGroupArn"]
    if any(each.get("ModelPackageGroupName") == name for each in world.store.list("model_package", call.region)):
        raise AwsError("ConflictException", f"Model Package Group {arn} cannot be deleted: it has model packages.")
    world.store.delete(KIND, call.region, name)
    return {}


def get(call: Call, world: World, name_or_arn: str) -> dict[str, Any]:
    """Return a group's document.

    Raises:
        AwsError: there is none.
    """
    name = name_or_arn.rsplit("/", 1)[-1]
    document = world.store.get(KIND, call.region, name)
    if document is None or name_or_arn not in (name, document["ModelPackageGroupArn"]):
        arn = name_or_arn if name_or_arn.startswith("arn:") else arn_of(call, name)
        raise not_found(arn)
    return document


def arn_of(call: Call, name: str) -> str:
    """Return a group's ARN."""
    return f"arn:aws:sagemaker:{call.region}:{call.account}:model-package-group/{name}"


def not_found(arn: str) -> AwsError:
    """Return AWS's error for a group that does not exist."""
    return refuse(f"ModelPackageGroup {arn} does not exist.")


OPERATIONS: dict[str, Handler] = {
    "CreateModelPackageGroup": create_model_package_group,
    "DescribeModelPackageGroup": describe_model_package_group,
    "ListModelPackageGroups": list_model_package_groups,
    "DeleteModelPackageGroup": delete_model_package_group,
}
