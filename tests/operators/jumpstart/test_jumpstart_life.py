"""The operator through the real task runner: the hub's own script really trains, whoever waits for it."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from airflow_finetune import TunedModel
from tests.execution_api import TaskRun, in_dag
from tests.operators.jumpstart.conftest import LLAMA, PUBLIC_ARN, QWEN, Customer, order_chats

VERSION = "sagemaker-sdk:jumpstart-model-version"


def plan(customer: Customer, **changes: Any) -> dict[str, Any]:
    """What the task ``plan`` returns, in an account with a role."""
    from airflow_finetune import PlanOperator

    spec = customer.spec(**changes)
    run = TaskRun(in_dag(lambda: PlanOperator(task_id="plan", spec=spec, max_usd=1000)))
    assert run.try_once() == "success", run.error
    planned: dict[str, Any] = run.result
    return planned


@pytest.mark.long
def test_a_model_is_tuned_in_the_version_of_the_plan(customer: Customer, deferrable: bool, aws: Any):
    aws("iam").create_role(RoleName="trainer", AssumeRolePolicyDocument="{}")
    spec = {"validation": customer.put("validation.jsonl", order_chats(3, 4)), "tags": {"team": "nlp"}}
    before = plan(customer, **spec)
    before["resolved"] = {"version": "1.1.0"}  # as if it was made before 2.0.0 came
    run = customer.run(customer.spec(**spec), plan=before, deferrable=deferrable)
    assert run.try_once() == "success", run.error
    assert bool(run.deferrals) is deferrable
    model = TunedModel.load(run.result)
    assert (model.hub_model_id, model.hub_model_version, model.base_model) == (QWEN, "1.1.0", QWEN)
    tags = customer.tags(model.job_name)
    assert (tags[VERSION], tags["team"], tags["airflow-finetune:spec"]) == ("1.1.0", "nlp", model.spec_digest)
    assert model.model_uri.endswith("/output/model/")
    assert {"config.json", "model.safetensors"} <= set(customer.keys(model.model_uri.removeprefix("s3://acme/")))
    assert model.metrics, "AWS reads them from the log by the hub's own expressions"
    [create] = customer.calls("CreateTrainingJob")
    assert create.outcome == "ok"
    names = {key.split("/", 1)[1] for key in customer.keys("models/jumpstart-data/")}
    assert names == {"training/train.jsonl", "training/template.json", "validation/train.jsonl"}


def test_a_retry_of_a_lost_try_finds_the_job_uploads_nothing_again_and_says_what_serves_the_model(
    customer: Customer, mode: bool
):
    first = customer.run(retries=1, deferrable=True)
    first.try_number += 1
    assert first.run_part(None) == "deferred"
    puts = len(customer.calls("PutObject"))
    later = customer.run(retries=1, deferrable=mode)
    later.try_number, later.max_tries = first.try_number, first.max_tries
    assert later.try_once() == "success", later.error
    assert (len(customer.jobs()), len(customer.calls("CreateTrainingJob"))) == (1, 1)
    model = TunedModel.load(later.result)
    assert (model.attempts, model.hub_model_version) == (1, "2.0.0")
    assert model.hosting is not None
    assert "/djl-inference:" in model.hosting.image_uri
    assert (model.hosting.instance_type, model.hosting.eula_accepted) == ("ml.g5.2xlarge", False)
    assert str(model.hosting.base_uri).startswith("s3://jumpstart-cache-prod-us-east-1/")
    assert len([each for each in customer.calls("PutObject")[puts:] if "jumpstart-data" in str(each)]) == 0


def test_a_kill_stops_the_job(customer: Customer):
    slow = customer.spec(hyperparameters={"max_steps": 100000, "logging_steps": 1})
    run = customer.run(slow)
    with customer.meanwhile(lambda: os.kill(os.getpid(), signal.SIGTERM)):
        run.try_once()
    [name] = customer.jobs()
    assert customer.ended(name) == "Stopped"


@pytest.mark.long
def test_a_gated_model_of_a_private_hub_is_tuned_when_its_license_is_accepted(customer: Customer):
    sagemaker = customer.aws("sagemaker")
    sagemaker.create_hub(HubName="acme-hub", HubDescription="what Acme may use")
    sagemaker.create_hub_content_reference(HubName="acme-hub", SageMakerPublicHubContentArn=f"{PUBLIC_ARN}/{LLAMA}")
    run = customer.run(customer.spec(model_id=LLAMA, hub="acme-hub", accept_eula=True))
    assert run.try_once() == "success", run.error
    hosting = run.result["hosting"]
    assert hosting["eula_accepted"] is True
    assert ":hub-content/acme-hub/ModelReference/" in hosting["hub_content_arn"]


@pytest.mark.long
def test_conversations_are_learnt(customer: Customer):
    run = customer.run(customer.spec(method="chat"))
    assert run.try_once() == "success", run.error
    assert customer.keys("models/jumpstart-data/")[0].endswith("/training/train.jsonl")


@pytest.mark.long
def test_spot_is_interrupted_and_goes_on_from_the_scripts_checkpoint(customer: Customer):
    hyper = {"max_steps": 12, "logging_steps": 1, "save_steps": 2}
    customer.fault("spot_interruption", target="*", params={"log_pattern": r"\bstep=7/"})
    run = customer.run(customer.spec(spot=True, hyperparameters=hyper), deferrable=True)
    assert run.try_once() == "success", run.error
    assert (run.result["interruptions"], run.result["market"]) == (1, "spot")
    assert run.result["checkpoint_uri"].startswith("s3://acme/models/checkpoints/")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_id": LLAMA}, "is gated: AWS gives it only to who accepts the license at https://"),
        ({"epochs": 5000}, "epoch is 5000 and must be from 1 to 1000"),
        ({"model_id": "huggingface-llm-falcon-7b-bf16"}, "it is retired"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_without_a_retry_and_without_a_job(
    customer: Customer, mode: bool, changes: dict[str, Any], said: str
):
    run = customer.run(customer.spec(**changes), retries=2, deferrable=mode)
    assert run.try_once() == "failed", "no retry: it could not help"
    assert said in str(run.error)
    assert (customer.calls("CreateTrainingJob"), customer.keys("models/")) == ([], [])
