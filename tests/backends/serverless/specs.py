"""A spec that is whole, to change one field of."""

from __future__ import annotations

from typing import Any

QWEN = "huggingface-llm-qwen2-5-7b-instruct"
EVALUATOR = "arn:aws:sagemaker:us-east-1:123456789012:hub-content/mine/JsonDoc/reward/1.0.0"
BASE: dict[str, Any] = {
    "role_arn": "arn:aws:iam::123456789012:role/tuner",
    "output_uri": "s3://acme/models",
    "base_model": QWEN,
    "dataset": "s3://acme/train.jsonl",
    "model_package_group": "orders",
}


def given(**changes: Any) -> dict[str, Any]:
    """The fields with changes; ``...`` takes one out."""
    return {name: value for name, value in {**BASE, **changes}.items() if value is not ...}
