"""What serverless customization bills here as products of the Price List API: a thousand tokens that are trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .offer import Rate, code_of, offered

if TYPE_CHECKING:
    from ...world import World

FAMILY = "Serverless Customization"
COMPONENT = "Serverless customization"
UNIT = "1K tokens"


def serverless_products(world: World, locations: Mapping[str, tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield a product for each region, model, technique and method; the words are the sandbox's own.

    Args:
        world: has the prices.
        locations: region -> (its name for people, its short name in usage types).
    """
    date = world.prices.table["date"]
    for region, (location, short) in locations.items():
        for model, technique, method in _offered(world):
            usd = world.prices.serverless_usd(model, technique, method, region)
            attributes = {
                "servicecode": "AmazonSageMaker",
                "servicename": "Amazon SageMaker",
                "component": COMPONENT,
                "model": model,
                "operation": f"{technique} {method}",
                "usagetype": f"{short}-Serverless:{technique}-{method}:{model}",
                "regionCode": region,
                "location": location,
                "locationType": "AWS Region",
            }
            words = f"${usd:g} per {UNIT} of {attributes['operation']} of {model}"
            sku = code_of(attributes["usagetype"], region)
            yield offered(sku, FAMILY, attributes, [Rate(usd, UNIT, words)], date)


def _offered(world: World) -> Iterator[tuple[str, str, str]]:
    for model, rows in world.prices.serverless_models().items():
        for technique, row in rows.items():
            for method in row:
                yield model, technique, method
