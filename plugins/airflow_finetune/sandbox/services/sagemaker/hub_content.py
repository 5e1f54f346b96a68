"""Contents of hubs: Describe, List, ListVersions, Import, Delete. What the public hub holds comes from its table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...state.public_hub import NAME, HubModel, number_of
from . import hub
from .summaries import Kind, list_page
from .training_job_checks import refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

MODEL, REFERENCE = "Model", "ModelReference"
FIRST_VERSION = "1.0.0"
SUMMARY = Kind(
    "HubContentSummaries",
    "HubContentName",
    (
        "HubContentName",
        "HubContentArn",
        "SageMakerPublicHubContentArn",
        "HubContentVersion",
        "HubContentType",
        "DocumentSchemaVersion",
        "HubContentDisplayName",
        "HubContentDescription",
        "SupportStatus",
        "HubContentSearchKeywords",
        "HubContentStatus",
        "CreationTime",
        "OriginalCreationTime",
    ),
    "HubContentStatus",
)


def describe_hub_content(call: Call, world: World) -> Mapping[str, Any]:
    """Return a content with its document; the newest version unless one is named."""
    holder = hub.get(call, world)
    kind, name, version = (call.params.get(f"HubContent{word}") for word in ("Type", "Name", "Version"))
    found = [each for each in contents(call, world, holder) if _names(each) == (kind, name)]
    wanted = [each for each in found if version in (None, each["HubContentVersion"])]
    if not wanted:
        where = f"hub content {name} of type {kind}{f' and version {version}' if version else ''}"
        raise AwsError("ResourceNotFound", f"Could not find {where} in hub {holder['HubName']}.")
    newest = max(wanted, key=lambda each: number_of(each["HubContentVersion"]))
    return {member: value for member, value in newest.items() if member not in ("Tags", "OriginalCreationTime")}


def list_hub_contents(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of a hub's contents of one type, each in its newest version."""
    newest: dict[str, dict[str, Any]] = {}
    for each in _asked(call, world):
        before = newest.get(each["HubContentName"])
        if before is None or number_of(before["HubContentVersion"]) < number_of(each["HubContentVersion"]):
            newest[each["HubContentName"]] = each
    return list_page(list(newest.values()), _page_params(call), SUMMARY)


def list_hub_content_versions(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of the versions of a content."""
    name, lowest = call.params["HubContentName"], call.params.get("MinVersion", "0.0.0")
    found = [each for each in _asked(call, world) if each["HubContentName"] == name]
    if not found:
        raise AwsError("ResourceNotFound", f"Could not find hub content {name} in hub {call.params['HubName']}.")
    listed = [each for each in found if number_of(each["HubContentVersion"]) >= number_of(lowest)]
    return list_page(listed, _page_params(call), _VERSIONS)


def import_hub_content(call: Call, world: World) -> Mapping[str, Any]:
    """Store a content of one's own in a private hub; it is there at once."""
    holder, request = hub.owned(call, world), call.params
    kind, name = request["HubContentType"], request["HubContentName"]
    if kind == REFERENCE:
        raise refuse("HubContentType ModelReference cannot be imported: use CreateHubContentReference.")
    _check_document(request["HubContentDocument"])
    version = request.get("HubContentVersion") or _next_version(call, world, holder, name)
    arn = content_arn(holder, kind, name, version)
    now = world.clock.now()
    document = {
        **request,
        "HubName": holder["HubName"],
        "HubArn": holder["HubArn"],
        "HubContentVersion": version,
        "HubContentArn": arn,
        "HubContentStatus": "Available",
        "SupportStatus": request.get("SupportStatus", "Supported"),
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    if not world.store.create(hub.CONTENT_KIND, call.region, arn.partition("hub-content/")[2], document):
        raise AwsError("ResourceInUse", f"Hub content {arn} already exists.")
    return {"HubArn": holder["HubArn"], "HubContentArn": arn}


def delete_hub_content(call: Call, world: World) -> Mapping[str, Any]:
    """Delete one version of a content of a private hub."""
    holder, request = hub.owned(call, world), call.params
    arn = content_arn(holder, request["HubContentType"], request["HubContentName"], request["HubContentVersion"])
    if not world.store.delete(hub.CONTENT_KIND, call.region, arn.partition("hub-content/")[2]):
        raise not_found(arn)
    return {}


def content_arn(holder: Mapping[str, Any], kind: str, name: str, version: str) -> str:
    """Return the ARN of a hub's content."""
    return f"{str(holder['HubArn']).replace(':hub/', ':hub-content/')}/{kind}/{name}/{version}"


def not_found(arn: str) -> AwsError:
    """Return AWS's error for a content that does not exist."""
    return AwsError("ResourceNotFound", f"Could not find hub content {arn}.")


def contents(call: Call, world: World, holder: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a hub holds, every version of it: models of the table, imported contents, references resolved."""
    if holder["HubName"] == NAME:
        return [_of_table(each, call.region, holder, world) for versions in world.hub.all.values() for each in versions]
    imported = [
        each for each in world.store.list(hub.CONTENT_KIND, call.region) if each["HubName"] == holder["HubName"]
    ]
    return [*imported, *_resolved(call, world, holder)]


def _resolved(call: Call, world: World, holder: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the versions that the references of a hub point to: those of the public model from the lowest on."""
    public = hub.public(call, world)
    for reference in world.store.list(hub.REFERENCE_KIND, call.region):
        if reference["HubName"] != holder["HubName"]:
            continue
        lowest = reference.get("MinVersion", "0.0.0")
        for model in world.hub.all[reference["SageMakerPublicHubContentArn"].rsplit("/", 1)[-1]]:
            if number_of(model.version) < number_of(lowest):
                continue
            name = reference["HubContentName"]
            yield {
                **_of_table(model, call.region, public, world),
                "HubName": holder["HubName"],
                "HubArn": holder["HubArn"],
                "HubContentName": name,
                "HubContentType": REFERENCE,
                "HubContentArn": content_arn(holder, REFERENCE, name, model.version),
                "SageMakerPublicHubContentArn": reference["SageMakerPublicHubContentArn"],
                **({"ReferenceMinVersion": reference["MinVersion"]} if "MinVersion" in reference else {}),
                "CreationTime": reference["CreationTime"],
                "LastModifiedTime": reference["CreationTime"],
                "OriginalCreationTime": model.created,
            }


def _of_table(model: HubModel, region: str, holder: Mapping[str, Any], world: World) -> dict[str, Any]:
    return {
        "HubName": holder["HubName"],
        "HubArn": holder["HubArn"],
        "HubContentName": model.name,
        "HubContentType": MODEL,
        "HubContentVersion": model.version,
        "HubContentArn": content_arn(holder, MODEL, model.name, model.version),
        "DocumentSchemaVersion": world.hub.schema,
        "HubContentDisplayName": model.display,
        "HubContentDescription": model.description,
        "HubContentMarkdown": f"# {model.display}\n\n{model.description}\n",
        "HubContentDocument": json.dumps(model.document(region)),
        "HubContentSearchKeywords": list(model.keywords),
        "HubContentStatus": "Available",
        "SupportStatus": model.support,
        "CreationTime": model.created,
        "LastModifiedTime": model.created,
    }


def _asked(call: Call, world: World) -> Iterator[dict[str, Any]]:
    """Yield the contents of the type and schema that a list asks for."""
    highest = call.params.get("MaxSchemaVersion")
    for each in contents(call, world, hub.get(call, world)):
        if each["HubContentType"] != call.params["HubContentType"]:
            continue
        if highest is None or number_of(each["DocumentSchemaVersion"]) <= number_of(highest):
            yield each


def _names(content: Mapping[str, Any]) -> tuple[Any, Any]:
    return content["HubContentType"], content["HubContentName"]


def _page_params(call: Call) -> dict[str, Any]:
    if call.params.get("SortBy") == "HubContentName":
        return {**call.params, "SortBy": "Name"}
    return call.params


def _check_document(text: str) -> None:
    try:
        if not isinstance(json.loads(text), dict):
            raise ValueError("it is no object")
    except ValueError as error:
        raise refuse(f"HubContentDocument is not a valid JSON document: {error}") from None


def _next_version(call: Call, world: World, holder: Mapping[str, Any], name: str) -> str:
    versions = [each["HubContentVersion"] for each in contents(call, world, holder) if each["HubContentName"] == name]
    if not versions:
        return FIRST_VERSION
    major, minor, _ = max(map(number_of, versions))
    return f"{major}.{minor + 1}.0"


_VERSIONS = Kind(SUMMARY.member, "HubContentVersion", SUMMARY.shown, SUMMARY.status)
"""As ``SUMMARY``, but it is the version that tells one from another."""

OPERATIONS: dict[str, Handler] = {
    "DescribeHubContent": describe_hub_content,
    "ListHubContents": list_hub_contents,
    "ListHubContentVersions": list_hub_content_versions,
    "ImportHubContent": import_hub_content,
    "DeleteHubContent": delete_hub_content,
}
