"""Tags of Bedrock's resources that are ours; moto answers for every other one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import PassToMoto
from ...runner.customizing.ledger import KIND, MODEL
from . import answers
from .answers import not_found
from .lookup import DEPLOYMENT, THROUGHPUT

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

KINDS = {
    "model-customization-job": (KIND, "jobArn", "jobName"),
    "custom-model": (MODEL, "modelArn", "modelName"),
    "custom-model-deployment": (DEPLOYMENT, "customModelDeploymentArn", "modelDeploymentName"),
    "provisioned-model": (THROUGHPUT, "provisionedModelArn", "provisionedModelName"),
}
"""Resource type in an ARN -> the store's kind, and the members with ARN and name."""

Tags = list[dict[str, str]]


def tag_resource(call: Call, world: World) -> Mapping[str, Any]:
    """Add tags, or give those that are there new values."""
    _change(call, world, lambda tags: answers.checked_tags([*tags, *call.params["tags"]]))
    return {}


def untag_resource(call: Call, world: World) -> Mapping[str, Any]:
    """Remove tags by key; keys that are not there are no error."""
    gone = set(call.params["tagKeys"])
    _change(call, world, lambda tags: [tag for tag in tags if tag["key"] not in gone])
    return {}


def list_tags_for_resource(call: Call, world: World) -> Mapping[str, Any]:
    """Return a resource's tags."""
    return {"tags": _change(call, world, lambda tags: tags)}


def _change(call: Call, world: World, edit: Callable[[Tags], Tags]) -> Tags:
    """Edit a resource's tags in one step and return them.

    Raises:
        PassToMoto: the resource is of a type that is moto's.
        AwsError: it is ours and does not exist.
    """
    arn = call.params["resourceARN"]
    resource_type = arn.split(":", 5)[-1].partition("/")[0]
    if resource_type not in KINDS:
        raise PassToMoto
    kind, arn_member, name_member = KINDS[resource_type]
    found = next((each for each in world.store.list(kind, call.region) if each[arn_member] == arn), None)
    changed = None
    if found is not None:
        changed = world.store.update(
            kind, call.region, found[name_member], lambda document: document.update(_tags=edit(document["_tags"]))
        )
    if changed is None:
        raise not_found(f"The resource {arn} was not found.")
    tags: Tags = changed["_tags"]
    return tags


OPERATIONS: dict[str, Handler] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
