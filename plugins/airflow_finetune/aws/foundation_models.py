"""Bedrock's base models: what AWS says one can do, and which one is below a custom model."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from airflow_finetune.aws.answers import asked
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.resources.custom_model import is_custom_model

_PROFILE = re.compile(r"(?:arn:aws[^:]*:bedrock:[^:]*:\d*:inference-profile/)?(?:us-gov|apac|global|[a-z]{2})\.(.+)")


class FoundationModel(NamedTuple):
    """A base model, as AWS describes it.

    Attributes:
        id: for example ``amazon.nova-micro-v1:0:128k``.
        arn: of it.
        name: as price lists call it, for example ``Nova Micro``.
        provider: for example ``Amazon``.
        customizations: AWS's words for the ways in which it can be customized.
        inference_types: ``ON_DEMAND``, ``PROVISIONED``, or both.
    """

    id: str
    arn: str
    name: str
    provider: str
    customizations: tuple[str, ...]
    inference_types: tuple[str, ...]


def is_profile(identifier: str) -> bool:
    """Say whether this is the id or ARN of one of AWS's own inference profiles, for example ``us.amazon.nova-...``."""
    return _PROFILE.fullmatch(identifier) is not None


def found_model(client: Any, identifier: str) -> FoundationModel | Refusal:
    """Return the base model that an identifier names, or that is below the custom model or profile that it names.

    Args:
        client: boto3 client of ``bedrock``.
        identifier: id or ARN of a base model or of one of AWS's inference profiles, or ARN of a custom model.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    return asked(f"model {identifier}", lambda: _found(client, identifier))


def _found(client: Any, identifier: str) -> FoundationModel:
    if (profile := _PROFILE.fullmatch(identifier)) is not None:
        identifier = profile[1]
    while is_custom_model(identifier):  # a custom model can be made from another one
        identifier = client.get_custom_model(modelIdentifier=identifier)["baseModelArn"]
    details = client.get_foundation_model(modelIdentifier=identifier)["modelDetails"]
    return FoundationModel(
        id=details["modelId"],
        arn=details["modelArn"],
        name=details.get("modelName", ""),
        provider=details.get("providerName", ""),
        customizations=tuple(details.get("customizationsSupported", ())),
        inference_types=tuple(details.get("inferenceTypesSupported", ())),
    )
