"""The CreateTrainingJob request of a spec: pure, and checked against botocore's model before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from airflow_finetune.backends.backend import Place
from airflow_finetune.backends.overrides import merged
from airflow_finetune.backends.spot_training.spec import TYPED_HYPERPARAMETERS, SpotTrainingSpec
from airflow_finetune.backends.training_job import (
    CHECKPOINTS,
    CODE_CHANNEL,
    channel,
    check_request,
    checkpoint_uri,
    given,
    market,
    surroundings,
)
from airflow_finetune.values import DatasetReference

OUR_METRICS = {
    "train_loss": r"\sloss=([0-9.eE+-]+)",
    "validation_loss": r"\seval_loss=([0-9.eE+-]+)",
}


def training_request(spec: SpotTrainingSpec, place: Place, rung: int, code_uri: str, image_uri: str) -> dict[str, Any]:
    """Return the request without name and owner tags, which the life of the job adds.

    Args:
        spec: rendered.
        place: whose job it is.
        rung: 0 is Spot if the spec says so, 1 is on demand.
        code_uri: archive of the training code in S3.
        image_uri: the training image.

    Raises:
        SpecError: names everything that AWS or we would refuse, at once.
    """
    request: dict[str, Any] = {
        "RoleArn": spec.role_arn,
        "AlgorithmSpecification": _algorithm(spec, image_uri),
        "HyperParameters": _hyperparameters(spec, code_uri),
        "InputDataConfig": list(_channels(spec, code_uri)),
        "OutputDataConfig": given(S3OutputPath=spec.output_uri, KmsKeyId=spec.output_kms_key_id),
        "ResourceConfig": given(
            InstanceType=spec.instance_type,
            InstanceCount=spec.instance_count,
            VolumeSizeInGB=spec.volume_gb,
            VolumeKmsKeyId=spec.volume_kms_key_id,
        ),
        **market(spec, spot=spec.spot and rung == 0),
        "CheckpointConfig": {"S3Uri": checkpoint_uri(spec, place), "LocalPath": CHECKPOINTS},
        "EnableNetworkIsolation": spec.network_isolation,
        "EnableInterContainerTrafficEncryption": spec.encrypt_traffic,
        **surroundings(spec, spec.environment, spec.tags),
    }
    request = merged(request, spec.request_overrides)
    check_request(spec, request)
    return request


def _algorithm(spec: SpotTrainingSpec, image_uri: str) -> dict[str, Any]:
    metrics = OUR_METRICS if spec.metrics is None else spec.metrics
    algorithm: dict[str, Any] = {"TrainingImage": image_uri, "TrainingInputMode": "File"}
    if metrics:
        algorithm["MetricDefinitions"] = [{"Name": name, "Regex": regex} for name, regex in metrics.items()]
    return algorithm


def _hyperparameters(spec: SpotTrainingSpec, code_uri: str) -> dict[str, str]:
    typed = {name: getattr(spec, name) for name in TYPED_HYPERPARAMETERS if getattr(spec, name) is not None}
    submit = f"/opt/ml/input/data/{CODE_CHANNEL}/{code_uri.rsplit('/', 1)[-1]}" if spec.network_isolation else code_uri
    values = {**typed, **spec.hyperparameters}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return {**texts, "sagemaker_program": spec.entry_point, "sagemaker_submit_directory": submit}


def _channels(spec: SpotTrainingSpec, code_uri: str) -> Iterator[dict[str, Any]]:
    yield channel("model", spec.base_model)
    yield channel("train", DatasetReference.load(spec.dataset).uri)
    if spec.validation is not None:
        yield channel("validation", DatasetReference.load(spec.validation).uri)
    if spec.network_isolation:  # the container cannot fetch its code; AWS does it
        yield channel(CODE_CHANNEL, code_uri)
