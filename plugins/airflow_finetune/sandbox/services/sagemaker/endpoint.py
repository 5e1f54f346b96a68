"""SageMaker endpoints: Create, Describe, List, Update, Delete. What runs them is ``runner/hosting.py``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...runner.endpoints.deployment import Share
from ...runner.endpoints.endpoint import KIND as KIND
from . import endpoint_config, model
from .summaries import Kind, list_page
from .training_job_checks import not_here, refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

SUMMARY = Kind(
    "Endpoints",
    "EndpointName",
    ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"),
    "EndpointStatus",
)

Variants = list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]]


def create_endpoint(call: Call, world: World) -> Mapping[str, Any]:
    """Accept an endpoint; nothing serves when this returns."""
    request = call.params
    name, config = request["EndpointName"], request["EndpointConfigName"]
    arn = arn_of(call, name)
    if world.store.get(KIND, call.region, name) is not None:
        raise _name_taken(arn)
    if request.get("DeploymentConfig"):
        raise not_here("DeploymentConfig", "canary and linear deployments")
    variants = _variants(call, world, config)
    now = world.clock.now()
    document = {
        "EndpointName": name,
        "EndpointArn": arn,
        "EndpointConfigName": config,
        "EndpointStatus": "Creating",
        "CreationTime": now,
        "LastModifiedTime": now,
        "Tags": request.get("Tags", []),
    }
    if not world.hosting.create(call.region, document, variants, lambda: _check_quota(call, world, _wanted(variants))):
        raise _name_taken(arn)
    return {"EndpointArn": arn}


def describe_endpoint(call: Call, world: World) -> Mapping[str, Any]:
    """Return all that is known of an endpoint."""
    return {name: value for name, value in _get(call, world).items() if name != "Tags"}


def list_endpoints(call: Call, world: World) -> Mapping[str, Any]:
    """Return one page of endpoints."""
    return list_page(world.store.list(KIND, call.region), call.params, SUMMARY)


def update_endpoint(call: Call, world: World) -> Mapping[str, Any]:
    """Begin to replace what an endpoint serves; the old one serves until the new one is healthy."""
    document = _get(call, world)
    for member in ("DeploymentConfig", "RetainDeploymentConfig", "ExcludeRetainedVariantProperties"):
        if call.params.get(member):
            raise not_here(member, "canary and linear deployments, and retaining only some properties")
    _check_can_change(document)
    config = call.params["EndpointConfigName"]
    variants = _variants(call, world, config)
    begun = world.hosting.update(
        call.region,
        document["EndpointName"],
        config,
        variants,
        retain=bool(call.params.get("RetainAllVariantProperties")),
        admit=lambda: _check_quota(call, world, _wanted(variants)),
    )
    if not begun:
        raise _in_progress(document["EndpointArn"])
    return {"EndpointArn": document["EndpointArn"]}


def update_endpoint_weights_and_capacities(call: Call, world: World) -> Mapping[str, Any]:
    """Begin to change weights and instance counts of variants."""
    document = _get(call, world)
    _check_can_change(document)
    name = document["EndpointName"]
    current = world.hosting.shares(call.region, name) or {}
    shares = {}
    for wanted in call.params["DesiredWeightsAndCapacities"]:
        variant = wanted["VariantName"]
        if variant not in current:
            raise refuse(f'The variant name(s) "{variant}" is/are not present within endpoint "{name}".')
        if wanted.get("ServerlessUpdateConfig"):
            raise not_here("ServerlessUpdateConfig", "serverless inference")
        old = current[variant]
        shares[variant] = Share(
            wanted.get("DesiredWeight", old.weight),
            wanted.get("DesiredInstanceCount", old.instances),
            old.instance_type,
        )
    more = Counter[str]()
    for variant, share in shares.items():
        more[share.instance_type] += share.instances - current[variant].instances
    if not world.hosting.resize(call.region, name, shares, lambda: _check_quota(call, world, more)):
        raise _in_progress(document["EndpointArn"])
    return {"EndpointArn": document["EndpointArn"]}


def delete_endpoint(call: Call, world: World) -> Mapping[str, Any]:
    """Begin to end an endpoint; as on AWS, not while it is being created, updated or deleted."""
    document = _get(call, world)
    if not world.hosting.delete(call.region, document["EndpointName"]):
        raise _in_progress(document["EndpointArn"])
    return {}


def arn_of(call: Call, name: str) -> str:
    """Return an endpoint's ARN."""
    return f"arn:aws:sagemaker:{call.region}:{call.account}:endpoint/{name}"


def not_found(arn: str) -> AwsError:
    """Return AWS's error for an endpoint that does not exist."""
    return refuse(f'Could not find endpoint "{arn}".')


def _variants(call: Call, world: World, config: str) -> Variants:
    """Return each variant of a configuration with its container and lines for its log.

    Raises:
        AwsError: the configuration or one of its models is gone.
    """
    found: Variants = []
    described = endpoint_config.get(call, world, config)
    for variant in described["ProductionVariants"]:
        document = world.store.get(model.KIND, call.region, variant["ModelName"])
        if document is None:
            raise model.not_found(model.arn_of(call, variant["ModelName"]))
        notes = (*endpoint_config.notes(described, variant), *model.notes(document))
        found.append((variant, model.container_of(document), notes))
    return found


def _wanted(variants: Variants) -> Counter[str]:
    """Return how many instances of each type a configuration asks for."""
    wanted = Counter[str]()
    for variant, _, _ in variants:
        wanted[variant["InstanceType"]] += variant["InitialInstanceCount"]
    return wanted


def _check_quota(call: Call, world: World, wanted: Counter[str]) -> None:
    """Refuse one instance too many, of each type; while an endpoint is updated, old and new ones count."""
    for instance_type, count in wanted.items():
        if count <= 0:
            continue
        limit = world.quotas.limit(call.region, "endpoint", instance_type)
        in_use = world.hosting.instances(call.region, instance_type)
        if in_use + count > limit:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{instance_type} for endpoint usage' is {limit} Instances, with "
                f"current utilization of {in_use} Instances and a request delta of {count} Instances. Please use AWS "
                "Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact "
                "AWS support to request an increase for this quota.",
            )


def _check_can_change(document: Mapping[str, Any]) -> None:
    status, arn = document["EndpointStatus"], document["EndpointArn"]
    if status == "Failed":
        raise refuse(f'Cannot update failed endpoint "{arn}": DeleteEndpoint is the only operation that it takes.')
    if status != "InService":
        raise _in_progress(arn)


def _get(call: Call, world: World) -> dict[str, Any]:
    name = call.params["EndpointName"]
    document = world.store.get(KIND, call.region, name)
    if document is None:
        raise not_found(arn_of(call, name))
    return document


def _name_taken(arn: str) -> AwsError:
    return refuse(f'Cannot create already existing endpoint "{arn}".')


def _in_progress(arn: str) -> AwsError:
    return refuse(f'Cannot update in-progress endpoint "{arn}".')


OPERATIONS: dict[str, Handler] = {
    "CreateEndpoint": create_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "ListEndpoints": list_endpoints,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_endpoint_weights_and_capacities,
    "DeleteEndpoint": delete_endpoint,
}
