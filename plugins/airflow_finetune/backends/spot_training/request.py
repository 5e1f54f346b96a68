"""The CreateTrainingJob request of a spec: pure, and checked against botocore's model before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_finetune.aws.shapes import faults
from airflow_finetune.backends.backend import Place
from airflow_finetune.backends.overrides import merged
from airflow_finetune.backends.spot_training.spec import TYPED_HYPERPARAMETERS, SpotTrainingSpec
from airflow_finetune.errors import SpecError
from airflow_finetune.redact import literal_secrets
from airflow_finetune.values import DatasetReference

CHECKPOINTS = "/opt/ml/checkpoints"
CODE_CHANNEL = "code"
OUR_METRICS = {
    "train_loss": r"\sloss=([0-9.eE+-]+)",
    "validation_loss": r"\seval_loss=([0-9.eE+-]+)",
}
RULES: Mapping[str, Mapping[str, str]] = json.loads((Path(__file__).parent / "limits.json").read_text())["rules"]


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
    spot = spec.spot and rung == 0
    request: dict[str, Any] = {
        "RoleArn": spec.role_arn,
        "AlgorithmSpecification": _algorithm(spec, image_uri),
        "HyperParameters": _hyperparameters(spec, code_uri),
        "InputDataConfig": list(_channels(spec, code_uri)),
        "OutputDataConfig": _given(S3OutputPath=spec.output_uri, KmsKeyId=spec.output_kms_key_id),
        "ResourceConfig": _given(
            InstanceType=spec.instance_type,
            InstanceCount=spec.instance_count,
            VolumeSizeInGB=spec.volume_gb,
            VolumeKmsKeyId=spec.volume_kms_key_id,
        ),
        "StoppingCondition": _given(
            MaxRuntimeInSeconds=spec.max_runtime_seconds, MaxWaitTimeInSeconds=spec.max_wait_seconds if spot else None
        ),
        "EnableManagedSpotTraining": spot,
        "CheckpointConfig": {"S3Uri": checkpoint_uri(spec, place), "LocalPath": CHECKPOINTS},
        "EnableNetworkIsolation": spec.network_isolation,
        "EnableInterContainerTrafficEncryption": spec.encrypt_traffic,
        "Tags": [{"Key": key, "Value": value} for key, value in spec.tags.items()],
    }
    if spec.environment:
        request["Environment"] = dict(spec.environment)
    if spec.subnets:
        request["VpcConfig"] = {"Subnets": list(spec.subnets), "SecurityGroupIds": list(spec.security_group_ids)}
    request = merged(request, spec.request_overrides)
    checked = faults("sagemaker", "CreateTrainingJob", {**_NAMED, **request})
    if said := [*_overridden(spec), *checked, *broken(request), *_secrets(request)]:
        raise SpecError("CreateTrainingJob request", " ".join(said), "Correct the spec; nothing was created.")
    return request


def checkpoint_uri(spec: SpotTrainingSpec, place: Place) -> str:
    """Return where the checkpoints of one generation and one spec lie; nobody else writes there."""
    base = (spec.checkpoint_uri or spec.output_uri).rstrip("/")
    return f"{base}/checkpoints/{place.key}/g{place.generation}/{place.digest}/"


def broken(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield what each broken rule of limits.json says; they are about members that botocore checks one by one."""
    for rule, is_broken in _BROKEN.items():
        if is_broken(request):
            yield f"{RULES[rule]['says']} ({RULES[rule]['source']})"


def _is_spot(request: Mapping[str, Any]) -> bool:
    return bool(request.get("EnableManagedSpotTraining"))


def _limit(request: Mapping[str, Any], name: str) -> Any:
    return (request.get("StoppingCondition") or {}).get(name)


def _waits_too_short(request: Mapping[str, Any]) -> bool:
    wait, runtime = _limit(request, "MaxWaitTimeInSeconds"), _limit(request, "MaxRuntimeInSeconds")
    return isinstance(wait, int) and isinstance(runtime, int) and wait < runtime


_BROKEN: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "max_wait_at_least_max_runtime": _waits_too_short,
    "max_wait_needs_spot": lambda r: _limit(r, "MaxWaitTimeInSeconds") is not None and not _is_spot(r),
    "spot_without_warm_pool": lambda r: (
        _is_spot(r) and bool(r.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"))
    ),
    "spot_without_instance_preferences": lambda r: _is_spot(r) and "InstancePreferences" in r.get("ResourceConfig", {}),
    "spot_needs_checkpoint": lambda r: _is_spot(r) and not (r.get("CheckpointConfig") or {}).get("S3Uri"),
}
_NAMED = {"TrainingJobName": "named-by-its-claim"}


def _overridden(spec: SpotTrainingSpec) -> Iterator[str]:
    for member, instead in (("TrainingJobName", "the name is the claim on the job"), ("Tags", "use the field tags")):
        if member in spec.request_overrides:
            yield f"request_overrides must not set {member}: {instead}."


def _secrets(request: Mapping[str, Any]) -> Iterator[str]:
    for member in ("HyperParameters", "Environment"):
        if isinstance(values := request.get(member), Mapping):
            yield from literal_secrets(values, member)


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
    yield _channel("model", spec.base_model)
    yield _channel("train", DatasetReference.load(spec.dataset).uri)
    if spec.validation is not None:
        yield _channel("validation", DatasetReference.load(spec.validation).uri)
    if spec.network_isolation:  # the container cannot fetch its code; AWS does it
        yield _channel(CODE_CHANNEL, code_uri)


def _channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def _given(**members: Any) -> dict[str, Any]:
    return {member: value for member, value in members.items() if value is not None}
