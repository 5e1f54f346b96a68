"""The declaration of SageMaker's endpoints as a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_finetune.resources import ENDPOINT, ENDPOINT_CONFIG, MODEL
from airflow_finetune.serving.host import Asks, Host, MakeClient, Price, Recipe
from airflow_finetune.serving.spec import DeploySpec


def _recipe(spec: DeploySpec, asks: Asks) -> Recipe:
    from airflow_finetune.serving.endpoint.recipe import EndpointRecipe  # brings botocore: not while a DAG is parsed

    return EndpointRecipe(spec, asks)


def _hourly_usd(described: Mapping[str, Any], clients: MakeClient, price: Price) -> float | None:
    config = clients(ENDPOINT_CONFIG).describe(described["EndpointConfigName"])
    if config is None:
        return None
    usd = 0.0
    for variant in config["ProductionVariants"]:
        each = price(variant["InstanceType"])
        if each is None:
            return None
        usd += each * variant["InitialInstanceCount"]
    return usd


ENDPOINT_HOST = Host(
    name=DeploySpec.backend,
    spec=DeploySpec,
    kinds=(ENDPOINT, ENDPOINT_CONFIG, MODEL),
    recipe=_recipe,
    hourly_usd=_hourly_usd,
)
