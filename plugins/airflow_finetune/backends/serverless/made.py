"""What a serverless job leaves: weights in S3, and a version of a model package group that AWS has made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.answers import asked
from airflow_finetune.aws.hubs import PUBLIC_HUB, hub_model
from airflow_finetune.aws.s3 import looked_into
from airflow_finetune.backends.backend import Outcome
from airflow_finetune.backends.hosting import hosting_of
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.lifecycle.owner import PREFIX

if TYPE_CHECKING:
    from airflow_finetune.backends.serverless.spec import ServerlessSpec
    from airflow_finetune.values import ModelHosting

MERGED = "checkpoints/hf_merged/"
"""Where AWS puts merged weights below ``ModelArtifacts.S3ModelArtifacts``."""


def version_of(job: Mapping[str, Any]) -> str | None:
    """Return the version of the hub's model that a job began with; None where its ARN says none."""
    parts = str(job["ServerlessJobConfig"]["BaseModelArn"]).split("/")
    return parts[4] if len(parts) > 4 else None


def served_by(spec: ServerlessSpec, version: str | None, outcome: Outcome) -> ModelHosting | None:
    """Return what serves the model; None where the hub does not say it.

    Raises:
        Unavailable: the hub cannot answer now.
    """
    hub = spec.hub or PUBLIC_HUB
    found = hub_model(outcome.make_client("sagemaker"), spec.base_model, version=version or spec.version, hub=hub)
    if not isinstance(found, Refusal):
        return hosting_of(found, accepted=spec.accept_eula)
    said = f"AWS answered {found.code}: {found.message}"
    outcome.say(f"What serves the model is not known, give image_uri where it is deployed: {said}")
    return None


def weights_of(artifacts: str, outcome: Outcome) -> str:
    """Return the folder of the weights that can be served."""
    folder = f"{artifacts.rstrip('/')}/"
    if looked_into(outcome.make_client("s3"), folder + MERGED) is False:
        outcome.say(f"Nothing is below {folder}{MERGED}, where AWS puts merged weights; {folder} is taken.")
        return folder
    return folder + MERGED


def mark_as_ours(package: str, job_arn: str, outcome: Outcome) -> None:
    """Write whose the version is into its metadata, once: AWS has made it, and a version takes no tags.

    The first time it is also set to wait for a person's approval, whatever AWS has begun with.
    """
    client = outcome.make_client("sagemaker")
    told = asked(package, lambda: client.list_tags(ResourceArn=job_arn)["Tags"])
    found = asked(package, lambda: client.describe_model_package(ModelPackageName=package))
    if isinstance(told, Refusal) or isinstance(found, Refusal):
        refused = told if isinstance(told, Refusal) else found
        outcome.say(f"{package} bears no mark of its owner: AWS answered {refused.code}: {refused.message}")
        return
    mark = {str(tag["Key"]): str(tag["Value"]) for tag in told if str(tag["Key"]).startswith(PREFIX)}
    if not mark or mark.items() <= _metadata(found).items():
        return
    answer = asked(
        package,
        lambda: client.update_model_package(
            ModelPackageArn=package,
            ModelApprovalStatus="PendingManualApproval",
            ApprovalDescription="Made by a job; nobody has judged it.",
            CustomerMetadataProperties=mark,
        ),
    )
    if isinstance(answer, Refusal):
        outcome.say(f"{package} bears no mark of its owner: AWS answered {answer.code}: {answer.message}")
    else:
        outcome.say(f"AWS has registered {package}; it waits for approval.")


def _metadata(described: Mapping[str, Any]) -> dict[str, str]:
    return dict(described.get("CustomerMetadataProperties") or {})
