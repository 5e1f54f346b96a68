"""The declaration of Bedrock as a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_finetune.resources import CUSTOM_MODEL_DEPLOYMENT, PROVISIONED_THROUGHPUT
from airflow_finetune.serving.bedrock.spec import BedrockDeploySpec
from airflow_finetune.serving.host import Asks, Host, MakeClient, Price, Recipe


def _recipe(spec: BedrockDeploySpec, asks: Asks) -> Recipe:
    from airflow_finetune.serving.bedrock.recipe import BedrockRecipe  # brings botocore: not while a DAG is parsed

    return BedrockRecipe(spec, asks)


def _hourly_usd(described: Mapping[str, Any], _: MakeClient, price: Price) -> float | None:
    unit = price(described["foundationModelArn"])
    return None if unit is None else unit * int(described["modelUnits"])


BEDROCK_HOST = Host(
    name=BedrockDeploySpec.backend,
    spec=BedrockDeploySpec,
    kinds=(CUSTOM_MODEL_DEPLOYMENT, PROVISIONED_THROUGHPUT),
    recipe=_recipe,
    hourly_usd=_hourly_usd,
)
