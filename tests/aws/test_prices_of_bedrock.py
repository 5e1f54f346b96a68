"""Bedrock's prices, against the embedded AWS: one answer for each thing that is billed, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_finetune.aws.foundation_models import FoundationModel, found_model
from airflow_finetune.aws.prices import BEDROCK_USAGES, asked_usd, bedrock_usd
from airflow_finetune.lifecycle.failures import FailureClass, Refusal
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.sandbox.state import FoundationModels

BILLED = {
    "customization": "training_1k_tokens",
    "input_tokens": "input_1k_tokens",
    "output_tokens": "output_1k_tokens",
    "model_unit": "model_unit_hour",
    "model_storage": "model_month",
}
TABLE = FoundationModels().all


@pytest.mark.parametrize("usage", sorted(BEDROCK_USAGES))
@pytest.mark.parametrize("model_id", [name for name, model in TABLE.items() if model.regions])
def test_what_a_model_costs_is_found_by_the_name_that_aws_gives_it(
    aws: Callable[..., Any], usage: str, model_id: str
) -> None:
    region = (TABLE[model_id].regions or ())[0]
    model = found_model(aws("bedrock"), model_id)
    assert isinstance(model, FoundationModel)
    assert bedrock_usd(aws("pricing"), usage, model.name, region) == TABLE[model_id].usd[BILLED[usage]]


def test_a_base_and_its_variant_with_another_context_have_one_price(aws: Callable[..., Any]) -> None:
    names = [found_model(aws("bedrock"), f"amazon.nova-micro-v1:0{context}") for context in ("", ":128k")]
    assert {model.name for model in names if isinstance(model, FoundationModel)} == {"Nova Micro"}
    assert bedrock_usd(aws("pricing"), "output_tokens", "Nova Micro", "us-east-1") == 0.00014


@pytest.mark.parametrize(
    ("usage", "model", "region"),
    [
        ("customization", "Nova Micro", "eu-west-1"),  # not customized there
        ("model_unit", "Nova Premier", "us-east-1"),  # only on demand
        ("input_tokens", "Nova Nano", "us-east-1"),
    ],
)
def test_what_is_not_sold_has_no_price(aws: Callable[..., Any], usage: str, model: str, region: str) -> None:
    assert bedrock_usd(aws("pricing"), usage, model, region) is None
    assert asked_usd(aws("pricing"), usage, model, region) is None


def test_a_price_that_we_may_not_read_is_a_refusal_for_a_plan_and_nothing_for_a_bill(
    sandbox: Sandbox, aws: Callable[..., Any]
) -> None:
    sandbox.world.faults.add(Rule("access_denied", operation="GetProducts"))
    assert bedrock_usd(aws("pricing"), "customization", "Nova Micro", "us-east-1") is None
    found = asked_usd(aws("pricing"), "customization", "Nova Micro", "us-east-1")
    assert isinstance(found, Refusal)
    assert found.meaning is FailureClass.DENIED
