"""Bedrock's custom models: Get, List, Delete. A customization job makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...runner.customizing.ledger import KIND, MODEL
from ...state.foundation_models import arn_of
from . import answers, custom_model_deployment, provisioned_model_throughput
from .answers import Listing, conflict, listed
from .lookup import custom_model

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World


def get_custom_model(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a custom model."""
    return answers.shown(custom_model(call, world, call.params["modelIdentifier"]))


def list_custom_models(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of custom models; all are the caller's own."""
    if call.params.get("isOwned") is False:
        return {"modelSummaries": []}
    documents = [
        {**each, "_foundation": arn_of(world.foundation_models.all[each["_base"]], call.region)}
        for each in world.store.list(MODEL, call.region)
    ]
    filters = {
        "baseModelArnEquals": "baseModelArn",
        "foundationModelArnEquals": "_foundation",
        "modelStatus": "modelStatus",
    }

    def summary(model: dict[str, Any]) -> dict[str, Any]:
        names = ("modelArn", "modelName", "creationTime", "baseModelArn", "customizationType", "modelStatus")
        return {
            **answers.pick(model, names),
            "baseModelName": world.foundation_models.all[model["_base"]].name,
            "ownerAccountId": model["_account"],
        }

    return listed(documents, call.params, Listing("modelSummaries", summary, "modelName", "creationTime", filters))


def delete_custom_model(call: Call, world: World) -> Mapping[str, Any]:
    """Delete a custom model that nothing uses; its storage is no longer billed."""
    model = custom_model(call, world, call.params["modelIdentifier"])
    users = [
        *custom_model_deployment.users_of(call, world, model["modelArn"]),
        *provisioned_model_throughput.users_of(call, world, model["modelArn"]),
        *(
            job["jobArn"]
            for job in world.store.list(KIND, call.region)
            if job["_weights"] == model["_weights"] and job["status"] in ("InProgress", "Stopping")
        ),
    ]
    if users:
        raise conflict(f"The custom model {model['modelArn']} is in use by {', '.join(users)}.")
    world.store.delete(MODEL, call.region, model["modelName"])
    world.billing.stop(model["modelArn"])
    world.bedrock.inference.drop(model["_weights"])
    return {}


OPERATIONS: dict[str, Handler] = {
    "GetCustomModel": get_custom_model,
    "ListCustomModels": list_custom_models,
    "DeleteCustomModel": delete_custom_model,
}
