"""Dollars per hour from AWS's own price list, so that a finished job's cost can be stated; never a table of ours."""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from airflow_finetune.aws.answers import asked
from airflow_finetune.lifecycle.failures import Refusal

_COMPONENT = {"training": "Training", "hosting": "Hosting"}
# AWS prefixes usage types with a region's short name, but for us-east-1; other prefixes are other products.
_STANDARD_STORAGE = re.compile(r"(?:[A-Z0-9]+-)?TimedStorage-ByteHrs")


def hourly_usd(client: Any, usage: str, instance_type: str, region: str) -> float | None:
    """Return the on-demand price of one SageMaker instance; None when the price list does not answer with one.

    A Spot job is billed for fewer seconds at this same price.

    Args:
        client: boto3 client of ``pricing``; AWS offers it in a few regions only, for all regions.
        usage: ``training`` or ``hosting``.
        instance_type: for example ``ml.g5.2xlarge``.
        region: where the instance runs.
    """
    try:
        return _price(client, usage, instance_type, region)
    except (ClientError, BotoCoreError):
        return None


def asked_usd(client: Any, usage: str, instance_type: str, region: str) -> float | Refusal | None:
    """Return what ``hourly_usd`` does, but AWS's refusal where it does not let us look.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    return asked(f"price of {instance_type}", lambda: _price(client, usage, instance_type, region))


def storage_usd(client: Any, region: str) -> float | None:
    """Return what a GB (2^30 bytes) of S3 Standard costs a month; None when the price list gives no single answer.

    AWS's tiers count the whole account's storage, which nobody here knows: this is the first and dearest tier.

    Args:
        client: boto3 client of ``pricing``.
        region: where the bucket is.
    """
    try:
        return _storage_price(client, region)
    except (ClientError, BotoCoreError):
        return None


def _storage_price(client: Any, region: str) -> float | None:
    wanted = {"regionCode": region, "productFamily": "Storage", "volumeType": "Standard"}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    answer = client.get_products(ServiceCode="AmazonS3", Filters=filters, MaxResults=100)
    products = [json.loads(text) for text in answer["PriceList"]]
    standard = [p for p in products if _STANDARD_STORAGE.fullmatch(p["product"]["attributes"].get("usagetype", ""))]
    rates = [row for product in standard for row in _rates(product) if row.get("unit") == "GB-Mo"]
    prices = {float(row["pricePerUnit"]["USD"]) for row in rates if float(row.get("beginRange", "0")) == 0}
    return prices.pop() if len(prices) == 1 else None


def _price(client: Any, usage: str, instance_type: str, region: str) -> float | None:
    wanted = {"regionCode": region, "instanceName": instance_type, "component": _COMPONENT[usage]}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    answer = client.get_products(ServiceCode="AmazonSageMaker", Filters=filters, MaxResults=20)
    prices = {price for product in answer["PriceList"] for price in _hourly(json.loads(product))}
    return prices.pop() if len(prices) == 1 else None  # two prices for one question: none of them is the answer


def _hourly(product: dict[str, Any]) -> list[float]:
    rows = [row for row in _rates(product) if row.get("unit", "").lower() in ("hrs", "hours")]
    return [float(row["pricePerUnit"]["USD"]) for row in rows]


def _rates(product: dict[str, Any]) -> list[dict[str, Any]]:
    terms = product.get("terms", {}).get("OnDemand", {}).values()
    return [dimension for term in terms for dimension in term["priceDimensions"].values()]
