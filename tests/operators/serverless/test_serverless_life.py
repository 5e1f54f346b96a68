"""The operator through the real task runner against an AWS in which the job really trains, in both wait modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_finetune import ServerlessFineTuneOperator, TunedModel
from tests.backends.serverless.specs import EVALUATOR, QWEN, given
from tests.execution_api import TaskRun, in_dag
from tests.operators.bedrock.conftest import chat, order_chats
from tests.operators.serverless.conftest import Works

OF_THE_MODEL = ("job_name", "model_uri", "model_arn", "spec_digest", "attempts")
MERGED = "/output/model/checkpoints/hf_merged/"


def seen(run: TaskRun, works: Works) -> dict[str, Any]:
    """What must not depend on who waits."""
    model = run.result if run.state == "success" else {}
    found = {field: model.get(field) for field in OF_THE_MODEL}
    return {"state": run.state, "model": found, "jobs": works.jobs(), "mutating": works.mutating()}


def in_both_modes(works: Works, live: Callable[[bool], Any]) -> None:
    """Live through a case with a worker that waits, and from the start with a triggerer that does; compare."""
    in_a_worker = live(False)
    works.begin_again()
    assert works.jobs() == {}
    assert in_a_worker == live(True)


@pytest.mark.long
def test_a_model_is_customized_and_told(works: Works, capsys: pytest.CaptureFixture[str]) -> None:
    def live(deferrable: bool) -> Any:
        validation = works.put("validation.jsonl", order_chats(3, 8))
        run = works.run(works.spec(validation=validation, tags={"team": "nlp"}), deferrable=deferrable)
        assert run.try_once() == "success", run.error
        assert bool(run.deferrals) is deferrable
        model, job = TunedModel.load(run.result), works.job(run.result["job_name"])
        assert model.model_uri == f"s3://acme/models/{model.job_name}{MERGED}"
        assert (model.backend, model.base_model, model.hub_model_id) == ("serverless", QWEN, QWEN)
        assert job["ServerlessJobConfig"]["BaseModelArn"].endswith(f"/{model.hub_model_version}")
        assert (model.model_arn, model.billed_tokens) == (job["OutputModelPackageArn"], job["BillableTokenCount"])
        assert model.cost_usd == pytest.approx(job["BillableTokenCount"] / 1000 * 0.0012, abs=1e-6)
        assert model.billable_seconds is None
        assert model.metrics["train_loss"] > 0
        assert model.metrics["validation_loss"] > 0
        assert model.hosting is not None
        assert "djl-inference" in model.hosting.image_uri
        check_the_version(works, model, job)
        out = capsys.readouterr().out
        for words in ("Training: ", "Epoch 1 of 1, step ", " tokens billed.", "it waits for approval"):
            assert words in out
        return seen(run, works)

    in_both_modes(works, live)


def check_the_version(works: Works, model: TunedModel, job: dict[str, Any]) -> None:
    """What AWS has registered bears the marks of its owner, and nobody has approved it."""
    sagemaker = works.aws("sagemaker")
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]}
    assert (tags["team"], tags["airflow-finetune:spec"]) == ("nlp", model.spec_digest)
    package = sagemaker.describe_model_package(ModelPackageName=model.model_arn)
    marks = {key: value for key, value in tags.items() if key.startswith("airflow-finetune:")}
    assert package["CustomerMetadataProperties"] == marks
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    group = sagemaker.describe_model_package_group(ModelPackageGroupName="orders")
    made = sagemaker.list_tags(ResourceArn=group["ModelPackageGroupArn"])["Tags"]
    assert {"Key": "airflow-finetune:lifecycle", "Value": "promoted"} in made


@pytest.mark.long
def test_a_finished_job_is_adopted_and_a_persons_decision_stays(works: Works, mode: bool) -> None:
    first = works.run(works.spec(max_steps=1))
    assert first.try_once() == "success", first.error
    sagemaker, arn = works.aws("sagemaker"), first.result["model_arn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    first.clear()
    assert first.try_once() == "success", first.error
    assert (len(works.jobs()), first.result["model_arn"]) == (1, arn)
    assert sagemaker.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == "Approved"


def test_a_failed_job_shows_the_words_of_aws_and_is_not_made_again(works: Works) -> None:
    def live(deferrable: bool) -> Any:
        works.fault("algorithm_error", message="the loss is not a number")
        run = works.run(retries=2, deferrable=deferrable)
        assert run.try_once() == "failed", "no retry: it could not help"
        assert "AlgorithmError: the loss is not a number" in str(run.error)
        return seen(run, works)

    in_both_modes(works, live)


@pytest.mark.long
def test_a_job_without_capacity_is_followed_by_another(works: Works, mode: bool) -> None:
    works.fault("capacity")
    run = works.run(works.spec(max_steps=1), deferrable=mode)
    assert run.try_once() == "success", run.error
    assert list(works.jobs().values()) == ["Failed", "Completed"]
    assert len(works.uploads()) == 1, "the data was written once"


@pytest.mark.long
def test_the_operator_of_this_name_learns_preferences(works: Works) -> None:
    examples = [{**each, "rejected": "I do not know."} for each in order_chats(4, 16)]
    fields = given(dataset=works.put("pairs.jsonl", examples), technique="dpo", epochs=1)
    task = in_dag(lambda: ServerlessFineTuneOperator(task_id="fine_tune", poll_seconds=0.2, **fields))
    run = TaskRun(task)
    assert run.try_once() == "success", run.error
    assert works.job(run.result["job_name"])["ServerlessJobConfig"]["CustomizationTechnique"] == "DPO"


def test_a_technique_that_makes_no_model_fails_the_task_and_says_where_to_read(works: Works, mode: bool) -> None:
    examples = [chat("2 + 2", "4")]
    spec = works.spec(technique="rlvr", evaluator_arn=EVALUATOR, dataset=works.put("prompts.jsonl", examples))
    run = works.run(spec, deferrable=mode, retries=2)
    assert run.try_once() == "failed", "no retry: it could not help"
    assert "AWS says Completed, and neither ModelArtifacts nor OutputModelPackageArn" in str(run.error)
    assert "docs/serverless.md" in str(run.error)
