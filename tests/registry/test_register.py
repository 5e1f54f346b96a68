"""What passed the gate is registered once, with its evidence; nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_finetune.errors import SpecError
from airflow_finetune.registry.evidence import Evidence
from airflow_finetune.values import ModelVersion
from tests.evaluation.conftest import pairs
from tests.registry.conftest import GROUP, IMAGE, Registry, judged, tuned
from tests.sandbox.hosting.test_requests import ARN

PREFIX = "airflow-finetune:"


def test_a_model_becomes_a_version_that_waits_for_a_person(registry: Registry) -> None:
    version = ModelVersion.load(registry.registered())
    assert version.model_package_arn == f"{ARN}:model-package/{GROUP}/1"
    assert (version.group, version.model_version, version.approval_status) == (GROUP, 1, "PendingManualApproval")
    assert (version.model_uri, version.image_uri, version.base_model) == (tuned().model_uri, IMAGE, "s3://acme/base/")
    assert (version.verdict_decision, version.spec_digest) == ("pass", tuned().spec_digest)
    assert (version.cost_usd, version.job_name) == (0.0123, tuned().job_name)
    assert version.dataset == tuned().dataset
    assert version.golden is not None
    assert version.golden.sha256 == "c" * 64
    assert version.report_uri == "s3://acme/evaluations/k/page.html"


def test_aws_holds_owner_evidence_and_digests(registry: Registry) -> None:
    seen = registry.seen(registry.registered())
    metadata = seen["CustomerMetadataProperties"]
    assert len(metadata[f"{PREFIX}owner"]) == 16
    assert (metadata[f"{PREFIX}lifecycle"], metadata[f"{PREFIX}dag"]) == ("promoted", "orders")
    assert (metadata[f"{PREFIX}dataset"], metadata[f"{PREFIX}golden"]) == ("d" * 64, "c" * 64)
    assert (metadata[f"{PREFIX}verdict"], metadata[f"{PREFIX}model-spec"]) == ("pass", tuned().spec_digest)
    assert metadata[f"{PREFIX}job"] == tuned().job_name
    statistics = seen["ModelMetrics"]["ModelQuality"]["Statistics"]
    bucket, key = statistics["S3Uri"].removeprefix("s3://").split("/", 1)
    body = registry.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    evidence = Evidence.read(body)
    assert evidence == Evidence(tuned(), *judged(tuned()))
    assert seen["InferenceSpecification"]["SupportedRealtimeInferenceInstanceTypes"] == ["ml.m5.large"]
    tags = registry.tags(f"{ARN}:model-package-group/{GROUP}")
    assert (tags[f"{PREFIX}lifecycle"], tags[f"{PREFIX}expires-at"]) == ("promoted", "never")


def test_a_retry_and_a_clear_find_the_version_that_is_there(registry: Registry) -> None:
    run = registry.register()
    assert run.try_once() == "success", run.error
    first = run.result
    assert run.try_once() == "success"
    run.clear()
    assert run.try_once() == "success"
    assert run.result == first
    assert len(registry.versions()) == len(registry.calls("CreateModelPackage")) == 1


@pytest.mark.parametrize("operation", ["CreateModelPackageGroup", "CreateModelPackage"])
def test_a_lost_answer_makes_no_second_version(registry: Registry, operation: str) -> None:
    registry.fault("lost_answer", operation=operation, count=1)
    assert ModelVersion.load(registry.registered()).model_version == 1
    assert len(registry.versions()) == 1


def test_a_task_that_died_after_aws_had_acted_is_followed_by_one_that_finds_it(registry: Registry) -> None:
    registry.fault("lost_answer", operation="CreateModelPackage", count=1)
    registry.fault("access_denied", operation="ListModelPackages", every=2)  # so the second look ends the task
    dead = registry.register(botocore_config={"retries": {"total_max_attempts": 1}})
    assert dead.try_once() == "failed"
    assert len(registry.versions_in_store()) == 1, "AWS has acted, and the task knows nothing of it"
    registry.sandbox.world.faults.clear()
    assert dead.try_once() == "success", dead.error
    assert len(registry.versions()) == 1


def test_a_list_that_lags_behind_is_no_second_version(registry: Registry) -> None:
    first = registry.registered()
    registry.sandbox.world.store.update(
        "model_package", "us-east-1", f"{GROUP}/1", lambda row: row.update(ModelPackageDescription="")
    )
    assert registry.registered() == first
    assert len(registry.calls("CreateModelPackage")) == 2, "the list did not show it; the token found it"
    assert len(registry.versions()) == 1


def test_other_weights_and_other_runs_are_other_versions(registry: Registry) -> None:
    one = registry.registered()
    two = registry.registered(model=tuned(model_uri="s3://acme/models/two/model.tar.gz"))
    other_run = registry.registered(run_id="manual__another")
    assert [each["model_version"] for each in (one, two, other_run)] == [1, 2, 3]


def test_a_decision_survives_a_retry(registry: Registry) -> None:
    version = registry.registered()
    registry.sagemaker.update_model_package(
        ModelPackageArn=version["model_package_arn"], ModelApprovalStatus="Rejected", ApprovalDescription="no"
    )
    again = registry.registered()
    assert (again["approval_status"], again["approval_description"]) == ("Rejected", "no")
    assert len(registry.versions()) == 1


def test_a_group_of_somebody_else_is_used_as_it_is(registry: Registry) -> None:
    registry.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP, Tags=[{"Key": "team", "Value": "a"}])
    assert registry.registered()["model_version"] == 1
    assert registry.tags(f"{ARN}:model-package-group/{GROUP}") == {"team": "a"}


@pytest.mark.parametrize("scores", [pairs(70, 8, 1, 1), pairs(40, 1, 2, 1)], ids=["reject", "inconclusive"])
def test_what_did_not_pass_is_refused_before_aws_is_asked(registry: Registry, scores: Any) -> None:
    report, verdict = judged(tuned(), scores)
    assert verdict.decision != "pass"
    run = registry.register(report=report.dump(), verdict=verdict.dump())
    assert run.try_once() == "failed"
    assert f"verdict is {verdict.decision}" in str(run.error)
    assert "Only a model that passes the gate" in str(run.error)
    assert [record.operation for record in registry.sandbox.world.calls.records()] == []


def test_a_verdict_on_other_weights_is_refused(registry: Registry) -> None:
    report, _ = judged(tuned())
    _, verdict = judged(tuned(model_uri="s3://acme/models/two/model.tar.gz"))
    run = registry.register(report=report.dump(), verdict=verdict.dump())
    assert run.try_once() == "failed"
    assert "s3://acme/models/two/model.tar.gz" in str(run.error)
    assert registry.versions() == []


def test_a_verdict_on_another_golden_set_is_refused(registry: Registry) -> None:
    report, verdict = judged(tuned())
    other = verdict.golden.model_copy(update={"sha256": "e" * 64})
    run = registry.register(report=report.dump(), verdict=verdict.model_copy(update={"golden": other}).dump())
    assert run.try_once() == "failed"
    assert "golden set" in str(run.error)
    assert "e" * 64 in str(run.error)


def test_a_report_on_another_model_is_refused(registry: Registry) -> None:
    report, verdict = judged(tuned(model_uri="s3://acme/models/two/model.tar.gz"))
    run = registry.register(report=report.dump(), verdict=verdict.dump())
    assert run.try_once() == "failed"
    assert "Give the report of this model" in str(run.error)


def test_weights_that_were_overwritten_after_they_were_judged_are_refused(registry: Registry) -> None:
    registry.aws("s3").put_object(Bucket="acme", Key="models/one/model.tar.gz", Body=b"others")
    run = registry.register()
    assert run.try_once() == "failed"
    assert "weights s3://acme/models/one/model.tar.gz" in str(run.error)
    assert str(judged(tuned())[0].candidate.sha256) in str(run.error)
    assert registry.versions() == []


def test_weights_that_nobody_may_list_are_registered_and_the_log_says_so(registry: Registry) -> None:
    registry.fault("access_denied", operation="ListObjectsV2")
    assert registry.registered()["model_version"] == 1


def test_a_report_that_lies_on_a_disk_needs_an_address_for_the_evidence(registry: Registry) -> None:
    report, verdict = judged(tuned(), uri="/tmp/page.html")
    arguments = {"report": report.dump(), "verdict": verdict.dump()}
    run = registry.register(**arguments)
    assert run.try_once() == "failed"
    assert "output_uri" in str(run.error)
    version = registry.registered(**arguments, output_uri="s3://acme/registry/")
    assert version["evidence_uri"].startswith("s3://acme/registry/registrations/")


@pytest.mark.parametrize("group", ["a_b", "-a", "a" * 64, ""])
def test_a_group_name_that_aws_refuses_is_refused_when_the_dag_is_parsed(registry: Registry, group: str) -> None:
    with pytest.raises(SpecError, match="group"):
        registry.register(group=group)


def test_a_group_name_that_is_rendered_is_checked_then(registry: Registry) -> None:
    run = registry.register(group="{{ 'a_b' }}")
    assert run.try_once() == "failed"
    assert "group" in str(run.error)
    assert registry.calls("CreateModelPackageGroup") == []


def test_weights_that_are_gone_are_refused_in_awss_words(registry: Registry) -> None:
    run = registry.register(model=tuned(model_uri="s3://acme/models/none/model.tar.gz"))
    assert run.try_once() == "failed"
    assert "AWS answered ValidationException: Could not find model data" in str(run.error)


def test_access_denied_fails_at_once_and_says_what_to_do(registry: Registry) -> None:
    registry.fault("access_denied", operation="CreateModelPackage", params={"message": "not for you"})
    run = registry.register()
    assert run.try_once() == "failed"
    assert "AWS answered AccessDeniedException: not for you" in str(run.error)
    assert "permission" in str(run.error)
    assert len(registry.calls("CreateModelPackage")) == 1


def test_throttling_is_waited_out(registry: Registry) -> None:
    registry.fault("throttle", operation="CreateModelPackage", count=1)
    assert registry.registered(botocore_config={"retries": {"total_max_attempts": 1}})["model_version"] == 1


def test_a_secret_in_the_environment_is_refused_when_the_dag_is_parsed(registry: Registry) -> None:
    with pytest.raises(SpecError, match="looks like"):
        registry.register(environment={"HF_TOKEN": "hf_" + "a" * 30})


def test_what_is_no_value_is_said_by_name(registry: Registry) -> None:
    run = registry.register(verdict="{{ 'nothing' }}")
    assert run.try_once() == "failed"
    assert "verdict" in str(run.error)
    assert "GateVerdict" in str(run.error)


def test_values_may_come_as_the_text_that_jinja_makes_of_them(registry: Registry) -> None:
    report, verdict = judged(tuned())
    given = {name: f"{{{{ {value.dump()!r} }}}}" for name, value in (("report", report), ("verdict", verdict))}
    assert registry.registered(**given) == registry.registered()
    assert len(registry.versions()) == 1


def test_addresses_that_aws_takes_for_no_metadata_are_in_the_evidence(registry: Registry) -> None:
    base = "s3://acme/base " + "x" * 300 + "/(1)"
    version = registry.registered(model=tuned(base_model=base))
    assert f"{PREFIX}base-model" not in registry.seen(version)["CustomerMetadataProperties"]
    uri = version["evidence_uri"].removeprefix("s3://acme/")
    body = registry.aws("s3").get_object(Bucket="acme", Key=uri)["Body"].read()
    assert json.loads(body)["model"]["base_model"] == base
