"""Processing jobs really run: inputs, program, outputs, logs, stop, limits, bill."""

from __future__ import annotations

import gzip
import json
from datetime import datetime

import pytest

from tests.sandbox.processing.account import ProcessingJobs, source, target
from tests.sandbox.training.account import Jobs, wait_for
from tests.sandbox.training.programs import SLEEPER

LOOKS_AROUND = """
import json, os, pathlib, sys
ml = pathlib.Path("/opt/ml")
found = {
    "argv": sys.argv,
    "greeting": os.environ.get("GREETING"),
    "files": sorted(str(f) for f in (ml / "processing").rglob("*") if f.is_file()),
    "rows": (ml / "processing/input/data/deep/rows.csv").read_text(),
    "packed": (ml / "processing/input/packed/rows.csv").read_text(),
    "config": json.loads((ml / "config/processingjobconfig.json").read_text()),
    "resources": json.loads((ml / "config/resourceconfig.json").read_text()),
}
print("looked around")
(ml / "processing/output/result/nested").mkdir()
(ml / "processing/output/result/nested/seen.json").write_text(json.dumps(found))
(ml / "output/message").write_text("7 rows kept")
"""
WAITS = """
import pathlib, sys, time
pathlib.Path("/opt/ml/processing/output/result/first.txt").write_text("1")
print("waits", flush=True)
time.sleep(600)
"""


def test_a_job_reads_its_inputs_and_leaves_its_outputs(jobs: ProcessingJobs) -> None:
    jobs.put("data/deep/rows.csv", "1,2")
    jobs.put("packed/rows.csv.gz", gzip.compress(b"3,4"))
    code = source("code", "code/seen/job.py")
    inputs = [code, source("data", "data/"), source("packed", "packed/", S3CompressionType="Gzip")]
    network = {"EnableNetworkIsolation": True}
    arn = jobs.create(
        *("seen", LOOKS_AROUND, "--keep", "7"),
        ProcessingInputs=inputs,
        Environment={"GREETING": "hello"},
        NetworkConfig=network,
        ExperimentConfig={"ExperimentName": "e"},
        Tags=[{"Key": "team", "Value": "data"}],
    )
    job = jobs.end("seen")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == "7 rows kept"
    assert job["NetworkConfig"] == network
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert "Tags" not in job
    assert jobs.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "data"}]

    seen = json.loads(jobs.get("out/seen/nested/seen.json"))
    assert seen["argv"] == ["/opt/ml/processing/input/code/job.py", "--keep", "7"]
    assert seen["greeting"] == "hello"
    assert seen["files"] == [
        "/opt/ml/processing/input/code/job.py",
        "/opt/ml/processing/input/data/deep/rows.csv",
        "/opt/ml/processing/input/packed/rows.csv",
    ]
    assert (seen["rows"], seen["packed"]) == ("1,2", "3,4")
    assert seen["config"]["ProcessingJobArn"] == arn
    assert seen["config"]["ProcessingInputs"] == inputs
    assert "Tags" not in seen["config"]
    assert seen["resources"]["current_host"] == "algo-1"
    assert seen["resources"]["hosts"] == ["algo-1"]

    assert "looked around" in jobs.printed("seen")
    assert any("NetworkConfig has no effect here" in line for line in jobs.printed("seen"))


def test_the_boto3_waiter_sees_the_end_and_the_list_shows_it(jobs: ProcessingJobs) -> None:
    jobs.create("first")
    waiter = jobs.sagemaker.get_waiter("processing_job_completed_or_stopped")
    waiter.wait(ProcessingJobName="first", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    jobs.create("second", "raise SystemExit(3)")
    jobs.end("second")
    pages = jobs.sagemaker.get_paginator("list_processing_jobs").paginate(PaginationConfig={"PageSize": 1})
    found = [each for page in pages for each in page["ProcessingJobSummaries"]]
    assert [each["ProcessingJobName"] for each in found] == ["second", "first"]
    assert found[0]["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert isinstance(found[1]["ProcessingEndTime"], datetime)
    failed = jobs.sagemaker.list_processing_jobs(StatusEquals="Failed")["ProcessingJobSummaries"]
    assert [each["ProcessingJobName"] for each in failed] == ["second"]


def test_a_failed_program_leaves_its_message_and_no_output(jobs: ProcessingJobs) -> None:
    program = """
import pathlib
pathlib.Path("/opt/ml/processing/output/result/half.txt").write_text("half")
pathlib.Path("/opt/ml/output/message").write_text("row 7 is broken")
raise ValueError("row 7")
"""
    jobs.create("failed", program)
    job = jobs.end("failed")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert job["ExitMessage"] == "row 7 is broken"
    assert "ValueError: row 7" in jobs.printed("failed")
    assert jobs.objects("out/failed") == []


def test_a_message_that_is_no_text_fails_the_job(jobs: ProcessingJobs) -> None:
    jobs.create("bytes", 'open("/opt/ml/output/message", "wb").write(b"\\xff\\xfe")')
    assert jobs.end("bytes")["FailureReason"].startswith("ClientError: The exit message")
    cut = 'open("/opt/ml/output/message", "w").write("x" + "ä" * 2000)'  # 1 KB ends in the middle of a letter
    jobs.create("long", cut)
    job = jobs.end("long")
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ExitMessage"] == "x" + "ä" * 511


def test_continuous_outputs_arrive_while_the_job_runs_and_stop_ends_it(jobs: ProcessingJobs) -> None:
    outputs = {"Outputs": [target("result", "live", S3UploadMode="Continuous")]}
    jobs.create("live", WAITS, ProcessingOutputConfig=outputs)
    wait_for(lambda: jobs.objects("live/") == ["live/first.txt"])
    assert jobs.describe("live")["ProcessingJobStatus"] == "InProgress"
    jobs.sagemaker.stop_processing_job(ProcessingJobName="live")
    job = jobs.end("live")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job


def test_a_job_that_runs_too_long_is_stopped(jobs: ProcessingJobs) -> None:
    jobs.create("slow", WAITS, StoppingCondition={"MaxRuntimeInSeconds": 500})
    job = jobs.end("slow")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job


def test_an_input_that_is_not_there_fails_the_job(jobs: ProcessingJobs) -> None:
    request = jobs.request("empty")
    request["ProcessingInputs"].append(source("data", "nothing/"))
    jobs.sagemaker.create_processing_job(**request)
    reason = jobs.end("empty")["FailureReason"]
    assert reason.startswith("ClientError: Failed to download data. No S3 objects found under S3 URL")
    assert "s3://bucket/nothing/" in reason


def test_an_image_is_a_folder_with_a_program_or_needs_an_entrypoint(jobs: ProcessingJobs) -> None:
    jobs.create("local", AppSpecification={"ImageUri": "local/processor:2", "ContainerArguments": ["a", "b"]})
    assert jobs.end("local")["ProcessingJobStatus"] == "Completed"
    assert jobs.get("out/local/who.txt") == b"image a b\n"
    jobs.create("unknown", AppSpecification={"ImageUri": "elsewhere:1"})
    reason = jobs.end("unknown")["FailureReason"]
    assert "AppSpecification.ContainerEntrypoint" in reason
    assert "elsewhere:1" in reason


def test_it_is_billed_by_the_second_and_bills_nothing_afterwards(jobs: ProcessingJobs) -> None:
    arn = jobs.create("billed", WAITS)
    wait_for(lambda: jobs.objects("code/") and jobs.printed("billed"))
    (running,) = [line for line in jobs.sandbox.world.billing.lines() if line.arn == arn]
    assert (running.kind, running.running) == ("processing", True)
    jobs.sagemaker.stop_processing_job(ProcessingJobName="billed")
    jobs.end("billed")
    (line,) = [line for line in jobs.sandbox.world.billing.lines() if line.arn == arn]
    assert not line.running
    assert line.usd == pytest.approx(line.quantity * 0.115)


def test_faults_hit_processing_jobs_by_name(jobs: ProcessingJobs) -> None:
    jobs.fault("capacity", "wanted")
    jobs.fault("algorithm_error", "broken", message="bad row")
    jobs.fault("out_of_memory", "large")
    for name in ("wanted", "broken", "large"):
        jobs.create(name, WAITS)
    jobs.create("untouched")
    assert jobs.end("wanted")["FailureReason"].startswith("CapacityError")
    assert jobs.end("broken")["FailureReason"] == "AlgorithmError: bad row"
    assert "more memory" in jobs.end("large")["FailureReason"]
    assert jobs.end("untouched")["ProcessingJobStatus"] == "Completed"


def test_a_job_that_has_ended_is_deleted_and_its_name_is_free(jobs: ProcessingJobs) -> None:
    jobs.create("again", WAITS)
    with pytest.raises(jobs.sagemaker.exceptions.ResourceInUse):
        jobs.create("again", WAITS)
    with pytest.raises(jobs.sagemaker.exceptions.ResourceInUse):
        jobs.sagemaker.delete_processing_job(ProcessingJobName="again")
    jobs.sagemaker.stop_processing_job(ProcessingJobName="again")
    jobs.end("again")
    jobs.sagemaker.delete_processing_job(ProcessingJobName="again")
    jobs.create("again")
    assert jobs.end("again")["ProcessingJobStatus"] == "Completed"


def test_a_training_job_may_have_the_same_name(jobs: ProcessingJobs) -> None:
    jobs.create("twin", WAITS)
    trains = Jobs(jobs.sandbox)
    trains.create("twin", SLEEPER)
    trains.until("twin", "Training")
    assert jobs.describe("twin")["ProcessingJobStatus"] == "InProgress"
    jobs.sagemaker.stop_processing_job(ProcessingJobName="twin")
    assert jobs.end("twin")["ProcessingJobStatus"] == "Stopped"
    assert trains.describe("twin")["TrainingJobStatus"] == "InProgress"
    trains.close()


def test_eventbridge_hears_of_each_status_once(jobs: ProcessingJobs) -> None:
    events, queues = jobs.client("events"), jobs.client("sqs")
    queue = queues.create_queue(QueueName="heard")["QueueUrl"]
    address = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Processing Job State Change"]}
    events.put_rule(Name="jobs", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="jobs", Targets=[{"Id": "queue", "Arn": address}])
    jobs.create("told")
    jobs.end("told")
    heard: list[str] = []

    def listen() -> bool:
        for message in queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            heard.append(json.loads(message["Body"])["detail"]["ProcessingJobStatus"])
            queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return "Completed" in heard

    wait_for(listen)
    assert heard == ["InProgress", "Completed"]
