"""SageMaker endpoint configurations: Create, Describe, List, Delete. Documents that endpoints are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import model
from .summaries import Kind, list_page
from .training_job_checks import not_here, refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...edge.errors import AwsError
    from ...world import World

KIND = "endpoint_config"
SUMMARY = Kind("EndpointConfigs", "EndpointConfigName", ("EndpointConfigName", "EndpointConfigArn", "CreationTime"))

NOT_HERE = {
    "AsyncInferenceConfig": "asynchronous inference",
    "ExplainerConfig": "explainers",
    "ShadowProductionVariants": "shadow variants",
    "CrossRegionTrafficConfig": "traffic across regions",
    "DataCaptureConfig": "data capture",
}
WITHOUT_EFFECT = ("KmsKeyId", "VpcConfig", "EnableNetworkIsolation", "MetricsConfig")
"""Members that are kept and shown, but change nothing here; the endpoint's log says so."""
WITHOUT_EFFECT_IN_VARIANTS = (
    "AcceleratorType",
    "CoreDumpConfig",
    "VolumeSizeInGB",
    "ModelDataDownloadTimeoutInSeconds",
    "VariantInstanceProvisionTimeoutInSeconds",
    "EnableSSMAccess",
    "RoutingConfig",
    "InferenceAmiVersion",
    "AcceleratorPartitionLayouts",
)
NOT_HERE_IN_VARIANTS = {
    "ServerlessConfig": "serverless inference",
    "InstancePools": "a choice of instance types",
    "ManagedInstanceScaling": "managed instance scaling",
    "CapacityReservationConfig": "capacity reservations",
}


def create_endpoint_config(call: Call, world: World) -> Mapping[str, Any]:
    """Store a configuration whose models exist."""
    request = call.params
    name = request["EndpointConfigName"]
    arn = arn_of(call, name)
    if world.store.get(KIND, call.region, name) is not None:
        raise _name_taken(arn)
    for member, what in NOT_HERE.items():
        if request.get(member):
            raise not_here(member, what)
    names = Counter(variant["VariantName"] for variant in request["ProductionVariants"])
    if max(names.values()) > 1:
        raise refuse(f"Variant names must be unique within an endpoint configuration: {', '.join(sorted(names))}.")
    for variant in request["ProductionVariants"]:
        _check_variant(variant, call, world)
    document = {**request, "EndpointConfigArn": arn, "CreationTime": world.clock.now()}
    if not world.store.create(KIND, call.region, name, document):
        raise _name_taken(arn)
    return {"EndpointConfigArn": arn}


def _check_variant(variant: Mapping[str, Any], call: Call, world: World) -> None:
    """Refuse what AWS refuses, and what cannot run or be billed here."""
    for member, what in NOT_HERE_IN_VARIANTS.items():
        if variant.get(member):
            raise not_here(f"ProductionVariants.{member}", what)
    if not variant.get("ModelName"):
        raise not_here("a variant without ModelName", "inference components")
    if not variant.get("InstanceType") or not variant.get("InitialInstanceCount"):
        raise refuse(f"InstanceType and InitialInstanceCount are required for variant {variant['VariantName']}.")
    if world.store.get(model.KIND, call.region, variant["ModelName"]) is None:
        raise model.not_found(model.arn_of(call, variant["ModelName"]))
    instance_type = variant["InstanceType"]
    try:
        world.prices.hourly_usd("hosting", instance_type, call.region)
        world.prices.instance(instance_type)
    except KeyError:
        raise not_here("ProductionVariants.InstanceType", f"a price for hosting on {instance_type}") from None


def describe_endpoint_config(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of a configuration."""
    document = get(call, world, call.params["EndpointConfigName"])
    return {name: value for name, value in document.items() if name != "Tags"}


def list_endpoint_configs(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of configurations."""
    return list_page(world.store.list(KIND, call.region), call.params, SUMMARY)


def delete_endpoint_config(call: Call, world: World) -> Mapping[str, Any]:
    """Delete a configuration; as on AWS, endpoints made from it go on."""
    name = call.params["EndpointConfigName"]
    if not world.store.delete(KIND, call.region, name):
        raise not_found(arn_of(call, name))
    return {}


def get(call: Call, world: World, name: str) -> dict[str, Any]:
    """Return a configuration's document.

    Raises:
        AwsError: there is none.
    """
    document = world.store.get(KIND, call.region, name)
    if document is None:
        raise not_found(arn_of(call, name))
    return document


def notes(config: Mapping[str, Any], variant: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line for each member that has no effect here."""
    found = [name for name in WITHOUT_EFFECT if config.get(name)]
    found += [f"ProductionVariants.{name}" for name in WITHOUT_EFFECT_IN_VARIANTS if variant.get(name)]
    return tuple(f"{name} has no effect here" for name in found)


def arn_of(call: Call, name: str) -> str:
    """Return a configuration's ARN."""
    return f"arn:aws:sagemaker:{call.region}:{call.account}:endpoint-config/{name}"


def not_found(arn: str) -> AwsError:
    """Return AWS's error for a configuration that does not exist."""
    return refuse(f'Could not find endpoint configuration "{arn}".')


def _name_taken(arn: str) -> AwsError:
    return refuse(f'Cannot create already existing endpoint configuration "{arn}".')


OPERATIONS: dict[str, Handler] = {
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": describe_endpoint_config,
    "ListEndpointConfigs": list_endpoint_configs,
    "DeleteEndpointConfig": delete_endpoint_config,
}
