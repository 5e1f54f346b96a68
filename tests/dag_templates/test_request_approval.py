"""A person is asked in a run of another DAG, once for each version; where nobody could be, the task says so."""

from __future__ import annotations

from airflow_finetune.dag_templates.request_approval import RequestApprovalOperator
from airflow_finetune.values import ModelVersion
from tests.execution_api import TaskRun, in_dag

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/orders/7"
VERSION = ModelVersion(
    model_package_arn=ARN, group="orders", model_version=7, approval_status="PendingManualApproval"
).dump()


def asking(paused: dict[str, bool], **arguments: str) -> TaskRun:
    task = in_dag(lambda: RequestApprovalOperator(task_id="request_approval", version=VERSION, **arguments))
    return TaskRun(task, paused=paused)


def test_a_version_is_asked_about_in_a_run_that_is_named_after_it() -> None:
    run = asking({"approve_model": False})
    assert run.try_once() == "success", run.error
    assert run.triggered == {"approve_model/approve__orders__7": {"model_package_arn": ARN}}


def test_a_version_is_asked_about_once() -> None:
    run = asking({"approve_model": False})
    assert [run.try_once(), run.try_once()] == ["success", "skipped"]
    assert len(run.triggered) == 1


def test_without_the_dag_that_asks_the_task_says_what_to_do_and_triggers_nothing() -> None:
    run = asking({"approve_model": False}, asking_dag_id="ask_us")
    assert run.try_once() == "failed"
    assert "DAG ask_us: there is no such DAG in this Airflow" in str(run.error)
    assert "approval: false" in str(run.error)
    assert run.triggered == {}


def test_a_paused_dag_is_triggered_all_the_same_and_asks_when_it_is_unpaused() -> None:
    run = asking({"approve_model": True})
    assert run.try_once() == "success", run.error
    assert len(run.triggered) == 1
