"""Customize a model on Amazon Bedrock: the declaration of this backend."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_finetune.backends.backend import Backend, MakeClient, Needs, Outcome, PipelineKeys, Place
from airflow_finetune.backends.bedrock.spec import HYPERPARAMETERS, REINFORCEMENT, BedrockSpec
from airflow_finetune.resources import CUSTOMIZATION_JOB

if TYPE_CHECKING:
    from airflow_finetune.values import TunedModel

LONGEST = timedelta(days=7)  # AWS states no limit; it bills tokens, so that waiting costs nothing


def _request(spec: BedrockSpec, place: Place, rung: int, make_client: MakeClient) -> dict[str, Any]:
    from airflow_finetune.backends.bedrock.prepare import prepared_request  # only where a job is made

    return prepared_request(spec, place.region, make_client)


def _needs(spec: BedrockSpec, region: str, make_client: MakeClient) -> Needs:
    from airflow_finetune.backends.bedrock.needs import needs_of

    return needs_of(spec, region, make_client)


def _result(spec: BedrockSpec, outcome: Outcome) -> TunedModel:
    from airflow_finetune.backends.bedrock.result import tuned_model

    return tuned_model(spec, outcome)


def _same(*fields: str) -> dict[str, str]:
    return {field: field for field in fields}


TYPED_HYPERPARAMETERS = tuple(dict.fromkeys((*HYPERPARAMETERS, *REINFORCEMENT)))
KEYS = PipelineKeys(
    model={
        "base": "base_model",
        **_same("customization", *TYPED_HYPERPARAMETERS, "hyperparameters", "model_name"),
        **_same("teacher_model", "max_response_length", "keep_answers", "invocation_logs", "grader_arn"),
        **_same("limits", "prices", "request_overrides"),
    },
    aws={
        **_same("role_arn", "tags", "subnets", "security_group_ids"),
        "kms_key_id": "model_kms_key_id",
    },
    output="output_uri",
    validation="curated_validation",
    form=TYPED_HYPERPARAMETERS,
)

BEDROCK = Backend(
    name="bedrock",
    spec=BedrockSpec,
    resource=CUSTOMIZATION_JOB,
    rungs=lambda spec: 1,
    longest=lambda spec: LONGEST,
    digest=lambda spec: spec.digest(),
    request=_request,
    needs=_needs,
    result=_result,
    keys=KEYS,
    served_by="bedrock",
)
