"""S3 Standard storage as products of the Price List API: one a region, with AWS's tiers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...world import World

SERVICE_CODE = "AmazonS3"
FAMILY = "Storage"
_TERM = "JRTCKXETXF"  # AWS's code for on-demand terms


def storage_products(world: World, locations: dict[str, tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield a product for each region.

    Args:
        world: has the price table.
        locations: region -> (its name for people, its short name in usage types).
    """
    for region, (location, short) in locations.items():
        yield _product(region, location, short, world)


def _product(region: str, location: str, short: str, world: World) -> dict[str, Any]:
    sku = hashlib.sha256(f"{SERVICE_CODE}/{region}".encode()).hexdigest()[:16].upper()
    date = f"{world.prices.table['date']}T00:00:00Z"
    rates = [_rate(sku, index, tier) for index, tier in enumerate(world.prices.storage_tiers(region))]
    term = {
        "offerTermCode": _TERM,
        "sku": sku,
        "effectiveDate": date,
        "termAttributes": {},
        "priceDimensions": {rate["rateCode"]: rate for rate in rates},
    }
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
    return {
        "product": {"productFamily": FAMILY, "sku": sku, "attributes": attributes},
        "serviceCode": SERVICE_CODE,
        "terms": {"OnDemand": {f"{sku}.{_TERM}": term}},
        "version": world.prices.table["date"].replace("-", "") + "000000",
        "publicationDate": date,
    }


def _rate(sku: str, index: int, tier: dict[str, Any]) -> dict[str, Any]:
    return {
        "rateCode": f"{sku}.{_TERM}.{index}",
        "unit": "GB-Mo",
        "beginRange": str(tier["from_gb"]),
        "endRange": "Inf" if tier["to_gb"] is None else str(tier["to_gb"]),
        "description": f"${tier['usd']:.4f} per GB-month from {tier['from_gb']} GB on (embedded AWS)",
        "appliesTo": [],
        "pricePerUnit": {"USD": f"{tier['usd']:.10f}"},
    }
