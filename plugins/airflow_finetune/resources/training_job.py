"""SageMaker training job: ends by itself, bills while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_finetune.resources.resource import Operations, Resource, Tagging


def progress_of(described: Mapping[str, Any]) -> str:
    """Return epoch and step of a serverless job; empty for others, and before it trains."""
    found = described.get("ProgressInfo") or {}
    epoch, step = found.get("CurrentEpoch"), found.get("CurrentStep")
    if epoch is None or step is None:
        return ""
    return f"Epoch {epoch} of {found.get('MaxEpoch', '?')}, step {step} of {found.get('TotalStepCountPerEpoch', '?')}."


TRAINING_JOB = Resource(
    kind="training job",
    service="sagemaker",
    operations=Operations(
        create="CreateTrainingJob",
        describe="DescribeTrainingJob",
        list="ListTrainingJobs",
        stop="StopTrainingJob",
        delete="DeleteTrainingJob",
    ),
    key="TrainingJobName",
    arn="TrainingJobArn",
    status="TrainingJobStatus",
    phases={
        "InProgress": "running",
        "Completed": "done",
        "Failed": "failed",
        "Stopping": "stopping",
        "Stopped": "stopped",
        "Deleting": "stopping",  # only what has ended can be deleted; its name is free in a moment
    },
    secondary="SecondaryStatus",
    reason="FailureReason",
    created="CreationTime",
    listing="TrainingJobSummaries",
    name_filter="NameContains",
    max_name_length=63,
    tagging=Tagging(member="Tags", key="Key", value="Value", list="ListTags", add="AddTags", arn="ResourceArn"),
    delete_after="never",
    bills_as="training",
    console="sagemaker/home?region={region}#/jobs/{name}",
    log_group="/aws/sagemaker/TrainingJobs",
    ended="TrainingEndTime",
    product=("ModelArtifacts", "S3ModelArtifacts"),
    transitions=lambda described: described.get("SecondaryStatusTransitions", ()),
    progress=progress_of,
)
