"""A person sees the numbers and answers; both answers stand at AWS with a name, and nobody's answer is overwritten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import BaseOperator

from airflow_finetune.errors import SpecError
from airflow_finetune.registry.approval.page import code, escaped, page
from airflow_finetune.registry.evidence import Evidence
from airflow_finetune.values import ModelVersion
from tests.execution_api import TaskRun, in_dag
from tests.registry.conftest import ADA, RUN, Registry, judged, tuned

NEXT = lambda task: task >> BaseOperator(task_id="deploy")  # noqa: E731 - what follows, in one word


def test_a_person_is_shown_what_is_needed_to_decide(registry: Registry) -> None:
    version = registry.registered()
    run = registry.approve(version)
    assert run.try_once() == "awaiting_input", run.error
    (asked,) = run.questions
    assert asked["subject"] == "Approve version 1 of orders?"
    assert asked["options"] == ["Approve", "Reject"]
    for told in (
        "`s3://acme/models/one/model.tar.gz`",
        "`s3://acme/base/`",
        "$0.0123",
        "`s3://acme/train.jsonl`",
        "400 examples",
        "`s3://bucket/golden.jsonl`",
        "c" * 64,
        "80 items",
        "4 of 80: 0.0500",
        "70 of 80: 0.8750",
        "**pass**",
        "`s3://acme/evaluations/k/page.html`",
        "https://console.aws.amazon.com/s3/object/acme?region=us-east-1&prefix=evaluations%2Fk%2Fpage.html",
    ):
        assert told in asked["body"], told
    interval = judged(tuned())[1].interval
    assert interval is not None
    assert f"{interval.mean:+.4f} [{interval.low:.4f}, {interval.high:.4f}]" in asked["body"]
    assert registry.calls("UpdateModelPackage") == []


def test_an_arn_alone_shows_the_same(registry: Registry) -> None:
    version = registry.registered()
    by_value, by_arn = registry.approve(version), registry.approve(version["model_package_arn"])
    assert by_value.try_once() == by_arn.try_once() == "awaiting_input"
    assert by_value.questions[0]["body"] == by_arn.questions[0]["body"]


def test_assigned_users_default_and_own_words_reach_airflow(registry: Registry) -> None:
    run = registry.approve(
        registry.registered(),
        subject="Ship {{ run_id }}?",
        body="Read the policy first.",
        assigned_users=[ADA],
        response_timeout=timedelta(hours=1),
        defaults="Reject",
    )
    assert run.try_once() == "awaiting_input", run.error
    (asked,) = run.questions
    assert asked["subject"] == f"Ship {RUN}?"
    assert asked["body"].startswith("Read the policy first.\n\n|")
    assert asked["assigned_users"] == [ADA]
    assert asked["defaults"] == ["Reject"]
    assert set(asked["params"]) == {"reason"}


def test_the_form_has_the_tasks_own_fields_and_none_of_the_dags(registry: Registry) -> None:
    from airflow.sdk import Param

    from airflow_finetune import ApproveModelOperator

    version, dags = registry.registered(), {"model_package_arn": Param(type="string")}  # required: it has no value yet
    for params, fields in ((None, {"reason"}), ({"ticket": Param("", type="string")}, {"ticket"})):
        task = in_dag(
            lambda given=params: ApproveModelOperator(task_id="approve", version=version, params=given), params=dags
        )
        run = TaskRun(task, conf={"model_package_arn": "x"})
        assert run.try_once() == "awaiting_input", run.error
        assert set(run.questions[0]["params"]) == fields


def test_a_yes_is_written_with_name_and_reason_and_what_follows_runs(registry: Registry) -> None:
    version = registry.registered()
    run = registry.promote(version, registry.answered(version, reason="better on\ndates"), after=NEXT)
    assert run.try_once() == "success", run.error
    seen = registry.seen(version)
    assert seen["ModelApprovalStatus"] == "Approved"
    assert seen["ApprovalDescription"] == (
        f"Approved by Ada (7) on 2026-11-20 00:00 UTC, in Airflow's run approve_model {RUN}. Reason: better on dates"
    )
    assert ModelVersion.load(run.result).approval_status == "Approved"
    assert run.skipped == []


def test_a_no_is_written_with_the_name_and_what_follows_is_skipped(registry: Registry) -> None:
    version = registry.registered()
    run = registry.promote(version, registry.answered(version, "Reject", reason="too slow"), after=NEXT)
    assert run.try_once() == "success", run.error
    seen = registry.seen(version)
    assert seen["ModelApprovalStatus"] == "Rejected"
    assert "Rejected by Ada (7)" in seen["ApprovalDescription"]
    assert "Reason: too slow" in seen["ApprovalDescription"]
    assert run.skipped == ["deploy"]
    assert ModelVersion.load(run.result).approval_status == "Rejected"


def test_a_no_skips_what_follows_the_question_but_not_the_task_that_records_it(registry: Registry) -> None:
    from airflow_finetune import PromoteOperator

    def after(task: Any) -> None:
        task >> [PromoteOperator(task_id="promote", version="{{ 1 }}", response=task.output), BaseOperator(task_id="x")]

    run = registry.approve(registry.registered(), after=after)
    assert run.try_once() == "awaiting_input"
    assert run.answer("Reject", ADA) == "success"
    assert run.skipped == ["x"]
    assert run.result["chosen_options"] == ["Reject"], "promote needs it"
    assert run.answer("Approve", ADA) == "success"


def test_answering_twice_changes_nothing_the_second_time(registry: Registry) -> None:
    version = registry.registered()
    said = registry.answered(version)
    assert registry.promote(version, said).try_once() == "success"
    before = registry.seen(version)
    assert registry.promote(version, said).try_once() == "success"
    assert registry.seen(version) == before
    assert len(registry.calls("UpdateModelPackage")) == 1


def test_a_lost_answer_of_aws_is_found_out(registry: Registry) -> None:
    version = registry.registered()
    said = registry.answered(version)
    registry.fault("lost_answer", operation="UpdateModelPackage", count=1)
    run = registry.promote(version, said, botocore_config={"retries": {"total_max_attempts": 1}}, poll_seconds=0.2)
    assert run.try_once() == "success", run.error
    assert len(registry.calls("UpdateModelPackage")) == 1
    assert registry.seen(version)["ModelApprovalStatus"] == "Approved"


def test_what_somebody_has_decided_otherwise_is_said_and_not_overwritten(registry: Registry) -> None:
    version = registry.registered()
    said = registry.answered(version)
    registry.sagemaker.update_model_package(
        ModelPackageArn=version["model_package_arn"], ModelApprovalStatus="Rejected", ApprovalDescription="by Grace"
    )
    run = registry.promote(version, said)
    assert run.try_once() == "failed"
    assert "already Rejected (by Grace)" in str(run.error)
    assert "Approved by Ada" in str(run.error)
    assert registry.seen(version)["ApprovalDescription"] == "by Grace"


@pytest.mark.parametrize(("status", "skipped"), [("Approved", []), ("Rejected", ["x"])])
def test_a_version_that_is_decided_already_is_not_asked_about(
    registry: Registry, status: str, skipped: list[str]
) -> None:
    version = registry.registered()
    registry.sagemaker.update_model_package(
        ModelPackageArn=version["model_package_arn"], ModelApprovalStatus=status, ApprovalDescription="by Grace"
    )
    run = registry.approve(version, after=lambda task: task >> BaseOperator(task_id="x"))
    assert run.try_once() == "success", run.error
    assert (run.questions, run.skipped) == ([], skipped)
    assert registry.promote(version, run.result).try_once() == "success"
    assert registry.seen(version)["ApprovalDescription"] == "by Grace"


def test_nobody_in_time_with_a_default_of_no_is_a_no_that_says_so(registry: Registry) -> None:
    version = registry.registered()
    run = registry.approve(version, response_timeout=timedelta(seconds=1), defaults="Reject")
    assert run.try_once() == "awaiting_input"
    assert run.answer("Reject", None) == "success"
    assert registry.promote(version, run.result).try_once() == "success"
    assert "nobody answered in time" in registry.seen(version)["ApprovalDescription"]
    assert registry.seen(version)["ModelApprovalStatus"] == "Rejected"


def test_nobody_in_time_without_a_default_fails_and_leaves_the_version_undecided(registry: Registry) -> None:
    version = registry.registered()
    run = registry.approve(version, response_timeout=timedelta(seconds=1))
    assert run.try_once() == "awaiting_input"
    event = {"error": "The Human-in-the-loop response timeout has passed.", "error_type": "timeout"}
    assert run.run_part(("execute_complete", {"event": event})) == "failed"
    assert registry.seen(version)["ModelApprovalStatus"] == "PendingManualApproval"


def test_evidence_that_was_changed_is_not_shown(registry: Registry) -> None:
    version = registry.registered()
    bucket, key = version["evidence_uri"].removeprefix("s3://").split("/", 1)
    registry.aws("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
    run = registry.approve(version)
    assert run.try_once() == "failed"
    assert "its SHA-256 is" in str(run.error)
    registry.aws("s3").delete_object(Bucket=bucket, Key=key)
    gone = registry.approve(version)
    assert gone.try_once() == "failed"
    assert "is not there" in str(gone.error)


def test_a_version_that_somebody_else_has_registered_says_that_nothing_is_known(registry: Registry) -> None:
    registry.sagemaker.create_model_package_group(ModelPackageGroupName="other")
    arn = registry.sagemaker.create_model_package(ModelPackageGroupName="other")["ModelPackageArn"]
    run = registry.approve(arn)
    assert run.try_once() == "awaiting_input", run.error
    assert "No evaluation is recorded" in run.questions[0]["body"]
    assert "not recorded" in run.questions[0]["body"]


def test_a_version_that_is_not_there_and_a_wrong_value_are_said(registry: Registry) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/none/1"
    run = registry.approve(arn)
    assert run.try_once() == "failed"
    assert arn in str(run.error)
    run = registry.approve("{{ 'v1' }}")
    assert run.try_once() == "failed"
    assert "neither a dumped ModelVersion nor the ARN" in str(run.error)
    run = registry.promote(registry.registered(), {"chosen_options": ["Maybe"]})
    assert run.try_once() == "failed"
    assert "no response of an approval" in str(run.error)


def test_access_denied_says_what_to_do(registry: Registry) -> None:
    version = registry.registered()
    said = registry.answered(version)
    registry.fault("access_denied", operation="UpdateModelPackage")
    run = registry.promote(version, said)
    assert run.try_once() == "failed"
    assert "AWS answered AccessDeniedException" in str(run.error)
    assert "permission" in str(run.error)


def test_fail_on_reject_is_refused_when_the_dag_is_parsed() -> None:
    from airflow_finetune import ApproveModelOperator

    with pytest.raises(SpecError, match="fail_on_reject"):
        in_dag(lambda: ApproveModelOperator(task_id="approve", version="{{ 1 }}", fail_on_reject=True))


HOSTILE = "a|b`c``d <img src=x> [x](javascript:alert(1)) **bold**\n# head\u2028line"


def test_text_from_data_is_never_markup() -> None:
    shown = code(HOSTILE)
    assert shown.startswith("``` a\\|b`c``d <img")
    assert shown.endswith(" ```")
    assert "\n" not in shown
    assert code("") == code(None) == "not recorded"
    assert escaped("**x** <b> [y](z)") == r"\*\*x\*\* \<b\> \[y\]\(z\)"


def test_a_page_with_hostile_names_has_the_rows_of_one_without(registry: Registry) -> None:
    version = ModelVersion.load(registry.registered())
    plain = Evidence(tuned(), *judged(tuned()))
    verdict = plain.verdict.model_copy(update={"reason": HOSTILE, "metric": HOSTILE})
    report = plain.report.model_copy(update={"metrics": {HOSTILE: plain.report.metrics["exact_match"]}})
    hostile = Evidence(tuned(base_model=HOSTILE, job_name=HOSTILE), report, verdict)
    ours, theirs = (page(version, each, "us-east-1").splitlines() for each in (plain, hostile))
    assert len(ours) == len(theirs)
    assert [line.replace("\\|", "").count("|") for line in theirs] == [line.count("|") for line in ours]
    assert not any(line.startswith("#") for line in theirs)


def test_a_token_that_somebody_typed_as_a_reason_is_not_kept(registry: Registry) -> None:
    version = registry.registered()
    said = registry.answered(version, reason="hf_" + "a" * 30)
    assert registry.promote(version, said).try_once() == "success"
    assert "hf_" not in registry.seen(version)["ApprovalDescription"]
