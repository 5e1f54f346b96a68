"""References of private hubs to models of the public one: Create, Update, Delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...state.public_hub import NAME, number_of
from . import hub, hub_content
from .training_job_checks import refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World


def create_hub_content_reference(call: Call, world: World) -> Mapping[str, Any]:
    """Let a private hub show a model of the public one, maybe under another name."""
    holder, arn = hub.owned(call, world), call.params["SageMakerPublicHubContentArn"]
    model = arn.rsplit("/", 1)[-1]
    if arn != f"arn:aws:sagemaker:{call.region}:aws:hub-content/{NAME}/Model/{model}" or not world.hub.find(model):
        raise hub_content.not_found(arn)
    _check_version(world, model, call.params.get("MinVersion"))
    name = call.params.get("HubContentName") or model
    document = {
        **call.params,
        "HubName": holder["HubName"],
        "HubContentName": name,
        "CreationTime": world.clock.now(),
    }
    if not world.store.create(hub.REFERENCE_KIND, call.region, _key(holder, name), document):
        raise AwsError("ResourceInUse", f"Hub content reference {name} already exists in hub {holder['HubName']}.")
    return _arns(world, holder, name, model)


def update_hub_content_reference(call: Call, world: World) -> Mapping[str, Any]:
    """Change the lowest version that a reference shows."""
    holder, reference = _get(call, world)
    model = reference["SageMakerPublicHubContentArn"].rsplit("/", 1)[-1]
    lowest = call.params.get("MinVersion")
    _check_version(world, model, lowest)

    def change(document: dict[str, Any]) -> None:
        document.pop("MinVersion", None)
        document.update({"MinVersion": lowest} if lowest else {})

    name = reference["HubContentName"]
    world.store.update(hub.REFERENCE_KIND, call.region, _key(holder, name), change)
    return _arns(world, holder, name, model)


def delete_hub_content_reference(call: Call, world: World) -> Mapping[str, Any]:
    """Take a reference out of a private hub."""
    holder, reference = _get(call, world)
    world.store.delete(hub.REFERENCE_KIND, call.region, _key(holder, reference["HubContentName"]))
    return {}


def _get(call: Call, world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    holder = hub.owned(call, world)
    kind, name = call.params["HubContentType"], call.params["HubContentName"]
    if kind != hub_content.REFERENCE:
        raise refuse(f"HubContentType {kind} is not supported: it must be {hub_content.REFERENCE}.")
    reference = world.store.get(hub.REFERENCE_KIND, call.region, _key(holder, name))
    if reference is None:
        raise AwsError("ResourceNotFound", f"Could not find hub content reference {name} in hub {holder['HubName']}.")
    return holder, reference


def _check_version(world: World, model: str, lowest: str | None) -> None:
    if lowest and not any(number_of(each.version) >= number_of(lowest) for each in world.hub.all[model]):
        raise AwsError("ResourceNotFound", f"Could not find a version of {model} that is at least {lowest}.")


def _key(holder: Mapping[str, Any], name: str) -> str:
    return f"{holder['HubName']}/{name}"


def _arns(world: World, holder: Mapping[str, Any], name: str, model: str) -> dict[str, str]:
    newest = world.hub.all[model][-1].version
    arn = hub_content.content_arn(holder, hub_content.REFERENCE, name, newest)
    return {"HubArn": holder["HubArn"], "HubContentArn": arn}


OPERATIONS: dict[str, Handler] = {
    "CreateHubContentReference": create_hub_content_reference,
    "UpdateHubContentReference": update_hub_content_reference,
    "DeleteHubContentReference": delete_hub_content_reference,
}
