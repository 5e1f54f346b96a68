"""Bedrock's base models: List and Get, each with what it supports here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...state.foundation_models import FoundationModel, arn_of
from .answers import refuse

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

SHOWN_CUSTOMIZATIONS = ("FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION")
"""The values that customizationsSupported can have; that a model takes reinforcement is not shown by AWS either."""


def list_foundation_models(call: Call, world: World) -> Mapping[str, Any]:
    """Return every model that fits the filters."""
    asked = call.params
    models = [_describe(model, call.region) for model in world.foundation_models.all.values()]
    found = [
        model
        for model in models
        if asked.get("byProvider", "").lower() in ("", model["providerName"].lower())
        and _holds(model["customizationsSupported"], asked.get("byCustomizationType"))
        and _holds(model["inferenceTypesSupported"], asked.get("byInferenceType"))
        and _holds(model["outputModalities"], asked.get("byOutputModality"))
    ]
    return {"modelSummaries": found}


def get_foundation_model(call: Call, world: World) -> Mapping[str, Any]:
    """Return one model."""
    model = world.foundation_models.find(call.params["modelIdentifier"])
    if model is None:
        raise refuse("The provided model identifier is invalid.")
    return {"modelDetails": _describe(model, call.region)}


def _holds(values: list[str], wanted: str | None) -> bool:
    return wanted is None or wanted in values


def _describe(model: FoundationModel, region: str) -> dict[str, Any]:
    here = model.regions is None or region in model.regions
    return {
        "modelArn": arn_of(model, region),
        "modelId": model.id,
        "modelName": model.name,
        "providerName": model.provider,
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": False,
        "customizationsSupported": [each for each in model.customizations if here and each in SHOWN_CUSTOMIZATIONS],
        "inferenceTypesSupported": list(model.inference),
        "modelLifecycle": {"status": model.status},
    }


OPERATIONS: dict[str, Handler] = {
    "ListFoundationModels": list_foundation_models,
    "GetFoundationModel": get_foundation_model,
}
