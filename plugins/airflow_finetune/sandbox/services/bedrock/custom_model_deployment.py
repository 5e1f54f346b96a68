"""Deployments of custom models that are paid by token: Create, Get, List, Update, Delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import answers
from .answers import Listing, listed, not_found, quota_exceeded, refuse
from .lookup import DEPLOYMENT, DONE, READY_AT, by_name_or_arn, custom_model, settled

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

CREATING_SECONDS = 60.0  # modelled; AWS takes minutes, which teaches nobody anything
SUMMARY = ("customModelDeploymentArn", "modelArn", "createdAt", "status", "lastUpdatedAt", "failureMessage")
NO_CAPACITY = "There is not enough capacity to deploy the model at this time. Please try again later."


def _summary(document: dict[str, Any]) -> dict[str, Any]:
    return {**answers.pick(document, SUMMARY), "customModelDeploymentName": document["modelDeploymentName"]}


LISTING = Listing(
    "modelDeploymentSummaries",
    _summary,
    "modelDeploymentName",
    "createdAt",
    {"statusEquals": "status", "modelArnEquals": "modelArn"},
    after="createdAfter",
    before="createdBefore",
)


def create_custom_model_deployment(call: Call, world: World) -> Mapping[str, Any]:
    """Begin to deploy; Active after a modelled minute."""
    made = answers.already_made(call, world)
    if made is not None:
        return {"customModelDeploymentArn": made}
    name, now = call.params["modelDeploymentName"], world.clock.now()
    tags = answers.checked_tags(call.params.get("tags", []))
    model = _deployable(call, world)
    _check_quotas(call, world)
    arn = answers.arn(call, f"custom-model-deployment/{answers.new_id()}")
    fault = world.faults.take("capacity", name, modelArn=model["modelArn"])
    failed = {"status": "Failed", "failureMessage": fault and str(fault.params.get("message", NO_CAPACITY))}
    document = {
        "customModelDeploymentArn": arn,
        "modelDeploymentName": name,
        "modelArn": model["modelArn"],
        "createdAt": now,
        "lastUpdatedAt": now,
        "status": "Creating",
        **answers.pick(call.params, ("description",)),
        READY_AT: world.clock.modelled() + CREATING_SECONDS,
        DONE: failed if fault else {"status": "Active"},
        "_tags": tags,
    }
    made = answers.claim(call, world, arn)
    if made is not None:
        return {"customModelDeploymentArn": made}
    if not world.store.create(DEPLOYMENT, call.region, name, document):
        answers.release(call, world)
        raise refuse("The provided model deployment name is currently in use.")
    return {"customModelDeploymentArn": arn}


def get_custom_model_deployment(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a deployment."""
    return answers.shown(_get(call, world))


def list_custom_model_deployments(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of deployments."""
    return listed(settled(world, DEPLOYMENT, call.region), call.params, LISTING)


def update_custom_model_deployment(call: Call, world: World) -> Mapping[str, Any]:
    """Begin to serve another model under the same ARN; the old one answers until then."""
    document = _get(call, world)
    if document["status"] != "Active" or document.get(READY_AT) is not None:
        raise refuse(f"The deployment {document['modelDeploymentName']} cannot be updated: it is being changed.")
    model = _deployable(call, world)
    now = world.clock.now()
    update = {"modelArn": model["modelArn"], "updateStatus": "Updating"}
    done = {"modelArn": model["modelArn"], "updateDetails": {**update, "updateStatus": "UpdateCompleted"}}

    def change(each: dict[str, Any]) -> None:
        each.update({"updateDetails": update, "lastUpdatedAt": now, DONE: done})
        each[READY_AT] = world.clock.modelled() + CREATING_SECONDS

    world.store.update(DEPLOYMENT, call.region, document["modelDeploymentName"], change)
    return {"customModelDeploymentArn": document["customModelDeploymentArn"]}


def delete_custom_model_deployment(call: Call, world: World) -> Mapping[str, Any]:
    """Delete a deployment at once."""
    world.store.delete(DEPLOYMENT, call.region, _get(call, world)["modelDeploymentName"])
    return {}


def users_of(call: Call, world: World, model_arn: str) -> list[str]:
    """Return the ARNs of deployments that serve a custom model, or shall serve it soon."""
    return [
        each["customModelDeploymentArn"]
        for each in settled(world, DEPLOYMENT, call.region)
        if model_arn in (each["modelArn"], each.get("updateDetails", {}).get("modelArn"))
    ]


def _deployable(call: Call, world: World) -> dict[str, Any]:
    model = custom_model(call, world, call.params["modelArn"])
    base = world.foundation_models.all[model["_base"]]
    if not base.deploys_on_demand:
        raise refuse(
            f"Custom models of {base.id} cannot be deployed on demand: buy provisioned throughput for "
            f"{model['modelArn']}."
        )
    return model


def _check_quotas(call: Call, world: World) -> None:
    documents = settled(world, DEPLOYMENT, call.region)
    creating = [each for each in documents if each["status"] == "Creating"]
    for name, used, what in (
        ("custom_model_deployments", documents, "Custom model deployments"),
        ("creating_custom_model_deployments", creating, "In-progress custom model deployments"),
    ):
        limit = world.foundation_models.quota(name)
        if len(used) >= limit:
            raise quota_exceeded(f"You have reached the quota {what} of this account: {limit}.")


def _get(call: Call, world: World) -> dict[str, Any]:
    identifier = call.params["customModelDeploymentIdentifier"]
    found = by_name_or_arn(
        world, DEPLOYMENT, call.region, identifier, "modelDeploymentName", "customModelDeploymentArn"
    )
    if found is None:
        raise not_found(f"Could not find custom model deployment {identifier}.")
    return found


OPERATIONS: dict[str, Handler] = {
    "CreateCustomModelDeployment": create_custom_model_deployment,
    "GetCustomModelDeployment": get_custom_model_deployment,
    "ListCustomModelDeployments": list_custom_model_deployments,
    "UpdateCustomModelDeployment": update_custom_model_deployment,
    "DeleteCustomModelDeployment": delete_custom_model_deployment,
}
