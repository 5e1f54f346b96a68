"""AWS's Price List API over the sandbox's own price table: the same JSON texts, not AWS's prices."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ..pages import page
from . import bedrock, serverless, storage
from .offer import Rate, code_of, offered

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...state.prices import Usage
    from ...world import World

_SERVICE_CODE = "AmazonSageMaker"
_SERVICES = (_SERVICE_CODE, storage.SERVICE_CODE, bedrock.SERVICE_CODE)
_USAGES: dict[Usage, tuple[str, str, str]] = {  # usage in our table: (component, operation, prefix of the usage type)
    "training": ("Training", "RunInstance", "Train"),
    "processing": ("Processing", "RunInstance", "Processing"),
    "hosting": ("Hosting", "RunInstance", "Host"),
}
_LOCATIONS = {
    "us-east-1": ("US East (N. Virginia)", "USE1"),
    "us-east-2": ("US East (Ohio)", "USE2"),
    "us-west-2": ("US West (Oregon)", "USW2"),
    "eu-west-1": ("EU (Ireland)", "EUW1"),
    "eu-central-1": ("EU (Frankfurt)", "EUC1"),
    "ap-northeast-1": ("Asia Pacific (Tokyo)", "APN1"),
    "ap-southeast-2": ("Asia Pacific (Sydney)", "APS2"),
}


def _attributes(usage: Usage, instance_type: str, region: str, world: World) -> dict[str, str]:
    component, operation, prefix = _USAGES[usage]
    instance = world.prices.instance(instance_type)
    location, short = _LOCATIONS[region]
    return {
        "servicecode": _SERVICE_CODE,
        "servicename": "Amazon SageMaker",
        "component": component,
        "platoinstancename": instance_type,
        "platoinstancetype": instance_type.removeprefix("ml."),
        "instanceName": instance_type,
        "instanceType": f"{instance_type}-{component}",
        "vCpu": str(instance.vcpus),
        "memory": f"{instance.memory_gb:g} GiB",
        "gpu": str(instance.gpus),
        "operation": operation,
        "usagetype": f"{short}-{prefix}:{instance_type}",
        "regionCode": region,
        "location": location,
        "locationType": "AWS Region",
        "platovolumetype": "",
    }


def _product(usage: Usage, instance_type: str, region: str, world: World) -> dict[str, Any]:
    attributes = _attributes(usage, instance_type, region, world)
    price = world.prices.hourly_usd(usage, instance_type, region)
    words = f"${price:.4f} per hour for {instance_type} {attributes['component']}"
    sku = code_of(usage, instance_type, region)
    return offered(sku, "ML Instance", attributes, [Rate(price, "Hrs", words)], world.prices.table["date"])


@cache
def _products(world: World, service: str) -> tuple[dict[str, Any], ...]:
    if service == storage.SERVICE_CODE:
        return tuple(storage.storage_products(world, _LOCATIONS))
    if service == bedrock.SERVICE_CODE:
        return tuple(bedrock.bedrock_products(world, _LOCATIONS))
    return (*_instances(world), *serverless.serverless_products(world, _LOCATIONS))


def _instances(world: World) -> Iterator[dict[str, Any]]:
    for region in _LOCATIONS:
        for instance_type, row in world.prices.table["instances"].items():
            for usage in _USAGES:
                if usage in row:
                    yield _product(usage, instance_type, region, world)


def _service(call: Call) -> str:
    code: str = call.params["ServiceCode"]
    if code not in _SERVICES:
        raise AwsError("NotFoundException", f"The embedded AWS has no prices of the service {code}.")
    return code


def _fits(product: Mapping[str, Any], condition: Mapping[str, str]) -> bool:
    known = {**_known(product), "sku": product["product"]["sku"]}
    lower = {name.lower(): str(text) for name, text in known.items()}
    value, wanted = lower.get(condition["Field"].lower()), condition["Value"]
    if value is None:
        return False
    match condition["Type"]:
        case "EQUALS":
            return value == wanted
        case "CONTAINS":
            return wanted.lower() in value.lower()
        case "ANY_OF":
            return value in wanted.split(",")
        case "NONE_OF":
            return value not in wanted.split(",")
        case _:  # TERM_MATCH
            return value.lower() == wanted.lower()


def get_products(call: Call, world: World) -> Mapping[str, Any]:
    """Products that fit every filter, each as a JSON text, as AWS gives them."""
    filters, products = call.params.get("Filters", []), _products(world, _service(call))
    texts = [json.dumps(each) for each in products if all(_fits(each, condition) for condition in filters)]
    return {"FormatVersion": "aws_v1", **page(texts, call.params, "PriceList", error="InvalidNextTokenException")}


def describe_services(call: Call, world: World) -> Mapping[str, Any]:
    """The services with prices here, with the names of their attributes."""
    wanted = (_service(call),) if "ServiceCode" in call.params else _SERVICES
    services = [{"ServiceCode": code, "AttributeNames": sorted(_known(_products(world, code)[0]))} for code in wanted]
    return {"FormatVersion": "aws_v1", **page(services, call.params, "Services", error="InvalidNextTokenException")}


def get_attribute_values(call: Call, world: World) -> Mapping[str, Any]:
    """Every value of an attribute."""
    service, name = _service(call), call.params["AttributeName"]
    values = {
        value
        for each in _products(world, service)
        for key, value in _known(each).items()
        if key.lower() == name.lower() and value
    }
    if not values:
        raise AwsError("NotFoundException", f"No attribute {name} of {service} is known.")
    found = [{"Value": value} for value in sorted(values)]
    return page(found, call.params, "AttributeValues", error="InvalidNextTokenException")


def _known(product: Mapping[str, Any]) -> dict[str, str]:
    return {**product["product"]["attributes"], "productFamily": product["product"]["productFamily"]}


OPERATIONS: dict[str, Handler] = {
    "GetProducts": get_products,
    "DescribeServices": describe_services,
    "GetAttributeValues": get_attribute_values,
}
