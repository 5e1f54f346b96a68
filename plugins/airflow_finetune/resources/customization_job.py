"""Bedrock model customization job: ends by itself, bills what it trains on; AWS keeps its description for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_finetune.resources.bedrock_tagging import bedrock_tagging
from airflow_finetune.resources.custom_model import CUSTOM_MODEL
from airflow_finetune.resources.resource import Operations, Resource

PHASES = {"validationDetails": "validation", "dataProcessingDetails": "data processing", "trainingDetails": "training"}


def phases_of(described: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how far each of AWS's three phases is; a phase that has not begun is left out."""
    details = described.get("statusDetails") or {}
    rows = [(word, details.get(member) or {}) for member, word in PHASES.items()]
    return [
        {"Status": f"{word}: {row['status']}", "StartTime": row.get("creationTime")}
        for word, row in rows
        if row.get("status", "NotStarted") != "NotStarted"
    ]


CUSTOMIZATION_JOB = Resource(
    kind="model customization job",
    service="bedrock",
    operations=Operations(
        create="CreateModelCustomizationJob",
        describe="GetModelCustomizationJob",
        list="ListModelCustomizationJobs",
        stop="StopModelCustomizationJob",
        delete=None,
    ),
    key="jobName",
    arn="jobArn",
    status="status",
    phases={
        "InProgress": "running",
        "Completed": "done",
        "Failed": "failed",
        "Stopping": "stopping",
        "Stopped": "stopped",
    },
    secondary=None,
    reason="failureMessage",
    created="creationTime",
    listing="modelCustomizationJobSummaries",
    name_filter="nameContains",
    max_name_length=63,
    tagging=bedrock_tagging("jobTags", "customModelTags"),
    delete_after="never",
    bills_as="customization",
    console="bedrock/home?region={region}#/custom-models/item?jobName={name}",
    log_group=None,
    identifier="jobIdentifier",
    also_named=("customModelName", "clientRequestToken"),
    next_page="nextToken",
    ended="endTime",
    product=("outputModelArn",),
    makes=CUSTOM_MODEL,
    transitions=phases_of,
)
