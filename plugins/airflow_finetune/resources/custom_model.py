"""Bedrock custom model: made by a customization job, bills its storage by the month until it is deleted."""

from __future__ import annotations

import re

from airflow_finetune.resources.bedrock_tagging import bedrock_tagging
from airflow_finetune.resources.resource import Operations, Resource

_ARN = re.compile(r"arn:aws[^:]*:bedrock:[^:]*:\d{12}:custom-model/.+")


def is_custom_model(identifier: str) -> bool:
    """Say whether this is the ARN of a custom model; any other identifier means a base model."""
    return _ARN.fullmatch(identifier) is not None


# Ours come out of customization jobs, whose request tags them (customModelTags); CreateCustomModel is for imports.
CUSTOM_MODEL = Resource(
    kind="custom model",
    service="bedrock",
    operations=Operations(
        create="CreateCustomModel",
        describe="GetCustomModel",
        list="ListCustomModels",
        stop=None,
        delete="DeleteCustomModel",
    ),
    key="modelName",
    arn="modelArn",
    status="modelStatus",
    phases={"Creating": "running", "Active": "done", "Failed": "failed"},
    secondary=None,
    reason="failureMessage",
    created="creationTime",
    listing="modelSummaries",
    name_filter="nameContains",
    max_name_length=63,
    tagging=bedrock_tagging("modelTags"),
    delete_after="lease",
    bills_as="model_storage",
    console="bedrock/home?region={region}#/custom-models",
    log_group=None,
    identifier="modelIdentifier",
    next_page="nextToken",
)
