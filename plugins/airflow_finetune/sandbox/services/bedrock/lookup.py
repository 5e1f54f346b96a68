"""Finds resources by name, id or ARN, and lets those that take a while become ready when their time has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...runner.customizing.ledger import MODEL
from .answers import not_found

if TYPE_CHECKING:
    from ...edge.call import Call
    from ...world import World

DEPLOYMENT = "custom_model_deployment"
THROUGHPUT = "provisioned_model_throughput"
READY_AT = "_ready_at"
"""Member of a document, and not shown: modelled seconds at which what was begun is done."""
DONE = "_done"
"""Member of a document, and not shown: the members that it gets then."""


def custom_model(call: Call, world: World, identifier: str) -> dict[str, Any]:
    """Return the custom model of a name or ARN.

    Raises:
        AwsError: there is none.
    """
    for model in world.store.list(MODEL, call.region):
        if identifier in (model["modelName"], model["modelArn"]):
            return model
    raise not_found(f"Could not find custom model {identifier}.")


def settled(world: World, kind: str, region: str) -> list[dict[str, Any]]:
    """Return all documents of a kind; those whose time has come are ready from now on."""
    now = world.clock.modelled()

    def change(document: dict[str, Any]) -> None:
        if document.get(READY_AT) is not None and document[READY_AT] <= now:
            document.update(document.pop(DONE))
            document[READY_AT] = None

    for _, name in [each for each in world.store.names(kind) if each[0] == region]:
        world.store.update(kind, region, name, change)
    return world.store.list(kind, region)


def by_name_or_arn(world: World, kind: str, region: str, identifier: str, name: str, arn: str) -> dict[str, Any] | None:
    """Return the document of a kind whose name, ARN or id is this one, or None."""
    for document in settled(world, kind, region):
        if identifier in (document[name], document[arn], document[arn].rsplit("/", 1)[-1]):
            return document
    return None
