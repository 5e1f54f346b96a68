"""S3 Standard storage as products of the Price List API: one a region, with AWS's tiers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .offer import Rate, code_of, offered

if TYPE_CHECKING:
    from ...world import World

SERVICE_CODE = "AmazonS3"
FAMILY = "Storage"


def storage_products(world: World, locations: dict[str, tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield a product for each region.

    Args:
        world: has the price table.
        locations: region -> (its name for people, its short name in usage types).
    """
    for region, (location, short) in locations.items():
        yield _product(region, location, short, world)


def _product(region: str, location: str, short: str, world: World) -> dict[str, Any]:
    attributes = {
        "servicecode": SERVICE_CODE,
        "servicename": "Amazon Simple Storage Service",
        "storageClass": "General Purpose",
        "volumeType": "Standard",
        "operation": "",
        # AWS leaves the region out of us-east-1's usage types of S3
        "usagetype": "TimedStorage-ByteHrs" if region == "us-east-1" else f"{short}-TimedStorage-ByteHrs",
        "regionCode": region,
        "location": location,
        "locationType": "AWS Region",
    }
    rates = [_rate(index, tier) for index, tier in enumerate(world.prices.storage_tiers(region))]
    return offered(code_of(SERVICE_CODE, region), FAMILY, attributes, rates, world.prices.table["date"])


def _rate(index: int, tier: dict[str, Any]) -> Rate:
    words = f"${tier['usd']:.4f} per GB-month from {tier['from_gb']} GB on"
    end = "Inf" if tier["to_gb"] is None else str(tier["to_gb"])
    return Rate(tier["usd"], "GB-Mo", words, str(tier["from_gb"]), end, str(index))
