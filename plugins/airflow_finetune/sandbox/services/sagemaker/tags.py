"""Tags of what is ours (training jobs, models and packages, endpoints); moto answers for every other resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError, PassToMoto
from ..pages import page
from .model_package_checks import NO_TAGS
from .tagged_kinds import KINDS
from .training_job_checks import refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

MOST_TAGS = 50
Tags = list[dict[str, str]]


def add_tags(call: Call, world: World) -> Mapping[str, Any]:
    """Add tags, or give those that are there new values."""
    if any(tag["Key"].lower().startswith("aws:") for tag in call.params["Tags"]):
        raise refuse("Tag keys that start with aws: are reserved.")
    if re.search(r":model-package/[^/]+/\d+$", call.params["ResourceArn"]):
        raise refuse(NO_TAGS)

    def merge(tags: Tags) -> Tags:
        merged = {tag["Key"]: tag for tag in (*tags, *call.params["Tags"])}
        if len(merged) > MOST_TAGS:
            raise AwsError("ResourceLimitExceeded", f"A resource can have at most {MOST_TAGS} tags.")
        return list(merged.values())

    return {"Tags": _change(call, world, merge)}


def list_tags(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of a resource's tags."""
    return page(_change(call, world, lambda tags: tags), call.params, "Tags", default_size=MOST_TAGS)


def delete_tags(call: Call, world: World) -> Mapping[str, Any]:
    """Remove tags by key; keys that are not there are no error."""
    gone = set(call.params["TagKeys"])
    _change(call, world, lambda tags: [tag for tag in tags if tag["Key"] not in gone])
    return {}


def _change(call: Call, world: World, edit: Callable[[Tags], Tags]) -> Tags:
    """Edit a resource's tags in one step and return them.

    Raises:
        PassToMoto: the resource is of a type that is moto's.
        AwsError: it is ours and does not exist.
    """
    arn = call.params["ResourceArn"]
    *_, region, account, resource = arn.split(":", 5)
    kind, _, name = resource.partition("/")
    if kind not in KINDS:
        raise PassToMoto
    shelf, not_found = KINDS[kind]

    def change(document: dict[str, Any]) -> None:
        document["Tags"] = edit(document.get("Tags", []))

    here = (region, account) == (call.region, call.account)
    document = world.store.update(shelf, call.region, name, change) if here else None
    if document is None:
        raise not_found(arn)
    tags: Tags = document["Tags"]
    return tags


OPERATIONS: dict[str, Handler] = {"AddTags": add_tags, "ListTags": list_tags, "DeleteTags": delete_tags}
