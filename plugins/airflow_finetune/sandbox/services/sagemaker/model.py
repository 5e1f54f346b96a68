"""SageMaker models: Create, Describe, List, Delete. A model is a document; endpoints run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...runner.endpoints import model_data
from . import hub_access, model_package
from .summaries import Kind, list_page
from .training_job_checks import at, not_here, refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...edge.errors import AwsError
    from ...world import World

KIND = "model"
SUMMARY = Kind("Models", "ModelName", ("ModelName", "ModelArn", "CreationTime"))

NOT_HERE = {
    "AdditionalModelDataSources": "additional model data",
    "ModelDataSource.S3DataSource.ManifestS3Uri": "manifests of model data",
}
WITHOUT_EFFECT = ("VpcConfig", "EnableNetworkIsolation")
"""Members that are kept and shown, but change nothing here; the endpoint's log says so."""
RUNS = "_Runs"
"""Member of the document, and no part of a description: the container that a model package has become."""


def create_model(call: Call, world: World) -> Mapping[str, Any]:
    """Store a model after looking whether its data is there."""
    request = call.params
    name = request["ModelName"]
    arn = arn_of(call, name)
    if world.store.get(KIND, call.region, name) is not None:
        raise _name_taken(arn)
    asked = container_of(request)
    container = _from_the_registry(call, world, asked) if asked.get("ModelPackageName") else asked
    for path, what in _missing_here(request, container):
        raise not_here(path, what)
    if not container.get("Image"):
        raise refuse("You must specify the Image of the container.")
    _check_data(call, world, container)
    document = {"EnableNetworkIsolation": False, **request, "ModelArn": arn, "CreationTime": world.clock.now()}
    if container is not asked:
        document[RUNS] = container  # the package may be deleted while the model is served
    if not world.store.create(KIND, call.region, name, document):
        raise _name_taken(arn)
    return {"ModelArn": arn}


def describe_model(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a model."""
    return {name: value for name, value in _get(call, world).items() if name not in ("Tags", RUNS)}


def list_models(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of models."""
    return list_page(world.store.list(KIND, call.region), call.params, SUMMARY)


def delete_model(call: Call, world: World) -> Mapping[str, Any]:
    """Delete a model; as on AWS, endpoints that serve it go on."""
    if not world.store.delete(KIND, call.region, call.params["ModelName"]):
        raise not_found(arn_of(call, call.params["ModelName"]))
    return {}


def arn_of(call: Call, name: str) -> str:
    """Return a model's ARN."""
    return f"arn:aws:sagemaker:{call.region}:{call.account}:model/{name}"


def not_found(arn: str) -> AwsError:
    """Return AWS's error for a model that does not exist."""
    return refuse(f'Could not find model "{arn}".')


def container_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one container of a model (or of the request that makes one).

    Raises:
        AwsError: both ways to give it, or neither.
    """
    containers = model.get("Containers") or []
    if bool(model.get("PrimaryContainer")) == bool(containers):
        raise refuse("You must specify either a PrimaryContainer or a list of Containers, but not both.")
    container: dict[str, Any] = model.get(RUNS) or model.get("PrimaryContainer") or containers[0]
    return container


def notes(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line for each member that has no effect here."""
    return tuple(f"{name} of the model has no effect here" for name in WITHOUT_EFFECT if model.get(name))


def _from_the_registry(call: Call, world: World, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container of an approved model package, with the environment that the model adds.

    Raises:
        AwsError: there is no such package, it is not approved, or the model says itself what to run.
    """
    for member in ("Image", "ModelDataUrl", "ModelDataSource"):
        if asked.get(member):
            raise refuse(f"{member} cannot be given with ModelPackageName: the model package says what to run.")
    found = model_package.container_of(call, world, asked["ModelPackageName"])
    return {**found, "Environment": {**found.get("Environment", {}), **asked.get("Environment", {})}}


def _check_data(call: Call, world: World, container: Mapping[str, Any]) -> None:
    """Look whether the model's data is there and may be read.

    Raises:
        AwsError: it is not, or its licence was not accepted.
    """
    if data := at(container, "ModelDataSource.S3DataSource"):
        hub_access.check("ModelDataSource", data, call, world)
    hub_access.check("ModelDataUrl", {"S3Uri": container.get("ModelDataUrl", "")}, call, world)
    try:
        source = model_data.source_of(container)
        if source is not None:
            s3 = world.clients.client("s3", call.region)
            model_data.check(s3, source, call.params.get("ExecutionRoleArn", ""))
    except model_data.ModelDataError as error:
        raise refuse(str(error)) from error


def _missing_here(request: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if len(request.get("Containers") or []) > 1:
        yield "Containers", "inference pipelines of several containers"
    if container.get("Mode") == "MultiModel":
        yield "Mode", "multi-model containers"
    for path, what in NOT_HERE.items():
        if at(container, path):
            yield path, what


def _get(call: Call, world: World) -> dict[str, Any]:
    name = call.params["ModelName"]
    document = world.store.get(KIND, call.region, name)
    if document is None:
        raise not_found(arn_of(call, name))
    return document


def _name_taken(arn: str) -> AwsError:
    return refuse(f'Cannot create already existing model "{arn}".')


OPERATIONS: dict[str, Handler] = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "ListModels": list_models,
    "DeleteModel": delete_model,
}
