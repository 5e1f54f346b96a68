"""The Price List API through boto3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_finetune.sandbox.server import Sandbox

Aws = Callable[..., Any]


@pytest.fixture
def pricing(aws: Aws) -> Any:
    return aws("pricing")


def term(field: str, value: str) -> dict[str, str]:
    return {"Type": "TERM_MATCH", "Field": field, "Value": value}


def test_the_price_of_an_instance_hour_is_found_as_on_aws(sandbox: Sandbox, pricing: Any) -> None:
    answer = pricing.get_products(
        ServiceCode="AmazonSageMaker",
        Filters=[term("instanceName", "ml.g5.2xlarge"), term("regionCode", "us-east-1"), term("component", "Training")],
    )
    assert answer["FormatVersion"] == "aws_v1"
    [text] = answer["PriceList"]
    product = json.loads(text)
    [offer] = product["terms"]["OnDemand"].values()
    [dimension] = offer["priceDimensions"].values()
    assert dimension["unit"] == "Hrs"
    expected = sandbox.world.prices.hourly_usd("training", "ml.g5.2xlarge", "us-east-1")
    assert float(dimension["pricePerUnit"]["USD"]) == expected
    assert product["product"]["attributes"]["location"] == "US East (N. Virginia)"


def test_every_product_is_listed_once_over_all_pages(pricing: Any) -> None:
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonSageMaker", Filters=[term("regionCode", "us-east-1")], PaginationConfig={"PageSize": 20}
    )
    skus = [json.loads(text)["product"]["sku"] for page in pages for text in page["PriceList"]]
    assert len(skus) == len(set(skus)) > 60


@pytest.mark.parametrize(
    ("kind", "value", "count"),
    [("EQUALS", "ml.g5.xlarge", 2), ("EQUALS", "ML.G5.XLARGE", 0), ("ANY_OF", "ml.g5.xlarge,ml.p3.2xlarge", 4),
     ("CONTAINS", "ml.trn1", 4), ("TERM_MATCH", "ml.none", 0)],
)  # fmt: skip
def test_filters_mean_what_aws_says(pricing: Any, kind: str, value: str, count: int) -> None:
    filters = [{"Type": kind, "Field": "instanceName", "Value": value}, term("regionCode", "us-east-1")]
    assert len(pricing.get_products(ServiceCode="AmazonSageMaker", Filters=filters)["PriceList"]) == count


def test_attributes_and_their_values_are_listed(pricing: Any) -> None:
    [service] = pricing.describe_services(ServiceCode="AmazonSageMaker")["Services"]
    assert {"instanceName", "regionCode", "component"} <= set(service["AttributeNames"])
    values = pricing.get_attribute_values(ServiceCode="AmazonSageMaker", AttributeName="component")["AttributeValues"]
    assert values == [{"Value": "Hosting"}, {"Value": "Training"}]


def test_a_gigabyte_of_storage_has_tiers_as_on_aws(sandbox: Sandbox, pricing: Any) -> None:
    asked = [term("productFamily", "Storage"), term("volumeType", "Standard"), term("regionCode", "eu-central-1")]
    [text] = pricing.get_products(ServiceCode="AmazonS3", Filters=asked)["PriceList"]
    product = json.loads(text)
    assert product["product"]["attributes"]["usagetype"] == "EUC1-TimedStorage-ByteHrs"
    [offer] = product["terms"]["OnDemand"].values()
    rows = sorted(offer["priceDimensions"].values(), key=lambda row: float(row["beginRange"]))
    assert [row["endRange"] for row in rows] == [*[row["beginRange"] for row in rows[1:]], "Inf"], "no gap, no overlap"
    assert {row["unit"] for row in rows} == {"GB-Mo"}
    prices = [float(row["pricePerUnit"]["USD"]) for row in rows]
    assert prices == sorted(prices, reverse=True)
    assert prices == [tier["usd"] for tier in sandbox.world.prices.storage_tiers("eu-central-1")]


def test_both_services_are_described_and_each_has_attributes_of_its_own(pricing: Any) -> None:
    services = {row["ServiceCode"]: row["AttributeNames"] for row in pricing.describe_services()["Services"]}
    assert set(services) == {"AmazonSageMaker", "AmazonS3"}
    assert "volumeType" in services["AmazonS3"]
    assert "volumeType" not in services["AmazonSageMaker"]
    values = pricing.get_attribute_values(ServiceCode="AmazonS3", AttributeName="volumeType")["AttributeValues"]
    assert values == [{"Value": "Standard"}]


def test_what_is_not_there_is_said_so(pricing: Any) -> None:
    with pytest.raises(pricing.exceptions.NotFoundException):
        pricing.get_products(ServiceCode="AmazonEC2")
    with pytest.raises(pricing.exceptions.NotFoundException):
        pricing.get_attribute_values(ServiceCode="AmazonSageMaker", AttributeName="colour")
    with pytest.raises(pricing.exceptions.InvalidNextTokenException):
        pricing.get_products(ServiceCode="AmazonSageMaker", NextToken="nonsense")
