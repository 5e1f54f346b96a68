"""The CreateModelCustomizationJob request of a spec: pure, and checked before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from airflow_finetune.aws.shapes import faults
from airflow_finetune.backends.bedrock.families import Limits, hyperparameter_faults
from airflow_finetune.backends.bedrock.spec import REINFORCEMENT, BedrockSpec, asked_hyperparameters
from airflow_finetune.backends.overrides import merged
from airflow_finetune.errors import SpecError

OPERATION = "CreateModelCustomizationJob"
_NAMED = {"jobName": "named-by-its-claim", "customModelName": "named-by-its-claim"}
_NOT_OVERRIDDEN = {
    "jobName": "the name is the claim on the job",
    "clientRequestToken": "it is the claim on the job",
    "customModelName": "use the field model_name",
    "baseModelIdentifier": "use the field base_model, which decides about form and limits",
    "customizationType": "use the field customization",
    "jobTags": "use the field tags",
    "customModelTags": "use the field tags",
}


def customization_request(
    spec: BedrockSpec, limits: Limits, train_uri: str | None, validation_uri: str | None
) -> dict[str, Any]:
    """Return the request without names and owner tags, which the life of the job adds.

    Args:
        spec: rendered.
        limits: of the model's family.
        train_uri: of the rendered data; None where invocation logs are used.
        validation_uri: likewise; None without.

    Raises:
        SpecError: names everything that AWS or we would refuse, at once.
    """
    given = {
        "roleArn": spec.role_arn,
        "baseModelIdentifier": spec.base_model,
        "customizationType": spec.customization.upper(),
        "customizationConfig": _config(spec),
        "customModelName": spec.model_name,
        "customModelKmsKeyId": spec.model_kms_key_id,
        "trainingDataConfig": _training(spec, train_uri),
        "validationDataConfig": None if validation_uri is None else {"validators": [{"s3Uri": validation_uri}]},
        "outputDataConfig": {"s3Uri": spec.output_uri},
        "hyperParameters": {name: as_text(value) for name, value in asked_hyperparameters(spec).items()} or None,
        "vpcConfig": _network(spec),
    }
    tags = [{"key": key, "value": value} for key, value in spec.tags.items()]
    request = merged({**_without_none(given), "jobTags": tags}, spec.request_overrides)
    said = [*_overridden(spec), *faults("bedrock", OPERATION, {**_NAMED, **request}), *_of_the_family(request, limits)]
    if said:
        raise SpecError(f"{OPERATION} request", " ".join(said), "Correct the spec; nothing was created.")
    return request


def as_text(value: Any) -> str:
    """Return a hyperparameter as AWS's examples write it: without an exponent."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else json.dumps(value)
    return format(Decimal(str(value)), "f")


def _training(spec: BedrockSpec, train_uri: str | None) -> dict[str, Any]:
    logs = spec.invocation_logs
    if logs is None:
        return {"s3Uri": train_uri}
    config = {
        "usePromptResponse": logs.use_prompt_response,
        "invocationLogSource": {"s3Uri": logs.uri},
        "requestMetadataFilters": logs.filters,
    }
    return {"invocationLogsConfig": _without_none(config)}


def _config(spec: BedrockSpec) -> dict[str, Any] | None:
    if spec.customization == "distillation":
        teacher = {
            "teacherModelIdentifier": spec.teacher_model,
            "maxResponseLengthForInference": spec.max_response_length,
        }
        return {"distillationConfig": {"teacherModelConfig": _without_none(teacher)}}
    if spec.customization == "reinforcement_fine_tuning":
        grader = {"graderConfig": {"lambdaGrader": {"lambdaArn": spec.grader_arn}}}
        values = _without_none({aws: getattr(spec, field) for field, aws in REINFORCEMENT.items()})
        return {"rftConfig": {**grader, **({"hyperParameters": values} if values else {})}}
    return None


def _network(spec: BedrockSpec) -> dict[str, Any] | None:
    if not spec.subnets:
        return None
    return {"subnetIds": list(spec.subnets), "securityGroupIds": list(spec.security_group_ids)}


def _overridden(spec: BedrockSpec) -> Iterator[str]:
    for member, instead in _NOT_OVERRIDDEN.items():
        if member in spec.request_overrides:
            yield f"request_overrides must not set {member}: {instead}."


def _of_the_family(request: Mapping[str, Any], limits: Limits) -> Iterator[str]:
    given = request.get("hyperParameters")
    if isinstance(given, Mapping):
        yield from hyperparameter_faults(limits, given)
    validators = (request.get("validationDataConfig") or {}).get("validators")
    if validators and limits.validation_records is None:
        source = limits.source("validation_records")
        yield f"validationDataConfig: this model takes no validation data ({source})."


def _without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in members.items() if value is not None}
