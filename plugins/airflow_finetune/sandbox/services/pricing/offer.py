"""A product of the Price List API with its on-demand rates, in AWS's form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_TERM = "JRTCKXETXF"  # AWS's code for on-demand terms


class Rate(NamedTuple):
    """One price.

    Attributes:
        usd: of one unit.
        unit: in AWS's words.
        description: for people.
        begin: from which quantity on.
        end: up to which quantity.
        code: AWS's code of the rate.
    """

    usd: float
    unit: str
    description: str
    begin: str = "0"
    end: str = "Inf"
    code: str = "6YS6EN2CT7"


def code_of(*parts: str) -> str:
    """Return the product's code; derived from what it is, not AWS's own."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16].upper()


def offered(sku: str, family: str, attributes: Mapping[str, str], rates: Sequence[Rate], date: str) -> dict[str, Any]:
    """Return a product with its rates.

    Args:
        sku: its code.
        family: ``productFamily``.
        attributes: of it; ``servicecode`` is one of them.
        rates: at least one.
        date: of the price table, for example ``2026-11-21``.
    """
    dimensions = {f"{sku}.{_TERM}.{rate.code}": _dimension(sku, rate) for rate in rates}
    term = {
        "offerTermCode": _TERM,
        "sku": sku,
        "effectiveDate": f"{date}T00:00:00Z",
        "termAttributes": {},
        "priceDimensions": dimensions,
    }
    return {
        "product": {"productFamily": family, "sku": sku, "attributes": dict(attributes)},
        "serviceCode": attributes["servicecode"],
        "terms": {"OnDemand": {f"{sku}.{_TERM}": term}},
        "version": date.replace("-", "") + "000000",
        "publicationDate": f"{date}T00:00:00Z",
    }


def _dimension(sku: str, rate: Rate) -> dict[str, Any]:
    return {
        "rateCode": f"{sku}.{_TERM}.{rate.code}",
        "unit": rate.unit,
        "beginRange": rate.begin,
        "endRange": rate.end,
        "description": f"{rate.description} (embedded AWS)",
        "appliesTo": [],
        "pricePerUnit": {"USD": f"{rate.usd:.10f}"},
    }
