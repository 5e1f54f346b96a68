"""SageMaker's hubs of models, public and private: what they hold, and what the document of a model says."""

from __future__ import annotations

from airflow_finetune.aws.hubs.calls import (
    PUBLIC_HUB,
    HubSummary,
    Missing,
    hub_client,
    hub_model,
    hub_versions,
    list_hub_models,
    why_missing,
)
from airflow_finetune.aws.hubs.document import HubModel, Source, model_of
from airflow_finetune.aws.hubs.hyperparameters import Hyperparameter
from airflow_finetune.aws.hubs.recipes import Recipe

__all__ = [
    "PUBLIC_HUB",
    "HubModel",
    "HubSummary",
    "Hyperparameter",
    "Missing",
    "Recipe",
    "Source",
    "hub_client",
    "hub_model",
    "hub_versions",
    "list_hub_models",
    "model_of",
    "why_missing",
]
