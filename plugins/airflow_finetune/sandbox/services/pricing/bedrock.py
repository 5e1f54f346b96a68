"""What Bedrock bills here as products of the Price List API: tokens, model units, stored models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .offer import Rate, code_of, offered

if TYPE_CHECKING:
    from ...state import FoundationModel
    from ...world import World

SERVICE_CODE = "AmazonBedrock"
FAMILY = "Amazon Bedrock"


class _Usage(NamedTuple):
    """How the list names something that is billed.

    Attributes:
        price: its price in the table of models.
        inference_type: attribute ``inferenceType``.
        feature: attribute ``feature``.
        suffix: of the usage type.
        unit: of the price.
        customized: whether it is sold only in regions where the model can be customized.
    """

    price: str
    inference_type: str
    feature: str
    suffix: str
    unit: str
    customized: bool


# "Input tokens", "Output tokens" and "On-demand Inference" are AWS's words; docs/sandbox.md says what the others are.
_USAGES = (
    _Usage("input_1k_tokens", "Input tokens", "On-demand Inference", "input-tokens", "1K tokens", False),
    _Usage("output_1k_tokens", "Output tokens", "On-demand Inference", "output-tokens", "1K tokens", False),
    _Usage(
        "training_1k_tokens",
        "Model customization: training",
        "Model Customization",
        "Customization-Training",
        "1K tokens",
        True,
    ),
    _Usage(
        "model_month", "Model customization: storage", "Model Customization", "Customization-Storage", "Month", True
    ),
    _Usage(
        "model_unit_hour",
        "Provisioned throughput: no commitment",
        "Provisioned Throughput",
        "ProvisionedThroughput-ModelUnits",
        "Hrs",
        False,
    ),
)


def bedrock_products(world: World, locations: Mapping[str, tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield a product for each region, model and usage; base models of one name that cost the same are one product.

    Args:
        world: has the models with their prices, which are the same in every region, as its bills are.
        locations: region -> (its name for people, its short name in usage types).
    """
    date = world.foundation_models.table["date"]
    for region, (location, short) in locations.items():
        place = {"regionCode": region, "location": location, "locationType": "AWS Region"}
        for name, provider, usage, usd in _billed(world, region):
            attributes = {
                "servicecode": SERVICE_CODE,
                "servicename": "Amazon Bedrock",
                "model": name,
                "provider": provider,
                "inferenceType": usage.inference_type,
                "feature": usage.feature,
                "usagetype": f"{short}-{name.replace(' ', '')}-{usage.suffix}",
                "operation": "",
                **place,
            }
            yield _product(attributes, usage, usd, date)


def _billed(world: World, region: str) -> list[tuple[str, str, _Usage, float]]:
    found: list[tuple[str, str, _Usage, float]] = [
        (model.name, model.provider, usage, model.usd[usage.price])
        for model in world.foundation_models.all.values()
        for usage in _USAGES
        if usage.price in model.usd and (not usage.customized or _is_customized_in(model, region))
    ]
    return list(dict.fromkeys(found))


def _is_customized_in(model: FoundationModel, region: str) -> bool:
    return region in (model.regions or ())


def _product(attributes: dict[str, str], usage: _Usage, usd: float, date: str) -> dict[str, Any]:
    sku = code_of(attributes["usagetype"], str(usd))
    words = f"${usd:g} per {usage.unit} of {attributes['model']}, {usage.inference_type}"
    return offered(sku, FAMILY, attributes, [Rate(usd, usage.unit, words)], date)
