"""Tune a model in a SageMaker training job on Spot: the declaration of this backend."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_finetune.backends.backend import Backend, MakeClient, Needs, Outcome, PipelineKeys, Place
from airflow_finetune.backends.spot_training.spec import TYPED_HYPERPARAMETERS, SpotTrainingSpec
from airflow_finetune.lifecycle.owner import spec_digest
from airflow_finetune.resources import TRAINING_JOB

if TYPE_CHECKING:
    from airflow_finetune.values import TunedModel

PROVISIONING_MARGIN = timedelta(hours=1)


def _rungs(spec: SpotTrainingSpec) -> int:
    return 2 if spec.spot and spec.fallback is not None else 1


def _longest(spec: SpotTrainingSpec) -> timedelta:
    seconds = spec.max_wait_seconds if spec.spot else spec.max_runtime_seconds
    if _rungs(spec) == 2:
        seconds += spec.max_runtime_seconds
    return timedelta(seconds=seconds) + PROVISIONING_MARGIN * _rungs(spec)


def _digest(spec: SpotTrainingSpec) -> str:
    if spec.source_dir is None or spec.source_dir.startswith("s3://"):
        return spec.digest()  # our own code is not in it: a job outlives an upgrade of this package
    from airflow_finetune.backends.spot_training.archive import training_code

    archive = training_code(spec.source_dir, spec.entry_point)  # the code counts, not where a worker keeps it
    return spec_digest({**spec.asked(), "source_dir": archive.sha256})


def _request(spec: SpotTrainingSpec, place: Place, rung: int, make_client: MakeClient) -> dict[str, Any]:
    from airflow_finetune.backends.spot_training.prepare import prepared_request  # only where a job is made

    return prepared_request(spec, place, rung, make_client)


def _needs(spec: SpotTrainingSpec, region: str, make_client: MakeClient) -> Needs:
    from airflow_finetune.backends.spot_training.needs import needs_of

    return needs_of(spec, _rungs(spec), region)


def _result(spec: SpotTrainingSpec, outcome: Outcome) -> TunedModel:
    from airflow_finetune.backends.spot_training.result import tuned_model

    return tuned_model(spec, outcome)


def _same(*fields: str) -> dict[str, str]:
    return {field: field for field in fields}


KEYS = PipelineKeys(
    model={
        "base": "base_model",
        **_same(*TYPED_HYPERPARAMETERS, "hyperparameters"),
        **_same("image_uri", "entry_point", "source_dir", "environment", "metrics"),
    },
    compute=_same(
        *("instance_type", "instance_count", "volume_gb", "volume_kms_key_id"),
        *("max_runtime_seconds", "max_wait_seconds", "spot", "fallback"),
        *("checkpoint_uri", "encrypt_traffic", "request_overrides"),
    ),
    aws={
        **_same("role_arn", "tags", "subnets", "security_group_ids", "network_isolation"),
        "kms_key_id": "output_kms_key_id",
    },
    output="output_uri",
    form=TYPED_HYPERPARAMETERS,
)

SPOT_TRAINING = Backend(
    name="spot_training",
    spec=SpotTrainingSpec,
    resource=TRAINING_JOB,
    rungs=_rungs,
    longest=_longest,
    digest=_digest,
    request=_request,
    needs=_needs,
    result=_result,
    keys=KEYS,
)
