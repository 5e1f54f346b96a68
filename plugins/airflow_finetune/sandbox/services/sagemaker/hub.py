"""SageMaker hubs: Describe, List, Create, Update, Delete. One is AWS's, with models in it; the others are private."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...state.public_hub import NAME
from .summaries import Kind, list_page

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

KIND, CONTENT_KIND, REFERENCE_KIND = "hub", "hub_content", "hub_content_reference"
MOST_HUBS = 50
SHOWN = (
    "HubName",
    "HubArn",
    "HubDisplayName",
    "HubDescription",
    "HubSearchKeywords",
    "HubStatus",
    "CreationTime",
    "LastModifiedTime",
)
SUMMARY = Kind("HubSummaries", "HubName", SHOWN, "HubStatus")
_ARN = re.compile(r"arn:[^:]+:sagemaker:(?P<region>[^:]+):(?P<account>[^:]+):hub/(?P<name>.+)")
_SORTS = {"HubName": "Name", "AccountIdOwner": "Name"}


def describe_hub(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a hub."""
    return {name: value for name, value in get(call, world).items() if name != "Tags"}


def list_hubs(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of hubs, AWS's own among them."""
    params = {**call.params, "SortBy": _SORTS.get(call.params.get("SortBy", ""), call.params.get("SortBy"))}
    found = [public(call, world), *world.store.list(KIND, call.region)]
    return list_page(found, {name: value for name, value in params.items() if value is not None}, SUMMARY)


def create_hub(call: Call, world: World) -> Mapping[str, Any]:
    """Store a private hub; it is in service at once."""
    name = call.params["HubName"]
    arn = f"arn:aws:sagemaker:{call.region}:{call.account}:hub/{name}"
    if len(world.store.list(KIND, call.region)) >= MOST_HUBS:
        raise AwsError("ResourceLimitExceeded", f"An account can have at most {MOST_HUBS} hubs in a region.")
    now = world.clock.now()
    document = {
        **call.params,
        "HubArn": arn,
        "HubStatus": "InService",
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    if name == NAME or not world.store.create(KIND, call.region, name, document):
        raise AwsError("ResourceInUse", f"Hub with name {name} already exists.")
    return {"HubArn": arn}


def update_hub(call: Call, world: World) -> Mapping[str, Any]:
    """Change the texts of a private hub."""
    hub = owned(call, world)
    changed = {name: value for name, value in call.params.items() if name != "HubName"}
    changed["LastModifiedTime"] = world.clock.now()
    world.store.update(KIND, call.region, hub["HubName"], lambda document: document.update(changed))
    return {"HubArn": hub["HubArn"]}


def delete_hub(call: Call, world: World) -> Mapping[str, Any]:
    """Delete an empty private hub."""
    hub = owned(call, world)
    held = [*world.store.list(CONTENT_KIND, call.region), *world.store.list(REFERENCE_KIND, call.region)]
    if any(each["HubName"] == hub["HubName"] for each in held):
        raise AwsError("ResourceInUse", f"Hub {hub['HubName']} cannot be deleted: it has hub contents.")
    world.store.delete(KIND, call.region, hub["HubName"])
    return {}


def get(call: Call, world: World) -> dict[str, Any]:
    """Return the document of the hub that a request names, by name or ARN.

    Raises:
        AwsError: there is none; or it is another account's, which has shared nothing with this one.
    """
    given = call.params["HubName"]
    found = _ARN.fullmatch(given)
    name = found["name"] if found else given
    if found and found["account"] not in ("aws", call.account):
        who = f"User: arn:aws:iam::{call.account}:root is not authorized to perform: sagemaker:{call.operation}"
        raise AwsError("AccessDeniedException", f"{who} on resource: {given}")
    document = public(call, world) if name == NAME else world.store.get(KIND, call.region, name)
    if document is None or (found and given != document["HubArn"]):
        raise not_found(given)
    return document


def owned(call: Call, world: World) -> dict[str, Any]:
    """Return the document of a hub that the account may change.

    Raises:
        AwsError: there is none, or it is AWS's.
    """
    document = get(call, world)
    if document["HubName"] == NAME:
        who = f"User: arn:aws:iam::{call.account}:root is not authorized to perform: sagemaker:{call.operation}"
        raise AwsError("AccessDeniedException", f"{who} on resource: {document['HubArn']}")
    return document


def public(call: Call, world: World) -> dict[str, Any]:
    """Return the document of AWS's own hub."""
    hub = {name: text for name, text in world.hub.table["hub"].items() if name != "created"}
    created = world.hub.created
    arn = f"arn:aws:sagemaker:{call.region}:aws:hub/{NAME}"
    return {**hub, "HubArn": arn, "HubStatus": "InService", "CreationTime": created, "LastModifiedTime": created}


def not_found(name: str) -> AwsError:
    """Return AWS's error for a hub that does not exist."""
    return AwsError("ResourceNotFound", f"Hub {name} does not exist.")


OPERATIONS: dict[str, Handler] = {
    "DescribeHub": describe_hub,
    "ListHubs": list_hubs,
    "CreateHub": create_hub,
    "UpdateHub": update_hub,
    "DeleteHub": delete_hub,
}
