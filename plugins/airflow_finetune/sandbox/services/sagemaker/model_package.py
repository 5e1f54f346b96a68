"""SageMaker model packages: Create, Describe, List, Update, Delete. A version of a group is approved or it is not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...runner.endpoints import model_data
from . import model_package_group as group_of
from .model_package_checks import check, check_properties
from .summaries import Kind, list_page
from .training_job_checks import at, refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

KIND = "model_package"
EVENT = "SageMaker Model Package State Change"
HIDDEN = ("Tags", "ClientToken", "_Name", "_Request")
"""Members of the document that are no part of a description."""
SUMMARY = Kind(
    "ModelPackageSummaryList",
    "_Name",
    (
        "ModelPackageName",
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageArn",
        "ModelPackageDescription",
        "CreationTime",
        "ModelPackageStatus",
        "ModelApprovalStatus",
        "ModelLifeCycle",
        "ModelPackageRegistrationType",
    ),
)
_REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


def create_model_package(call: Call, world: World) -> Mapping[str, Any]:
    """Store a version of a group, or a package without versions; the same ClientToken makes one only."""
    request = call.params
    check(request)
    check_properties(request.get("CustomerMetadataProperties", {}))
    _check_data(call, world)
    group = request.get("ModelPackageGroupName")
    if group:
        return {"ModelPackageArn": _create_version(call, world, group_of.get(call, world, group))}
    name = request["ModelPackageName"]
    document = _document(call, world, name)
    if not world.store.create(KIND, call.region, name, document):
        made = world.store.get(KIND, call.region, name) or {}
        if not _is_repeated(call, made):
            raise refuse(f"Model package already exists: {document['ModelPackageArn']}")
        return {"ModelPackageArn": made["ModelPackageArn"]}
    _tell(call, world, document)
    return {"ModelPackageArn": document["ModelPackageArn"]}


def describe_model_package(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a package."""
    return _shown(get(call, world, call.params["ModelPackageName"]))


def list_model_packages(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of packages: versions of a group, or those without versions unless the request says otherwise."""
    request = call.params
    group = request.get("ModelPackageGroupName")
    name = group_of.get(call, world, group)["ModelPackageGroupName"] if group else None
    wanted = "Versioned" if group else request.get("ModelPackageType", "Unversioned")
    status = request.get("ModelApprovalStatus")
    found = [
        each
        for each in world.store.list(KIND, call.region)
        if (wanted == "Both" or ("ModelPackageVersion" in each) == (wanted == "Versioned"))
        and (name is None or each["ModelPackageGroupName"] == name)
        and (status is None or each.get("ModelApprovalStatus") == status)
    ]
    return list_page(found, {"SortOrder": "Ascending", **request}, SUMMARY)


def update_model_package(call: Call, world: World) -> Mapping[str, Any]:
    """Change a package: its approval, its metadata (merged), what runs it."""
    request, arn = call.params, call.params["ModelPackageArn"]

    def change(document: dict[str, Any]) -> None:
        kept = {
            key: value
            for key, value in document.get("CustomerMetadataProperties", {}).items()
            if key not in request.get("CustomerMetadataPropertiesToRemove", ())
        }
        properties = {**kept, **request.get("CustomerMetadataProperties", {})}
        check_properties(properties)
        document.update({member: request[member] for member in _REPLACED if request.get(member) is not None})
        document["CustomerMetadataProperties"] = properties
        more = request.get("AdditionalInferenceSpecificationsToAdd", [])
        document["AdditionalInferenceSpecifications"] = [*document.get("AdditionalInferenceSpecifications", []), *more]
        document["LastModifiedTime"] = world.clock.now()

    changed = world.store.update(KIND, call.region, _key_of(get(call, world, arn)["ModelPackageArn"]), change)
    if changed is None:
        raise not_found(arn)
    _tell(call, world, changed)
    return {"ModelPackageArn": arn}


def delete_model_package(call: Call, world: World) -> Mapping[str, Any]:
    """Delete a package; models that were made from it stay, and its number is not given again."""
    arn = get(call, world, call.params["ModelPackageName"])["ModelPackageArn"]
    if not world.store.delete(KIND, call.region, _key_of(arn)):
        raise not_found(arn)
    return {}


def container_of(call: Call, world: World, arn: str) -> dict[str, Any]:
    """Return the container that a model from the registry runs.

    Raises:
        AwsError: there is no such package, it is not approved, or it has nothing that could run.
    """
    document = get(call, world, arn)
    status = document.get("ModelApprovalStatus")
    if "ModelPackageVersion" in document and status != "Approved":
        arn = document["ModelPackageArn"]
        raise refuse(f"Cannot create a model from model package {arn}: its approval status is {status}, not Approved.")
    containers = at(document, "InferenceSpecification.Containers") or []
    if len(containers) != 1:
        raise refuse(f"Model package {arn} has {len(containers)} containers; the sandbox runs models of exactly one.")
    container: dict[str, Any] = containers[0]
    return container


def get(call: Call, world: World, name_or_arn: str) -> dict[str, Any]:
    """Return a package's document by ARN, name, or ``group/version``.

    Raises:
        AwsError: there is none.
    """
    key = _key_of(name_or_arn)
    document = world.store.get(KIND, call.region, key)
    if document is None or name_or_arn not in (key, document["ModelPackageArn"]):
        raise not_found(name_or_arn if name_or_arn.startswith("arn:") else arn_of(call, key))
    return document


def arn_of(call: Call, key: str) -> str:
    """Return a package's ARN from its name or ``group/version``."""
    return f"arn:aws:sagemaker:{call.region}:{call.account}:model-package/{key}"


def not_found(arn: str) -> AwsError:
    """Return AWS's error for a package that does not exist."""
    return refuse(f"ModelPackage {arn} does not exist.")


def _create_version(call: Call, world: World, group: Mapping[str, Any]) -> str:
    """Number and store a version in one step, unless its token has made one; return its ARN."""
    name = str(group["ModelPackageGroupName"])
    made: list[dict[str, Any]] = []

    def number(counted: dict[str, Any]) -> None:
        versions = (each for each in world.store.list(KIND, call.region) if each.get("ModelPackageGroupName") == name)
        repeated = next((each for each in versions if _is_repeated(call, each)), None)
        if repeated is None:
            counted[group_of.LAST_VERSION] += 1
            made.append(_document(call, world, name, counted[group_of.LAST_VERSION]))
            world.store.create(KIND, call.region, _key_of(made[0]["ModelPackageArn"]), made[0])
        else:
            arn.append(str(repeated["ModelPackageArn"]))

    arn: list[str] = []
    if world.store.update(group_of.KIND, call.region, name, number) is None:
        raise group_of.not_found(group_of.arn_of(call, name))
    for document in made:
        _tell(call, world, document)
        arn.append(document["ModelPackageArn"])
    return arn[0]


def _document(call: Call, world: World, name: str, version: int | None = None) -> dict[str, Any]:
    document = {
        **call.params,
        "ModelPackageArn": arn_of(call, name if version is None else f"{name}/{version}"),
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreationTime": world.clock.now(),
        "CreatedBy": {},
        "_Name": name if version is None else f"{name}/{version:09}",
        "_Request": _digest(call),
    }
    if version is not None:
        document |= {"ModelPackageGroupName": name, "ModelPackageVersion": version}
        document.setdefault("ModelApprovalStatus", "PendingManualApproval")
    return document


def _is_repeated(call: Call, made: Mapping[str, Any]) -> bool:
    """Say whether a call is a second one for a package that is there.

    Raises:
        AwsError: its token was used for another request.
    """
    token = call.params.get("ClientToken")
    if not token or made.get("ClientToken") != token:
        return False
    if made["_Request"] != _digest(call):
        text = f"ClientToken {token} was used with other parameters for {made['ModelPackageArn']}."
        raise AwsError("ConflictException", text)
    return True


def _digest(call: Call) -> str:
    return hashlib.sha256(json.dumps(call.params, sort_keys=True, default=str).encode()).hexdigest()


def _check_data(call: Call, world: World) -> None:
    """Look whether the weights are there, as AWS does."""
    s3 = world.clients.client("s3", call.region)
    try:
        for container in at(call.params, "InferenceSpecification.Containers") or []:
            source = model_data.source_of(container)
            if source is not None:
                model_data.check(s3, source, "")
    except model_data.ModelDataError as error:
        raise refuse(str(error)) from error


def _key_of(name_or_arn: str) -> str:
    return name_or_arn.partition(":model-package/")[2] if name_or_arn.startswith("arn:") else name_or_arn


def _shown(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in HIDDEN}


def _tell(call: Call, world: World, document: Mapping[str, Any]) -> None:
    """Tell EventBridge, on whose word people deploy."""
    entry = {
        "Source": "aws.sagemaker",
        "DetailType": EVENT,
        "Resources": [document["ModelPackageArn"]],
        "Detail": json.dumps(_shown(document), default=_as_event_value),
    }
    world.clients.client("events", call.region).put_events(Entries=[entry])


def _as_event_value(value: Any) -> Any:
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else str(value)


OPERATIONS: dict[str, Handler] = {
    "CreateModelPackage": create_model_package,
    "DescribeModelPackage": describe_model_package,
    "ListModelPackages": list_model_packages,
    "UpdateModelPackage": update_model_package,
    "DeleteModelPackage": delete_model_package,
}
