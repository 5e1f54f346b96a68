"""The operator through the real task runner against an AWS in which the job really trains, in both wait modes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from airflow_finetune import BedrockFineTuneOperator, TunedModel
from tests.execution_api import Deferral, TaskRun, fire, in_dag, trigger_of
from tests.operators.bedrock.conftest import MICRO, TITAN, Studio, order_chats

OF_THE_MODEL = ("job_name", "model_uri", "spec_digest", "market", "attempts", "interruptions")
TEACHER = "amazon.nova-premier-v1:0"
CREATE = "CreateModelCustomizationJob"
BAD_RECORD = "Input size exceeded in file train.jsonl for record starting with {"


def seen(run: TaskRun, studio: Studio) -> dict[str, Any]:
    """What must not depend on who waits; the last part of a model's ARN is AWS's own."""
    model = run.result if run.state == "success" else {}
    found = {field: str(model.get(field)).rsplit("/", 1)[0] for field in OF_THE_MODEL}
    return {"state": run.state, "model": found, "jobs": studio.jobs(), "mutating": studio.mutating()}


def in_both_modes(studio: Studio, live: Callable[[bool], Any]) -> None:
    """Live through a case with a worker that waits, and from the start with a triggerer that does; compare."""
    in_a_worker = live(False)
    studio.begin_again()
    assert studio.jobs() == {}
    assert in_a_worker == live(True)


def test_a_model_is_tuned_and_told(studio: Studio, capsys: pytest.CaptureFixture[str]):
    def live(deferrable: bool) -> Any:
        validation = studio.put("validation.jsonl", order_chats(3, 8))
        more = {"tags": {"team": "nlp"}, "prices": {"model_storage": 1.95}}
        run = studio.run(studio.spec(validation=validation, **more), deferrable=deferrable)
        assert run.try_once() == "success", run.error
        assert bool(run.deferrals) is deferrable
        model = TunedModel.load(run.result)
        job = studio.job(model.job_name)
        assert (model.model_uri, model.model_arn) == (job["outputModelArn"],) * 2
        assert job["outputModelName"] == job["clientRequestToken"] == model.job_name
        assert (model.backend, model.base_model, model.attempts, model.cost_usd) == ("bedrock", MICRO, 1, None)
        assert model.metrics["validation_loss"] < model.metrics["validation_loss_before"]
        assert model.metrics["training_loss"] > 0
        assert model.monthly_usd == 1.95
        for arn in (job["jobArn"], job["outputModelArn"]):
            tags = studio.tags(arn)
            assert tags["airflow-finetune:lifecycle"] == "job"
            assert tags["airflow-finetune:spec"] == model.spec_digest
            assert tags["team"] == "nlp"
        out = capsys.readouterr().out
        for words in ("validation: Completed", "data processing: Completed", "training: Completed"):
            assert words in out
        assert "training, step 0: " in out
        assert "Keeping the model costs $1.95 a month until it is deleted." in out
        assert "validation, step " in out
        return seen(run, studio)

    in_both_modes(studio, live)


@pytest.mark.long
def test_an_own_custom_model_is_tuned_further(studio: Studio, mode: bool):
    first = studio.run(run_id="first")
    assert first.try_once() == "success", first.error
    run = studio.run(studio.spec(base_model=first.result["model_arn"]), run_id="second", deferrable=mode)
    assert run.try_once() == "success", run.error
    assert run.result["model_arn"] != first.result["model_arn"]
    assert run.result["base_model"] == first.result["model_arn"]


@pytest.mark.long
def test_a_model_reads_on(studio: Studio, mode: bool):
    spec = studio.spec(base_model=TITAN, customization="continued_pre_training")
    run = studio.run(spec, deferrable=mode)
    assert run.try_once() == "success", run.error
    assert studio.job(run.result["job_name"])["customizationType"] == "CONTINUED_PRE_TRAINING"


@pytest.mark.long
def test_a_model_learns_from_a_teacher(studio: Studio, mode: bool):
    dataset = studio.put("orders.jsonl", order_chats(4, 100))  # with answers, which are not what it learns
    more = {"customization": "distillation", "teacher_model": TEACHER, "max_response_length": 16, "epochs": ...}
    run = studio.run(studio.spec(dataset=dataset, **more), deferrable=mode)
    assert run.try_once() == "success", run.error
    kinds = {line.kind for line in studio.sandbox.world.billing.lines()}
    assert {"teacher_input_tokens", "teacher_output_tokens", "customization_training"} <= kinds
    said = studio.aws("s3").get_object(**studio.artefact(run.result, "training_artifacts/synthetic_data.jsonl"))["Body"]
    learnt = [json.loads(line)["messages"] for line in said.read().decode().splitlines()]
    known = {example["messages"][0]["content"]: example["messages"][1]["content"] for example in order_chats(4, 100)}
    assert all(answer["content"] != known[prompt["content"]] for prompt, answer in learnt), "a base knows none of them"


def reinforced(studio: Studio, grader: str) -> dict[str, Any]:
    """A spec of reinforcement fine-tuning, as short as can be."""
    return studio.spec(
        base_model="amazon.nova-2-lite-v1:0:256k",
        customization="reinforcement_fine_tuning",
        dataset=studio.put("prompts.jsonl", order_chats(5, 100)),
        grader_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{grader}",
        batch_size=64,
        samples_per_prompt=2,
        inference_max_tokens=4,
    )


@pytest.mark.long
def test_a_model_learns_what_a_grader_likes(studio: Studio, mode: bool):
    run = studio.run(reinforced(studio, "orders-grade"), deferrable=mode)
    assert run.try_once() == "success", run.error
    assert run.result["model_arn"]


@pytest.mark.parametrize(
    ("grader", "said"),
    [("orders-raises", "raised KeyError: 'no'"), ("orders-too-high", "answered the aggregate_reward_score 7")],
)
@pytest.mark.long
def test_a_grader_that_cannot_be_used_fails_the_task_in_its_words(studio: Studio, grader: str, said: str):
    run = studio.run(reinforced(studio, grader), retries=2)
    assert run.try_once() == "failed", "no retry: it could not help"
    assert said in str(run.error)
    assert "correct the training code" in str(run.error)
    assert len(studio.jobs()) == 1


def test_a_failed_job_shows_the_words_of_aws_and_is_not_made_again(studio: Studio):
    def live(deferrable: bool) -> Any:
        studio.fault("algorithm_error", message=BAD_RECORD)
        run = studio.run(retries=2, deferrable=deferrable)
        assert run.try_once() == "failed", "no retry: it could not help"
        assert f"Failed: {BAD_RECORD}" in str(run.error)
        assert "Check the data" in str(run.error)
        assert list(studio.jobs().values()) == ["Failed"]
        return seen(run, studio)

    in_both_modes(studio, live)


def test_a_job_without_capacity_is_followed_by_another(studio: Studio, deferrable: bool):
    studio.fault("capacity", count=3)
    run = studio.run(deferrable=deferrable)
    assert run.try_once() == "failed"
    assert "not enough capacity" in str(run.error)
    assert list(studio.jobs().values()) == ["Failed"] * 3
    assert len(studio.uploads()) == 1, "the data was written once"


@pytest.mark.parametrize("attempts", [3, 1], ids=["boto3 asks again", "the task asks again"])
def test_a_lost_answer_makes_one_job(studio: Studio, mode: bool, attempts: int):
    studio.fault("lost_answer", operation="CreateModelCustomizationJob", count=1)
    studio.fault("algorithm_error", message=BAD_RECORD)
    config = {"retries": {"mode": "standard", "total_max_attempts": attempts}}
    run = studio.run(deferrable=mode, retries=1, botocore_config=config)
    assert run.try_once() == "failed"
    assert BAD_RECORD in str(run.error)
    asked = [(call.params["jobName"], call.params["clientRequestToken"]) for call in studio.calls(CREATE)]
    # A task that has been deferred looks first, and finds the job by its name; all others ask again.
    assert len(asked) == (1 if mode and attempts == 1 else 2)
    assert set(asked) == {asked[0]}, "under the same name and token"
    assert list(studio.jobs()) == [asked[0][0]]


@pytest.mark.long
def test_a_clear_after_the_model_was_deleted_trains_again(studio: Studio, mode: bool):
    run = studio.run(deferrable=mode)
    assert run.try_once() == "success", run.error
    first = run.result
    studio.aws("bedrock").delete_custom_model(modelIdentifier=first["model_arn"])
    run.clear()
    assert run.try_once() == "success", run.error
    assert run.result["model_arn"] != first["model_arn"]
    assert sorted(studio.jobs()) == sorted([first["job_name"], run.result["job_name"]])


def test_a_retry_takes_its_job_over_and_a_clear_the_finished_one(studio: Studio, deferrable: bool):
    run = studio.run(retries=1, deferrable=deferrable)
    run.try_number = 1
    life = studio.run(retries=1, deferrable=True)
    life.try_number = 1
    assert life.run_part(None) == "deferred", "the worker is gone before its job has ended"
    assert run.try_once() == "success", run.error
    assert len(studio.jobs()) == 1
    run.clear()
    assert run.try_once() == "success", run.error
    assert len(studio.jobs()) == 1, "the same spec: nothing is trained twice"
    assert len(studio.calls("CreateModelCustomizationJob")) == 1


def kill(run: TaskRun, studio: Studio, deferrable: bool) -> str:
    """Do what Airflow does when a user marks the task as failed."""
    if not deferrable:
        with studio.meanwhile(lambda: os.kill(os.getpid(), signal.SIGTERM)):
            return run.try_once()

    def killed(deferral: Deferral) -> Any:
        with studio.meanwhile(lambda: asyncio.run(trigger_of(deferral).on_kill())):
            return fire(deferral)

    run.try_number += 1
    assert run.run_part(None) == "deferred"
    killed(run.deferrals[-1])
    return "killed"


def test_a_killed_task_stops_its_job(studio: Studio):
    def live(deferrable: bool) -> Any:
        run = studio.run(studio.slow(), retries=1, deferrable=deferrable)
        assert kill(run, studio, deferrable) == ("killed" if deferrable else "up_for_retry")
        (name,) = studio.jobs()
        job = studio.ended(name)
        assert job["status"] == "Stopped"
        assert studio.tags(job["jobArn"])["airflow-finetune:stopped-by"] == "kill"
        return studio.mutating()

    in_both_modes(studio, live)


def test_a_job_that_somebody_else_stops_fails_the_task(studio: Studio, mode: bool):
    def stop() -> None:
        (name,) = studio.jobs()
        studio.aws("bedrock").stop_model_customization_job(jobIdentifier=name)

    run = studio.run(studio.slow(), retries=2, deferrable=mode)
    with studio.meanwhile(stop):
        assert run.try_once() == "failed"
    assert "Stopped" in str(run.error)
    assert "outside of Airflow" in str(run.error)
    assert list(studio.jobs().values()) == ["Stopped"]


def test_a_job_that_takes_too_long_is_stopped(studio: Studio, mode: bool):
    run = studio.run(studio.slow(), retries=2, deferrable=mode, max_wait=timedelta(seconds=3))
    assert run.try_once() == "failed"
    assert "max_wait of 0:00:03 was over" in str(run.error)
    assert list(studio.jobs().values()) == ["Stopped"]


def test_stopping_a_job_that_has_ended_is_fine(studio: Studio):
    from airflow_finetune.lifecycle.trigger import AwsAccess
    from airflow_finetune.resources import CUSTOMIZATION_JOB

    studio.fault("algorithm_error", message=BAD_RECORD)
    assert studio.run(deferrable=False).try_once() == "failed"
    client = AwsAccess().resource_client(CUSTOMIZATION_JOB)
    for name in studio.jobs():
        client.stop(name, "kill")
        assert studio.job(name)["status"] == "Failed"


def test_the_operator_of_this_backend_takes_the_fields_as_its_own(studio: Studio):
    studio.fault("algorithm_error", message=BAD_RECORD)
    fields = {key: value for key, value in studio.spec().items() if key != "backend"}
    task = in_dag(lambda: BedrockFineTuneOperator(task_id="fine_tune", poll_seconds=0.2, deferrable=False, **fields))
    assert TaskRun(task).try_once() == "failed"
    (name,) = studio.jobs()
    assert studio.job(name)["hyperParameters"]["epochCount"] == "1"
