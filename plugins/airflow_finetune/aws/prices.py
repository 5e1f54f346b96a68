"""Prices from AWS's own list, so that a plan can be judged and a job's cost be stated; never a table of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from airflow_finetune.aws.answers import asked
from airflow_finetune.lifecycle.failures import Refusal

_COMPONENT = {"training": "Training", "hosting": "Hosting"}


class _Question(NamedTuple):
    """How AWS's price list names something that Bedrock bills.

    Attributes:
        inference_type: its attribute ``inferenceType``.
        units: unit of a rate -> what its price is divided by.
    """

    inference_type: str
    units: Mapping[str, float]


_TOKENS = {"1k tokens": 1.0, "1m tokens": 1000.0, "tokens": 0.001}
# "Input tokens" and "Output tokens" are AWS's words; the other three are general knowledge. Where AWS words them
# otherwise the list has no answer, and the user gives the price.
BEDROCK_USAGES: Mapping[str, _Question] = {
    "customization": _Question("Model customization: training", _TOKENS),
    "input_tokens": _Question("Input tokens", _TOKENS),
    "output_tokens": _Question("Output tokens", _TOKENS),
    "model_unit": _Question("Provisioned throughput: no commitment", {"hrs": 1.0, "hours": 1.0, "hour": 1.0}),
    "model_storage": _Question("Model customization: storage", {"month": 1.0, "months": 1.0, "model-mo": 1.0}),
}
"""What Bedrock bills: a thousand tokens that are trained on, asked, answered; a model unit an hour; a model a month."""
# General knowledge: nobody here has seen how AWS's list names these. Where it does otherwise, the user gives the price.
SERVERLESS_COMPONENT = "Serverless customization"
SERVERLESS_USAGES: Mapping[str, str] = {
    f"{technique}_{method}".lower(): f"{technique} {method}"
    for technique in ("SFT", "DPO", "RLVR", "RLAIF")
    for method in ("LORA", "FULL")
}
"""What serverless customization bills a thousand tokens of -> its attribute ``operation``."""
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


def bedrock_usd(client: Any, usage: str, model: str, region: str) -> float | None:
    """Return a price of Bedrock; None when the price list does not answer with one.

    Args:
        client: boto3 client of ``pricing``.
        usage: one of ``BEDROCK_USAGES``, which says of how much it is the price.
        model: the base model's name, for example ``Nova Micro``; a custom model costs what its base costs.
        region: where it runs.
    """
    try:
        return _bedrock_price(client, usage, model, region)
    except (ClientError, BotoCoreError):
        return None


def serverless_usd(client: Any, usage: str, model: str, region: str) -> float | None:
    """Return the price of a thousand tokens of a serverless job; None when the price list does not answer with one.

    Args:
        client: boto3 client of ``pricing``.
        usage: one of ``SERVERLESS_USAGES``.
        model: id of the hub's model.
        region: where it runs.
    """
    try:
        return _serverless_price(client, usage, model, region)
    except (ClientError, BotoCoreError):
        return None


def asked_usd(client: Any, usage: str, thing: str, region: str) -> float | Refusal | None:
    """Return what ``hourly_usd`` and its like do, but AWS's refusal where it does not let us look.

    Args:
        client: boto3 client of ``pricing``.
        usage: of an instance, or one of ``BEDROCK_USAGES`` or ``SERVERLESS_USAGES``.
        thing: the instance type, or the base model's name.
        region: where it runs.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    look = _bedrock_price if usage in BEDROCK_USAGES else _serverless_price if usage in SERVERLESS_USAGES else _price
    return asked(f"price of {thing}", lambda: look(client, usage, thing, region))


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


def _bedrock_price(client: Any, usage: str, model: str, region: str) -> float | None:
    question = BEDROCK_USAGES[usage]
    wanted = {"regionCode": region, "model": model, "inferenceType": question.inference_type}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    answer = client.get_products(ServiceCode="AmazonBedrock", Filters=filters, MaxResults=20)
    prices = {
        float(row["pricePerUnit"]["USD"]) / question.units[unit]
        for product in answer["PriceList"]
        for row in _rates(json.loads(product))
        if (unit := row.get("unit", "").lower()) in question.units
    }
    return prices.pop() if len(prices) == 1 else None


def _serverless_price(client: Any, usage: str, model: str, region: str) -> float | None:
    named = {"component": SERVERLESS_COMPONENT, "model": model, "operation": SERVERLESS_USAGES[usage]}
    wanted = {"regionCode": region, **named}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    answer = client.get_products(ServiceCode="AmazonSageMaker", Filters=filters, MaxResults=20)
    prices = {
        float(row["pricePerUnit"]["USD"]) / _TOKENS[unit]
        for product in answer["PriceList"]
        for row in _rates(json.loads(product))
        if (unit := row.get("unit", "").lower()) in _TOKENS
    }
    return prices.pop() if len(prices) == 1 else None


def _hourly(product: dict[str, Any]) -> list[float]:
    rows = [row for row in _rates(product) if row.get("unit", "").lower() in ("hrs", "hours")]
    return [float(row["pricePerUnit"]["USD"]) for row in rows]


def _rates(product: dict[str, Any]) -> list[dict[str, Any]]:
    terms = product.get("terms", {}).get("OnDemand", {}).values()
    return [dimension for term in terms for dimension in term["priceDimensions"].values()]
