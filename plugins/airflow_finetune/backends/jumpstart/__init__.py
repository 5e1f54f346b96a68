"""Tune a model of a SageMaker hub with the hub's own script: the declaration of this backend."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_finetune.backends.backend import Backend, MakeClient, Needs, Outcome, PipelineKeys, Place
from airflow_finetune.backends.jumpstart.spec import TYPED_HYPERPARAMETERS, JumpStartSpec
from airflow_finetune.resources import TRAINING_JOB

if TYPE_CHECKING:
    from airflow_finetune.values import TunedModel

PROVISIONING_MARGIN = timedelta(hours=1)


def _rungs(spec: JumpStartSpec) -> int:
    return 2 if spec.spot and spec.fallback is not None else 1


def _longest(spec: JumpStartSpec) -> timedelta:
    seconds = spec.max_wait_seconds if spec.spot else spec.max_runtime_seconds
    if _rungs(spec) == 2:
        seconds += spec.max_runtime_seconds
    return timedelta(seconds=seconds) + PROVISIONING_MARGIN * _rungs(spec)


def _request(spec: JumpStartSpec, place: Place, rung: int, make_client: MakeClient) -> dict[str, Any]:
    from airflow_finetune.backends.jumpstart.prepare import prepared_request  # only where a job is made

    return prepared_request(spec, place, rung, make_client)


def _needs(spec: JumpStartSpec, region: str, make_client: MakeClient) -> Needs:
    from airflow_finetune.backends.jumpstart.needs import needs_of

    return needs_of(spec, _rungs(spec), region, make_client)


def _result(spec: JumpStartSpec, outcome: Outcome) -> TunedModel:
    from airflow_finetune.backends.jumpstart.result import tuned_model

    return tuned_model(spec, outcome)


def _same(*fields: str) -> dict[str, str]:
    return {field: field for field in fields}


KEYS = PipelineKeys(
    model={
        "base": "model_id",
        **_same("version", "hub", "accept_eula", "method", "template"),
        **_same(*TYPED_HYPERPARAMETERS, "hyperparameters", "environment"),
    },
    compute=_same(
        *("instance_type", "instance_count", "volume_gb", "volume_kms_key_id"),
        *("max_runtime_seconds", "max_wait_seconds", "spot", "keeps_checkpoints", "fallback"),
        *("checkpoint_uri", "encrypt_traffic", "request_overrides"),
    ),
    aws={
        **_same("role_arn", "tags", "subnets", "security_group_ids", "network_isolation"),
        "kms_key_id": "output_kms_key_id",
    },
    output="output_uri",
    form=tuple(TYPED_HYPERPARAMETERS),
)

JUMPSTART = Backend(
    name="jumpstart",
    spec=JumpStartSpec,
    resource=TRAINING_JOB,
    rungs=_rungs,
    longest=_longest,
    digest=lambda spec: spec.digest(),
    request=_request,
    needs=_needs,
    result=_result,
    keys=KEYS,
    brings_server=True,
)
