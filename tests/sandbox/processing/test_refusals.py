"""What is refused before a processing job exists: in AWS's words, or with 501 where the sandbox lacks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.processing.account import ProcessingJobs, source, target

Change = Callable[[dict[str, Any]], None]


def cluster(**members: Any) -> Change:
    return lambda request: request["ProcessingResources"]["ClusterConfig"].update(members)


def inputs(*found: dict[str, Any]) -> Change:
    return lambda request: request.update(ProcessingInputs=list(found))


def outputs(*found: dict[str, Any]) -> Change:
    return lambda request: request.update(ProcessingOutputConfig={"Outputs": list(found)})


ATHENA = {
    "Catalog": "c", "Database": "d", "QueryString": "q", "OutputS3Uri": "s3://bucket/q", "OutputFormat": "JSON",
}  # fmt: skip
REFUSED: list[tuple[str, Change, str, str]] = [
    ("elsewhere", inputs(source("a", "x", LocalPath="/opt/ml/input/a")), "ValidationException", "/opt/ml/processing/"),
    ("climbs", inputs(source("a", "x", LocalPath="/opt/ml/processing/../b")), "ValidationException", "LocalPath"),
    ("root", outputs(target("a", "x", LocalPath="/opt/ml/processing/")), "ValidationException", "output 'a'"),
    ("https", inputs(source("a", "x", S3Uri="https://host/x")), "ValidationException", "https://host/x"),
    ("twice", inputs(source("a", "x"), source("a", "y", LocalPath="/opt/ml/processing/b")), "ValidationException",
     "Duplicate InputName 'a'"),
    ("same-path", outputs(target("a", "x"), target("b", "y", LocalPath="/opt/ml/processing/output/a")),
     "ValidationException", "used by output 'a' and by output 'b'"),
    ("no-source", inputs({"InputName": "a"}), "ValidationException", "exactly one of S3Input and DatasetDefinition"),
    ("reserved-tag", lambda request: request.update(Tags=[{"Key": "aws:a", "Value": "b"}]), "ValidationException",
     "reserved"),
    ("no-type", lambda request: request["ProcessingResources"]["ClusterConfig"].pop("InstanceType"),
     "ValidationException", "exactly one of InstanceType and InstancePreferences"),
    ("two", cluster(InstanceCount=2), "NotImplemented", "leave out ProcessingResources.ClusterConfig.InstanceCount"),
    ("pipe", inputs(source("a", "x", S3InputMode="Pipe")), "NotImplemented", "Pipe mode"),
    ("athena", inputs({"InputName": "a", "DatasetDefinition": {"AthenaDatasetDefinition": ATHENA}}), "NotImplemented",
     "Athena"),
    ("features", outputs({"OutputName": "a", "FeatureStoreOutput": {"FeatureGroupName": "g"}}), "NotImplemented",
     "feature store"),
    ("no-quota", cluster(InstanceType="ml.m7i.large"), "ResourceLimitExceeded",
     "'ml.m7i.large for processing job usage' is 0 Instances"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "code", "text"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_bad_request_is_refused_and_makes_no_job(
    jobs: ProcessingJobs, name: str, change: Change, code: str, text: str
) -> None:
    request = jobs.request(name)
    change(request)
    with pytest.raises(ClientError) as refused:
        jobs.sagemaker.create_processing_job(**request)
    error = refused.value.response
    assert (error["Error"]["Code"], text in error["Error"]["Message"]) == (code, True), error["Error"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == (501 if code == "NotImplemented" else 400)
    assert jobs.sagemaker.list_processing_jobs()["ProcessingJobSummaries"] == []


def test_what_aws_takes_unchanged_is_accepted(jobs: ProcessingJobs) -> None:
    request = jobs.request("fine")
    managed = {"InputName": "own", "AppManaged": True, "S3Input": source("own", "nowhere/")["S3Input"]}
    request["ProcessingInputs"].append(managed)
    jobs.sagemaker.create_processing_job(**request)
    assert jobs.end("fine")["ProcessingJobStatus"] == "Completed"


def test_the_quota_counts_jobs_that_run(jobs: ProcessingJobs) -> None:
    jobs.sandbox.world.quotas.set("us-east-1", "processing", "ml.m5.large", 1)
    jobs.create("one", "import time; time.sleep(600)")
    with pytest.raises(ClientError, match="current utilization of 1 Instances"):
        jobs.create("two")
    jobs.sagemaker.stop_processing_job(ProcessingJobName="one")
    jobs.end("one")
    jobs.create("two")


@pytest.mark.parametrize("verb", ["describe", "stop", "delete"])
def test_a_job_that_does_not_exist_is_not_found(jobs: ProcessingJobs, verb: str) -> None:
    with pytest.raises(ClientError) as missing:
        getattr(jobs.sagemaker, f"{verb}_processing_job")(ProcessingJobName="nobody")
    error = missing.value.response["Error"]
    assert error == {"Code": "ValidationException", "Message": "Could not find requested job with name: nobody"}


def test_a_job_that_has_ended_cannot_be_stopped(jobs: ProcessingJobs) -> None:
    jobs.create("over")
    jobs.end("over")
    with pytest.raises(ClientError, match="is in status Completed"):
        jobs.sagemaker.stop_processing_job(ProcessingJobName="over")
