"""What AWS's price list says of the base model that is, or is below, another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_finetune.aws.foundation_models import FoundationModel, found_model
from airflow_finetune.aws.prices import bedrock_usd
from airflow_finetune.errors import Unavailable


def model_usd(client: Callable[[str], Any], region: str, usage: str, model: str) -> float | None:
    """Return a price; None where nobody tells.

    Args:
        client: makes a boto3 client of a service.
        region: where it runs.
        usage: as of ``bedrock_usd``.
        model: ARN of a base model or of a custom one.
    """
    try:
        found = found_model(client("bedrock"), model)
    except Unavailable:
        return None
    return bedrock_usd(client("pricing"), usage, found.name, region) if isinstance(found, FoundationModel) else None
