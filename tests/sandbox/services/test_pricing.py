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


def test_processing_has_a_price_of_its_own_where_the_type_is_offered(pricing: Any) -> None:
    def found(instance_type: str) -> list[str]:
        asked = [term("instanceName", instance_type), term("regionCode", "us-east-1"), term("component", "Processing")]
        products = pricing.get_products(ServiceCode="AmazonSageMaker", Filters=asked)["PriceList"]
        return [json.loads(text)["product"]["attributes"]["usagetype"] for text in products]

    assert found("ml.m5.large") == ["USE1-Processing:ml.m5.large"]
    assert found("ml.p5.48xlarge") == []


def test_every_product_is_listed_once_over_all_pages(pricing: Any) -> None:
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonSageMaker", Filters=[term("regionCode", "us-east-1")], PaginationConfig={"PageSize": 20}
    )
    skus = [json.loads(text)["product"]["sku"] for page in pages for text in page["PriceList"]]
    assert len(skus) == len(set(skus)) > 60


@pytest.mark.parametrize(
    ("kind", "value", "count"),
    [("EQUALS", "ml.g5.xlarge", 3), ("EQUALS", "ML.G5.XLARGE", 0), ("ANY_OF", "ml.g5.xlarge,ml.p3.2xlarge", 6),
     ("CONTAINS", "ml.trn1", 4), ("TERM_MATCH", "ml.none", 0)],
)  # fmt: skip
def test_filters_mean_what_aws_says(pricing: Any, kind: str, value: str, count: int) -> None:
    filters = [{"Type": kind, "Field": "instanceName", "Value": value}, term("regionCode", "us-east-1")]
    assert len(pricing.get_products(ServiceCode="AmazonSageMaker", Filters=filters)["PriceList"]) == count


def test_attributes_and_their_values_are_listed(pricing: Any) -> None:
    [service] = pricing.describe_services(ServiceCode="AmazonSageMaker")["Services"]
    assert {"instanceName", "regionCode", "component"} <= set(service["AttributeNames"])
    values = pricing.get_attribute_values(ServiceCode="AmazonSageMaker", AttributeName="component")["AttributeValues"]
    assert [each["Value"] for each in values] == ["Hosting", "Processing", "Serverless customization", "Training"]


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


def test_every_service_is_described_and_each_has_attributes_of_its_own(pricing: Any) -> None:
    services = {row["ServiceCode"]: row["AttributeNames"] for row in pricing.describe_services()["Services"]}
    assert set(services) == {"AmazonSageMaker", "AmazonS3", "AmazonBedrock"}
    assert {"model", "inferenceType", "regionCode"} <= set(services["AmazonBedrock"])
    assert "volumeType" in services["AmazonS3"]
    assert "volumeType" not in services["AmazonSageMaker"]
    values = pricing.get_attribute_values(ServiceCode="AmazonS3", AttributeName="volumeType")["AttributeValues"]
    assert values == [{"Value": "Standard"}]


def bedrock_products(pricing: Any, **wanted: str) -> list[dict[str, Any]]:
    """Every product of Bedrock with these attributes, over all pages."""
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonBedrock", Filters=[term(field, value) for field, value in wanted.items()]
    )
    return [json.loads(text) for page in pages for text in page["PriceList"]]


def test_bedrock_s_tokens_are_asked_for_by_model_region_and_kind(sandbox: Sandbox, pricing: Any) -> None:
    asked = {"model": "Nova Micro", "regionCode": "eu-west-1", "inferenceType": "Input tokens"}
    [product] = bedrock_products(pricing, **asked)  # two base ids bear that name and cost the same
    attributes = product["product"]["attributes"]
    assert (attributes["provider"], attributes["feature"]) == ("Amazon", "On-demand Inference")
    assert attributes["usagetype"] == "EUW1-NovaMicro-input-tokens"
    assert attributes["location"] == "EU (Ireland)"
    [offer] = product["terms"]["OnDemand"].values()
    [rate] = offer["priceDimensions"].values()
    expected = sandbox.world.foundation_models.all["amazon.nova-micro-v1:0"].usd["input_1k_tokens"]
    assert (rate["unit"], float(rate["pricePerUnit"]["USD"])) == ("1K tokens", expected)


def test_bedrock_s_list_has_what_is_billed_here_and_nothing_else(sandbox: Sandbox, pricing: Any) -> None:
    models = sandbox.world.foundation_models.all.values()
    found = bedrock_products(pricing, regionCode="us-west-2")
    assert len({each["product"]["sku"] for each in found}) == len(found)
    named = {each["product"]["attributes"]["model"] for each in found}
    assert named == {model.name for model in models}
    trained = {
        each["product"]["attributes"]["model"]
        for each in found
        if each["product"]["attributes"]["inferenceType"] == "Model customization: training"
    }
    assert trained == {model.name for model in models if "us-west-2" in (model.regions or ())}
    assert "Nova Micro" not in trained, "it is customized in us-east-1 only"
    units = {rate["unit"] for each in found for rate in _rates(each)}
    assert units == {"1K tokens", "Hrs", "Month"}


def _rates(product: dict[str, Any]) -> list[dict[str, Any]]:
    return [rate for offer in product["terms"]["OnDemand"].values() for rate in offer["priceDimensions"].values()]


def test_what_is_not_there_is_said_so(pricing: Any) -> None:
    with pytest.raises(pricing.exceptions.NotFoundException):
        pricing.get_products(ServiceCode="AmazonEC2")
    with pytest.raises(pricing.exceptions.NotFoundException):
        pricing.get_attribute_values(ServiceCode="AmazonSageMaker", AttributeName="colour")
    with pytest.raises(pricing.exceptions.InvalidNextTokenException):
        pricing.get_products(ServiceCode="AmazonSageMaker", NextToken="nonsense")
