"""Provisioned throughput, paid by the hour: Create, Get, List, Update, Delete."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ...state import FoundationModel
from ...state.foundation_models import arn_of
from . import answers
from .answers import Listing, conflict, listed, not_found, quota_exceeded, refuse
from .lookup import DONE, READY_AT, THROUGHPUT, by_name_or_arn, custom_model, settled

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

CREATING_SECONDS = 60.0  # modelled; AWS takes minutes, which teaches nobody anything
TERM_DAYS = {"OneMonth": 30, "SixMonths": 180}
SECONDS_A_DAY = 86_400.0
TERM_ENDS = "_term_ends"
SUMMARY = (
    "provisionedModelName", "provisionedModelArn", "modelArn", "desiredModelArn", "foundationModelArn", "modelUnits",
    "desiredModelUnits", "status", "commitmentDuration", "commitmentExpirationTime", "creationTime", "lastModifiedTime",
)  # fmt: skip
LISTING = Listing(
    "provisionedModelSummaries",
    lambda document: answers.pick(document, SUMMARY),
    "provisionedModelName",
    "creationTime",
    {"statusEquals": "status", "modelArnEquals": "modelArn"},
)
NO_CAPACITY = "There is not enough capacity for the model units at this time. Please try again later."


def create_provisioned_model_throughput(call: Call, world: World) -> Mapping[str, Any]:
    """Buy model units; they are billed by the hour from now on, in service after a modelled minute."""
    made = answers.already_made(call, world)
    if made is not None:
        return {"provisionedModelArn": made}
    name, units = call.params["provisionedModelName"], call.params["modelUnits"]
    tags = answers.checked_tags(call.params.get("tags", []))
    model_arn, base = _served(call, world, call.params["modelId"])
    _check_quota(call, world, units)
    arn = answers.arn(call, f"provisioned-model/{answers.new_id()}")
    fault = world.faults.take("capacity", name, modelId=call.params["modelId"])
    failed = {"status": "Failed", "failureMessage": fault and str(fault.params.get("message", NO_CAPACITY))}
    document = {
        **_new(call, world, model_arn, base, arn),
        READY_AT: world.clock.modelled() + CREATING_SECONDS,
        DONE: failed if fault else {"status": "InService"},
        "_tags": tags,
    }
    made = answers.claim(call, world, arn)
    if made is not None:
        return {"provisionedModelArn": made}
    if not world.store.create(THROUGHPUT, call.region, name, document):
        answers.release(call, world)
        raise refuse("The provided provisioned model name is currently in use.")
    if not fault:
        world.billing.meter(arn, "provisioned_throughput", units * base.usd["model_unit_hour"])
    return {"provisionedModelArn": arn}


def _new(call: Call, world: World, model_arn: str, base: FoundationModel, arn: str) -> dict[str, Any]:
    now, term = world.clock.now(), call.params.get("commitmentDuration")
    days = TERM_DAYS[term] if term else 0
    committed = {"commitmentDuration": term, "commitmentExpirationTime": now + timedelta(days=days)}
    return {
        "modelUnits": call.params["modelUnits"],
        "desiredModelUnits": call.params["modelUnits"],
        "provisionedModelName": call.params["provisionedModelName"],
        "provisionedModelArn": arn,
        "modelArn": model_arn,
        "desiredModelArn": model_arn,
        "foundationModelArn": arn_of(base, call.region),
        "status": "Creating",
        "creationTime": now,
        "lastModifiedTime": now,
        **(committed if term else {}),
        TERM_ENDS: world.clock.modelled() + days * SECONDS_A_DAY,
    }


def get_provisioned_model_throughput(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a provisioned throughput."""
    return answers.shown(_get(call, world))


def list_provisioned_model_throughputs(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of provisioned throughputs."""
    return listed(settled(world, THROUGHPUT, call.region), call.params, LISTING)


def update_provisioned_model_throughput(call: Call, world: World) -> Mapping[str, Any]:
    """Rename it, or begin to serve another model of the same base."""
    document = _get(call, world)
    asked, name = call.params, document["provisionedModelName"]
    if document["status"] != "InService":
        raise refuse(f"The provisioned throughput {name} cannot be updated: its status is {document['status']}.")
    new_name = asked.get("desiredProvisionedModelName", name)
    if new_name != name and world.store.get(THROUGHPUT, call.region, new_name) is not None:
        raise refuse("The provided provisioned model name is currently in use.")
    document |= {"provisionedModelName": new_name, "lastModifiedTime": world.clock.now()}
    if asked.get("desiredModelId"):
        model_arn, base = _served(call, world, asked["desiredModelId"])
        if arn_of(base, call.region) != document["foundationModelArn"]:
            raise refuse(f"The desired model must have the base model {document['foundationModelArn']}.")
        done = {"modelArn": model_arn, "status": "InService"}
        until = world.clock.modelled() + CREATING_SECONDS
        document |= {"desiredModelArn": model_arn, "status": "Updating", DONE: done, READY_AT: until}
    world.store.delete(THROUGHPUT, call.region, name)
    world.store.put(THROUGHPUT, call.region, new_name, document)
    return {}


def delete_provisioned_model_throughput(call: Call, world: World) -> Mapping[str, Any]:
    """Delete it, and end its bill; not before the end of a commitment."""
    document = _get(call, world)
    name = document["provisionedModelName"]
    if document[TERM_ENDS] > world.clock.modelled() and document["status"] != "Failed":
        raise conflict(
            "You can't delete a Provisioned Throughput before the commitment term is over: "
            f"{name} ends at {document['commitmentExpirationTime'].isoformat(timespec='seconds')}."
        )
    world.store.delete(THROUGHPUT, call.region, name)
    world.billing.stop(document["provisionedModelArn"])
    return {}


def users_of(call: Call, world: World, model_arn: str) -> list[str]:
    """Return the ARNs of provisioned throughputs that serve a model, or shall serve it soon."""
    return [
        each["provisionedModelArn"]
        for each in settled(world, THROUGHPUT, call.region)
        if model_arn in (each["modelArn"], each["desiredModelArn"])
    ]


def _served(call: Call, world: World, identifier: str) -> tuple[str, FoundationModel]:
    """Return the ARN of a base or custom model, and its base.

    Raises:
        AwsError: there is no such model, or no throughput can be bought for it.
    """
    base = world.foundation_models.find(identifier)
    arn = arn_of(base, call.region) if base is not None else ""
    if base is None:
        model = custom_model(call, world, identifier)
        arn, base = model["modelArn"], world.foundation_models.all[model["_base"]]
    if "PROVISIONED" not in base.inference:
        raise refuse(f"Provisioned throughput is not supported for the model {base.id}.")
    return arn, base


def _check_quota(call: Call, world: World, units: int) -> None:
    if call.params.get("commitmentDuration"):
        return  # the quota is for units without a commitment
    documents = settled(world, THROUGHPUT, call.region)
    used = sum(each["modelUnits"] for each in documents if "commitmentDuration" not in each)
    limit = world.foundation_models.quota("model_units")
    if used + units > limit:
        raise quota_exceeded(
            "You have reached the quota Model units no-commitment Provisioned Throughputs of this account: "
            f"{limit}, of which {used} are in use."
        )


def _get(call: Call, world: World) -> dict[str, Any]:
    identifier = call.params["provisionedModelId"]
    found = by_name_or_arn(world, THROUGHPUT, call.region, identifier, "provisionedModelName", "provisionedModelArn")
    if found is None:
        raise not_found(f"Could not find provisioned model {identifier}.")
    return found


OPERATIONS: dict[str, Handler] = {
    "CreateProvisionedModelThroughput": create_provisioned_model_throughput,
    "GetProvisionedModelThroughput": get_provisioned_model_throughput,
    "ListProvisionedModelThroughputs": list_provisioned_model_throughputs,
    "UpdateProvisionedModelThroughput": update_provisioned_model_throughput,
    "DeleteProvisionedModelThroughput": delete_provisioned_model_throughput,
}
