"""What a serverless job leaves: its weights in S3, and a version of a model package group that names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..transfer import outputs
from .order import Customization

MERGED = "checkpoints/hf_merged"
"""Where AWS puts merged weights below ModelArtifacts.S3ModelArtifacts."""


def upload(s3: Any, request: Mapping[str, Any], model: Path) -> None:
    """Upload the weights.

    Raises:
        TransferError: S3 refuses.
    """
    outputs.upload_folder(s3, request, model, f"{model_uri(request)}/{MERGED}/")


def register(sagemaker: Any, request: Mapping[str, Any], what: Customization) -> str:
    """Make a version of the group that the request names, and return its ARN; nobody has judged it."""
    source = {
        "S3Uri": f"{model_uri(request)}/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    base = {"HubContentName": what.model, "HubContentVersion": what.version, "RecipeName": what.recipe_name}
    answer = sagemaker.create_model_package(
        ModelPackageGroupName=request["ModelPackageConfig"]["ModelPackageGroupArn"],
        ModelPackageDescription=f"Made by the training job {request['TrainingJobName']}",
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={"Containers": [{"ModelDataSource": {"S3DataSource": source}, "BaseModel": base}]},
    )
    return str(answer["ModelPackageArn"])


def model_uri(request: Mapping[str, Any]) -> str:
    """Return ModelArtifacts.S3ModelArtifacts: a prefix without its last slash, as AWS says it."""
    return f"{outputs.base_uri(request)}/model"
