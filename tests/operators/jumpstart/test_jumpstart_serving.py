"""What the hub says of serving is true: its own files answer, a gated model's only with the accepted license."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from airflow_finetune.aws.hubs import HubModel, hub_model
from airflow_finetune.backends.jumpstart.result import hosting_of
from airflow_finetune.errors import SpecError
from airflow_finetune.values import ServedModel
from tests.execution_api import TaskRun, in_dag
from tests.operators.jumpstart.conftest import LLAMA, PUBLIC_ARN, ROLE, Customer

RUN = "manual__2026-11-20T00:00:00+00:00"


def untuned(customer: Customer, *, accepted: bool) -> dict[str, Any]:
    """What a private hub says of serving a gated model that nobody has tuned."""
    sagemaker = customer.aws("sagemaker")
    sagemaker.create_hub(HubName="acme-hub", HubDescription="what Acme may use")
    sagemaker.create_hub_content_reference(HubName="acme-hub", SageMakerPublicHubContentArn=f"{PUBLIC_ARN}/{LLAMA}")
    found = hub_model(sagemaker, LLAMA, hub="acme-hub")
    assert isinstance(found, HubModel)
    hosting = hosting_of(found, accepted=accepted)
    assert hosting is not None
    return hosting.dump()


def deployed(customer: Customer, hosting: dict[str, Any], *, deferrable: bool) -> TaskRun:
    from airflow_finetune.operators import DeployModelOperator, OpenScopeOperator

    opened = TaskRun(in_dag(lambda: OpenScopeOperator(task_id="open_scope", lease=timedelta(hours=6))), run_id=RUN)
    assert opened.try_once() == "success", opened.error
    spec = {"model": hosting, "hosting": hosting, "role_arn": ROLE}
    more = {"arm": "baseline", "scope": opened.result, "spec": spec, "deferrable": deferrable, "poll_seconds": 0.2}
    return TaskRun(in_dag(lambda: DeployModelOperator(task_id="deploy", **more)), run_id=RUN)


def test_a_gated_baseline_answers_chat_completions_when_its_license_is_accepted(
    customer: Customer, mode: bool, aws: Any
):
    run = deployed(customer, untuned(customer, accepted=True), deferrable=mode)
    assert run.try_once() == "success", run.error
    served = ServedModel.load(run.result)
    assert served.instance_type == "ml.g5.2xlarge"
    body = {"messages": [{"role": "user", "content": "two teas"}], "max_tokens": 4, "temperature": 0.0}
    answer = aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=served.endpoint_name, Body=json.dumps(body), ContentType="application/json"
    )
    assert isinstance(json.loads(answer["Body"].read())["choices"][0]["message"]["content"], str)


def test_a_gated_baseline_without_an_accepted_license_is_refused_in_awss_words(customer: Customer):
    run = deployed(customer, untuned(customer, accepted=False), deferrable=False)
    assert run.try_once() == "failed"
    assert "AWS answered ValidationException" in str(run.error)
    assert customer.calls("CreateEndpoint") == []


def test_a_hub_without_files_for_the_baseline_says_to_give_one(customer: Customer):
    hosting = {**untuned(customer, accepted=True), "base_uri": None}
    with pytest.raises(SpecError, match="model must be"):
        deployed(customer, hosting, deferrable=False)
