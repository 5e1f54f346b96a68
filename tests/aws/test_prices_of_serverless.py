"""Prices of serverless customization, against the embedded AWS: one answer for each thing that is billed, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_finetune.aws.prices import SERVERLESS_USAGES, asked_usd, serverless_usd
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.sandbox.state import Prices

QWEN, LLAMA = "huggingface-llm-qwen2-5-7b-instruct", "meta-textgeneration-llama-3-2-1b-instruct"


@pytest.mark.parametrize("usage", sorted(SERVERLESS_USAGES))
def test_a_thousand_tokens_cost_what_technique_method_and_region_say(aws: Callable[..., Any], usage: str) -> None:
    technique, method = usage.upper().split("_")
    for region in ("us-east-1", "eu-west-1"):
        usd = Prices().serverless_usd(QWEN, technique, None if method == "FULL" else method, region)
        assert serverless_usd(aws("pricing"), usage, QWEN, region) == pytest.approx(usd)
        assert asked_usd(aws("pricing"), usage, QWEN, region) == pytest.approx(usd)


@pytest.mark.parametrize(
    ("usage", "model", "region"),
    [("dpo_lora", LLAMA, "us-east-1"), ("sft_lora", "no-such-model", "us-east-1"), ("sft_lora", QWEN, "mars-1")],
)
def test_what_is_not_listed_has_no_price(aws: Callable[..., Any], usage: str, model: str, region: str) -> None:
    assert serverless_usd(aws("pricing"), usage, model, region) is None
    assert asked_usd(aws("pricing"), usage, model, region) is None


def test_a_price_that_we_may_not_read_is_a_refusal_for_a_plan_and_nothing_for_a_bill(
    sandbox: Sandbox, aws: Callable[..., Any]
) -> None:
    sandbox.world.faults.add(Rule("access_denied", operation="GetProducts"))
    assert serverless_usd(aws("pricing"), "sft_lora", QWEN, "us-east-1") is None
    assert isinstance(asked_usd(aws("pricing"), "sft_lora", QWEN, "us-east-1"), Refusal)
