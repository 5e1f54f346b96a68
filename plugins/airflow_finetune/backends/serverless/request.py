"""The CreateTrainingJob request of a spec: pure, and checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_finetune.backends.overrides import merged
from airflow_finetune.backends.serverless.recipe import as_text
from airflow_finetune.backends.serverless.spec import ServerlessSpec, asked_hyperparameters
from airflow_finetune.backends.training_job import channel, check_request, given, surroundings
from airflow_finetune.errors import SpecError

HUB_TAG, MODEL_TAG = "sagemaker-sdk:jumpstart-hub-name", "sagemaker-sdk:jumpstart-model-id"
"""What AWS's own SDK tags such jobs with."""
_NOT_OVERRIDDEN = {
    "AlgorithmSpecification": "a serverless job has none",
    "ResourceConfig": "a serverless job has none",
    "EnableManagedSpotTraining": "a serverless job is not bought by instance",
    "CheckpointConfig": "a serverless job has none",
}


def serverless_request(
    spec: ServerlessSpec, model_arn: str, group_arn: str, train_uri: str, validation_uri: str | None
) -> dict[str, Any]:
    """Return the request without name and owner tags, which the life of the job adds.

    Args:
        spec: rendered.
        model_arn: of the hub's content.
        group_arn: of the model package group.
        train_uri: of the rendered data.
        validation_uri: likewise; None without.

    Raises:
        SpecError: names everything that AWS or we would refuse, at once.
    """
    values = asked_hyperparameters(spec)
    limit, mlflow = spec.max_runtime_seconds, spec.mlflow_arn
    channels = [channel("train", train_uri)]
    if validation_uri is not None:
        channels.append(channel("validation", validation_uri))
    tags = {MODEL_TAG: spec.base_model, **({HUB_TAG: spec.hub} if spec.hub else {}), **spec.tags}
    request = given(
        RoleArn=spec.role_arn,
        InputDataConfig=channels,
        OutputDataConfig=given(S3OutputPath=spec.output_uri, KmsKeyId=spec.output_kms_key_id),
        ServerlessJobConfig=given(
            BaseModelArn=model_arn,
            AcceptEula=spec.accept_eula,
            JobType="FineTuning",
            CustomizationTechnique=spec.technique.upper(),
            Peft="LORA" if spec.method == "lora" else None,
            EvaluatorArn=spec.evaluator_arn,
            SequenceLength=spec.sequence_length,
        ),
        HyperParameters={name: as_text(value) for name, value in values.items()} or None,
        ModelPackageConfig={"ModelPackageGroupArn": group_arn},
        MlflowConfig=None if mlflow is None else {"MlflowResourceArn": mlflow},
        StoppingCondition=None if limit is None else {"MaxRuntimeInSeconds": limit},
        **surroundings(spec, {}, tags),
    )
    if said := list(_overridden(spec)):
        raise SpecError("CreateTrainingJob request", " ".join(said), "Correct the spec; nothing was created.")
    request = merged(request, spec.request_overrides)
    check_request(spec, request)
    return request


def _overridden(spec: ServerlessSpec) -> Iterator[str]:
    for member, why in _NOT_OVERRIDDEN.items():
        if member in spec.request_overrides:
            yield f"request_overrides must not set {member}: {why}."
