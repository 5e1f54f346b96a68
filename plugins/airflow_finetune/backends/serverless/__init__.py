"""Customize a model of SageMaker's hubs without choosing an instance: the declaration of this backend."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_finetune.backends.backend import Backend, MakeClient, Needs, Outcome, PipelineKeys, Place
from airflow_finetune.backends.serverless.spec import HYPERPARAMETERS, ServerlessSpec
from airflow_finetune.resources import TRAINING_JOB

if TYPE_CHECKING:
    from airflow_finetune.values import TunedModel

LONGEST = timedelta(days=3)  # AWS states no limit; it bills tokens, so that waiting costs nothing
MARGIN = timedelta(hours=1)


def _longest(spec: ServerlessSpec) -> timedelta:
    limit = spec.max_runtime_seconds
    return LONGEST if limit is None else timedelta(seconds=limit) + MARGIN


def _request(spec: ServerlessSpec, place: Place, rung: int, make_client: MakeClient) -> dict[str, Any]:
    from airflow_finetune.backends.serverless.prepare import prepared_request  # only where a job is made

    return prepared_request(spec, place, make_client)


def _needs(spec: ServerlessSpec, region: str, make_client: MakeClient) -> Needs:
    from airflow_finetune.backends.serverless.needs import needs_of

    return needs_of(spec, region, make_client)


def _result(spec: ServerlessSpec, outcome: Outcome) -> TunedModel:
    from airflow_finetune.backends.serverless.result import tuned_model

    return tuned_model(spec, outcome)


def _same(*fields: str) -> dict[str, str]:
    return {field: field for field in fields}


KEYS = PipelineKeys(
    model={
        "base": "base_model",
        **_same("version", "hub", "accept_eula", "technique", "method", "evaluator_arn", "model_package_group"),
        **_same(*HYPERPARAMETERS, "hyperparameters", "sequence_length", "mlflow_arn"),
        **_same("limits", "prices", "request_overrides"),
    },
    compute=_same("max_runtime_seconds"),
    aws={
        **_same("role_arn", "tags", "subnets", "security_group_ids"),
        "kms_key_id": "output_kms_key_id",
    },
    output="output_uri",
    form=tuple(HYPERPARAMETERS),
)

SERVERLESS = Backend(
    name="serverless",
    spec=ServerlessSpec,
    resource=TRAINING_JOB,
    rungs=lambda spec: 1,
    longest=_longest,
    digest=lambda spec: spec.digest(),
    request=_request,
    needs=_needs,
    result=_result,
    keys=KEYS,
    brings_server=True,
)
