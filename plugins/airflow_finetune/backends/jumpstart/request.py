"""The CreateTrainingJob request of a spec and a hub's document: pure, and checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from airflow_finetune.aws.hubs import HubModel
from airflow_finetune.aws.hubs.hyperparameters import as_text
from airflow_finetune.backends.backend import Place
from airflow_finetune.backends.jumpstart.lookup import asked_hyperparameters, instance_of, keeps_checkpoints
from airflow_finetune.backends.jumpstart.spec import SWITCHES, JumpStartSpec
from airflow_finetune.backends.overrides import merged
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

MODEL_TAG, VERSION_TAG = "sagemaker-sdk:jumpstart-model-id", "sagemaker-sdk:jumpstart-model-version"
"""As AWS's own SDK marks its jobs."""
_PROGRAM = "transfer_learning.py"
_MODEL_CONTENT = "application/x-sagemaker-model"


class Data(NamedTuple):
    """Where the rendered data lies.

    Attributes:
        training_uri: of the channel ``training``.
        validation_uri: of the channel ``validation``; None without.
    """

    training_uri: str
    validation_uri: str | None


def training_request(spec: JumpStartSpec, model: HubModel, place: Place, rung: int, data: Data) -> dict[str, Any]:
    """Return the request without name and owner tags, which the life of the job adds.

    Args:
        spec: rendered, and fit for the model.
        model: by the hub's document.
        place: whose job it is.
        rung: 0 is Spot if the spec says so, 1 is on demand.
        data: rendered.

    Raises:
        SpecError: names everything that AWS or we would refuse, at once.
    """
    kind, kept = instance_of(spec, model), {"S3Uri": checkpoint_uri(spec, place), "LocalPath": CHECKPOINTS}
    request: dict[str, Any] = {
        "RoleArn": spec.role_arn,
        "AlgorithmSpecification": _algorithm(model, kind),
        "HyperParameters": hyperparameters(spec, model),
        "InputDataConfig": list(_channels(spec, model, data)),
        "OutputDataConfig": given(
            S3OutputPath=spec.output_uri,
            KmsKeyId=spec.output_kms_key_id,
            CompressionType=None if model.compresses_output else "NONE",
        ),
        "ResourceConfig": given(
            InstanceType=kind,
            InstanceCount=spec.instance_count,
            VolumeSizeInGB=spec.volume_gb or model.volume_gb or _VOLUME_GB,
            VolumeKmsKeyId=spec.volume_kms_key_id,
        ),
        **market(spec, spot=spec.spot and rung == 0),
        **given(CheckpointConfig=kept if keeps_checkpoints(spec, model) else None),
        "EnableNetworkIsolation": _said(spec.network_isolation, model.network_isolation),
        "EnableInterContainerTrafficEncryption": _said(spec.encrypt_traffic, model.encrypts_traffic),
        **surroundings(
            spec,
            {**model.training_environment(kind), **_gated_environment(spec, model), **spec.environment},
            {MODEL_TAG: model.id, VERSION_TAG: model.version, **spec.tags},
        ),
    }
    request = merged(request, spec.request_overrides)
    check_request(spec, request)
    return request


def hyperparameters(spec: JumpStartSpec, model: HubModel) -> dict[str, str]:
    """Return what the container is told: every default of the document, and over them what the spec says."""
    known = model.hyperparameters(instance_of(spec, model))
    found = {each.name: as_text(each.default) for each in known if each.default is not None}
    archive = model.script_uri.rsplit("/", 1)[-1]
    found.setdefault("sagemaker_program", _PROGRAM)
    found.setdefault("sagemaker_submit_directory", f"/opt/ml/input/data/{CODE_CHANNEL}/{archive}")
    names = {each.name for each in known}
    found |= {name: value for name, value in SWITCHES[spec.method].items() if name in names}
    return found | asked_hyperparameters(spec, model)


def access_of(spec: JumpStartSpec, model: HubModel) -> dict[str, Any]:
    """Return what AWS wants to be told before it gives out the files of a hub model."""
    return given(
        ModelAccessConfig={"AcceptEula": True} if model.gated and spec.accept_eula else None,
        HubAccessConfig={"HubContentArn": model.arn} if model.is_reference else None,
    )


_VOLUME_GB = 100


def _said(given: bool | None, by_hub: bool) -> bool:
    return by_hub if given is None else given


def _algorithm(model: HubModel, instance_type: str) -> dict[str, Any]:
    metrics = [{"Name": name, "Regex": regex} for name, regex in model.metrics]
    return given(
        TrainingImage=model.training_image(instance_type),
        TrainingInputMode="File",
        MetricDefinitions=metrics or None,
    )


def _channels(spec: JumpStartSpec, model: HubModel, data: Data) -> Iterator[dict[str, Any]]:
    kind, access = instance_of(spec, model), access_of(spec, model)
    yield channel("training", data.training_uri)
    if data.validation_uri is not None:
        yield channel("validation", data.validation_uri)
    weights = model.training_artifact(kind)
    if weights is not None and model.gated_env_uri(kind) is None:
        yield {**channel("model", weights.uri, **access), "ContentType": _MODEL_CONTENT, "CompressionType": "None"}
    of_hub = {name: value for name, value in access.items() if name == "HubAccessConfig"}
    yield channel(CODE_CHANNEL, model.script_uri, **of_hub)


def _gated_environment(spec: JumpStartSpec, model: HubModel) -> dict[str, str]:
    """Return how scripts of the older kind are told where gated weights lie, and that their license is accepted."""
    uri = model.gated_env_uri(instance_of(spec, model))
    if uri is None:
        return {}
    return {"SageMakerGatedModelS3Uri": uri, "accept_eula": str(spec.accept_eula).lower()}
