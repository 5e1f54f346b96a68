"""Hand-made needs of a job that is billed by quantity, as a backend for Bedrock has them."""

from __future__ import annotations

from typing import Any

from airflow_finetune.backends.backend import Charge, Needs
from airflow_finetune.values import DatasetReference
from tests.planning.conftest import ROLE

MICRO, LITE_TITAN = "Nova Micro", "Titan Text G1 - Lite"
TOKENS = "thousand tokens"


def trained(thousands: float, model: str = MICRO, usd: float | None = None) -> Charge:
    return Charge("customization", thousands, TOKENS, "customization", model, usd)


def stored(model: str = MICRO) -> Charge:
    return Charge("custom model, one month", 1, "month", "model_storage", model)


def needs(*charges: Charge, **changes: Any) -> Needs:
    fields: dict[str, Any] = {
        "role_arn": ROLE,
        "image_uri": "",
        "dataset": DatasetReference(uri="s3://acme/train.jsonl"),
        "inputs": ("s3://acme/train.jsonl",),
        "outputs": ("s3://acme/out/",),
        "rungs": (),
        "charges": charges or (trained(1000), stored()),
    }
    return Needs(**(fields | changes))
