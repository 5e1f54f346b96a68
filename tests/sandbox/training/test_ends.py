"""How jobs end before they are done: stopped in every state, over a limit, crashed, out of memory, out of data."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.training.account import Jobs, channel, transitions, wait_for
from tests.sandbox.training.programs import (
    DAEMON,
    EATS_MEMORY,
    IGNORES_SIGTERM,
    SAVES_ON_SIGTERM,
    SLEEPER,
    TRAINER,
    archive,
)

DAY_AND_MORE = 2_000_000


def alive(jobs: Jobs) -> list[str]:
    """Command lines of processes that still belong to a job of this sandbox."""
    folder = str(jobs.sandbox.settings.state_dir)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if folder.encode() in environment:
            found.append((entry / "cmdline").read_bytes().decode(errors="replace"))
    return found


# ---- StopTrainingJob


def test_a_stop_lets_the_program_save_and_uploads_what_it_saved(jobs: Jobs) -> None:
    jobs.create("saves", SAVES_ON_SIGTERM)
    jobs.until_printed("saves", "sleeping")
    jobs.sagemaker.stop_training_job(TrainingJobName="saves")
    assert jobs.describe("saves")["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = jobs.end("saves")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert transitions(job) == ["Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped"]
    assert jobs.model("saves") == {"half.txt": b"half"}
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("/saves/output/model.tar.gz")
    assert "saved" in jobs.printed("saves")
    assert "FailureReason" not in job


def test_a_second_stop_changes_nothing_and_a_stop_after_the_end_is_refused(jobs: Jobs) -> None:
    jobs.create("twice", IGNORES_SIGTERM)
    jobs.until_printed("twice", "sleeping")
    for _ in range(3):
        jobs.sagemaker.stop_training_job(TrainingJobName="twice")
    job = jobs.end("twice")
    assert transitions(job).count("Stopping") == 1
    with pytest.raises(ClientError, match="rejected because the training job is in status Stopped") as caught:
        jobs.sagemaker.stop_training_job(TrainingJobName="twice")
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace_and_its_model_is_kept(jobs: Jobs) -> None:
    jobs.create("stubborn", IGNORES_SIGTERM)
    jobs.until_printed("stubborn", "sleeping")
    jobs.sagemaker.stop_training_job(TrainingJobName="stubborn")
    assert jobs.end("stubborn")["TrainingJobStatus"] == "Stopped"
    assert "not now" in jobs.printed("stubborn")
    assert jobs.model("stubborn") == {"early.txt": b"early"}
    assert wait_for(lambda: not alive(jobs))


def test_a_job_that_waits_for_capacity_stops_at_once(jobs: Jobs) -> None:
    jobs.fault("no_spot", seconds=DAY_AND_MORE)
    jobs.create_spot("capacity")
    wait_for(
        lambda: "Insufficient capacity" in jobs.describe("capacity")["SecondaryStatusTransitions"][0]["StatusMessage"]
    )
    jobs.sagemaker.stop_training_job(TrainingJobName="capacity")
    job = jobs.describe("capacity")
    assert transitions(job) == ["Starting", "Stopping", "Stopped"]
    assert "TrainingTimeInSeconds" not in job
    assert "ModelArtifacts" not in job


def test_a_job_that_waits_for_a_slot_stops_at_once_and_obeys_its_wait_limit(jobs: Jobs) -> None:
    slots = jobs.sandbox.world.training._slots
    taken = slots.free
    for _ in range(taken):
        assert slots.take()
    try:
        jobs.create("queued")
        jobs.create_spot("impatient", StoppingCondition={"MaxRuntimeInSeconds": 300, "MaxWaitTimeInSeconds": 300})
        wait_for(lambda: "slots" in jobs.describe("queued")["SecondaryStatusTransitions"][0]["StatusMessage"])
        jobs.sagemaker.stop_training_job(TrainingJobName="queued")
        assert transitions(jobs.describe("queued")) == ["Starting", "Stopping", "Stopped"]
        job = jobs.end("impatient")
        assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
        assert transitions(job) == ["Starting", "Stopping", "MaxWaitTimeExceeded"]
    finally:
        for _ in range(taken):
            slots.give_back()


def test_a_stop_while_data_comes_in(jobs: Jobs) -> None:
    for number in range(200):
        jobs.put(f"many/{number}")
    jobs.create("downloading", InputDataConfig=[channel("many", "many/"), channel("code", "code/downloading/")])
    jobs.until("downloading", "Downloading")
    jobs.sagemaker.stop_training_job(TrainingJobName="downloading")
    assert transitions(jobs.describe("downloading")) == ["Starting", "Downloading", "Stopping", "Stopped"]


def test_a_stop_while_artifacts_go_out_keeps_them(jobs: Jobs) -> None:
    many = "import pathlib\nfor i in range(200): pathlib.Path(f'/opt/ml/model/{i}').write_text('x')\n"
    loose = {"S3OutputPath": "s3://bucket/out", "CompressionType": "NONE"}
    jobs.create("uploading", many, OutputDataConfig=loose)
    jobs.until("uploading", "Uploading")
    jobs.sagemaker.stop_training_job(TrainingJobName="uploading")
    job = jobs.end("uploading")
    assert transitions(job)[-3:] == ["Uploading", "Stopping", "Stopped"]
    assert len(jobs.objects("out/uploading/")) == 200


# ---- limits


def test_a_job_that_runs_too_long_is_stopped_and_its_model_kept(jobs: Jobs) -> None:
    jobs.create("long", SAVES_ON_SIGTERM)
    jobs.create("limited", SAVES_ON_SIGTERM, StoppingCondition={"MaxRuntimeInSeconds": 3600})
    jobs.until_printed("limited", "sleeping")
    jobs.sandbox.world.clock.advance(3600)
    job = jobs.end("limited")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert transitions(job) == ["Starting", "Downloading", "Training", "Stopping", "Uploading", "MaxRuntimeExceeded"]
    assert jobs.model("limited") == {"half.txt": b"half"}
    assert job["TrainingTimeInSeconds"] >= 3600
    assert jobs.describe("long")["TrainingJobStatus"] == "InProgress"


def test_a_spot_job_that_never_gets_capacity_ends_with_max_wait_time_exceeded(jobs: Jobs) -> None:
    jobs.fault("no_spot", seconds=DAY_AND_MORE)
    jobs.create_spot("unlucky", StoppingCondition={"MaxRuntimeInSeconds": 300, "MaxWaitTimeInSeconds": 500})
    job = jobs.end("unlucky")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert transitions(job) == ["Starting", "Stopping", "MaxWaitTimeExceeded"]


def test_waiting_and_running_count_together_for_max_wait(jobs: Jobs) -> None:
    limits = {"MaxRuntimeInSeconds": 7200, "MaxWaitTimeInSeconds": 7200}
    jobs.create_spot("both", SLEEPER, StoppingCondition=limits)
    jobs.until("both", "Training")
    jobs.fault("no_spot", seconds=DAY_AND_MORE)
    assert jobs.sandbox.world.training.interrupt("us-east-1", "both")
    jobs.until("both", "Starting")
    jobs.sandbox.world.clock.advance(7200)
    job = jobs.end("both")
    assert job["SecondaryStatus"] == "MaxWaitTimeExceeded"
    assert "Interrupted" in transitions(job)


# ---- failures


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise SystemExit(3)", "AlgorithmError: , exit code: 3"),
        (
            "open('/opt/ml/output/failure', 'w').write('the rows were empty'); raise SystemExit(7)",
            "AlgorithmError: the rows were empty, exit code: 7",
        ),
        ("import os; os.kill(os.getpid(), 9)", "AlgorithmError: , exit code: 137"),
    ],
)
def test_a_crash_is_told_with_and_without_a_failure_file(jobs: Jobs, program: str, reason: str) -> None:
    jobs.create("crash", program)
    job = jobs.end("crash")
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", reason)
    assert transitions(job) == ["Starting", "Downloading", "Training", "Uploading", "Failed"]
    assert "ModelArtifacts" not in job


def test_a_long_failure_file_is_cut_and_keeps_the_exit_code(jobs: Jobs) -> None:
    jobs.create("verbose", "open('/opt/ml/output/failure', 'w').write('x' * 5000); raise SystemExit(2)")
    reason = jobs.end("verbose")["FailureReason"]
    assert len(reason) == 1024
    assert reason.endswith("xxx, exit code: 2")


def test_a_failure_file_after_exit_code_zero_is_no_failure(jobs: Jobs) -> None:
    jobs.create("fine", "open('/opt/ml/output/failure', 'w').write('x')")
    assert jobs.end("fine")["TrainingJobStatus"] == "Completed"


def test_the_toolkit_tells_the_script_and_its_last_words(jobs: Jobs) -> None:
    jobs.put("source.tar.gz", archive(main__py="raise ValueError('no rows')"))
    request = jobs.request(
        "toolkit",
        HyperParameters={"sagemaker_program": "main.py", "sagemaker_submit_directory": "s3://bucket/source.tar.gz"},
    )
    del request["AlgorithmSpecification"]["ContainerEntrypoint"]
    jobs.sagemaker.create_training_job(**request)
    reason = jobs.end("toolkit")["FailureReason"]
    assert reason.startswith('AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: no rows"')
    assert reason.endswith(", exit code: 1")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("s3://bucket/nothing.tar.gz", "ClientError: Data download failed:Failed to download s3://bucket/nothing"),
        ("s3://bucket/broken.tar.gz", "ClientError: Cannot unpack s3://bucket/broken.tar.gz: it is no complete"),
        ("s3://bucket/climbs.tar.gz", "ClientError: Cannot unpack s3://bucket/climbs.tar.gz: the entry '../climbs'"),
        ("/opt/ml/input/data/code/none.tar.gz", "ClientError: sagemaker_submit_directory /opt/ml/input/data/code/none"),
        ("/opt/ml/../../etc", "ClientError: sagemaker_submit_directory /opt/ml/../../etc"),
        ("ftp://x", "ClientError: sagemaker_submit_directory 'ftp://x' is neither"),
    ],
)
def test_code_that_cannot_be_unpacked_fails_the_job(jobs: Jobs, source: str, reason: str) -> None:
    jobs.put("broken.tar.gz", archive(main__py="print()")[:40])
    jobs.put("climbs.tar.gz", archive(**{"../climbs": "x"}))
    hyperparameters = {"sagemaker_program": "main.py", "sagemaker_submit_directory": source}
    request = jobs.request("unpackable", HyperParameters=hyperparameters)
    del request["AlgorithmSpecification"]["ContainerEntrypoint"]
    jobs.sagemaker.create_training_job(**request)
    job = jobs.end("unpackable")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason), job["FailureReason"]
    assert transitions(job) == ["Starting", "Downloading", "Failed"]


def test_data_that_disappears_after_the_create_fails_the_job(jobs: Jobs) -> None:
    jobs.fault("no_spot", seconds=300)
    jobs.create_spot("late")
    jobs.s3.delete_object(Bucket="bucket", Key="code/late/train.py")
    job = jobs.end("late")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:No S3 objects found under S3 URL")


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("not json", "Manifest s3://bucket/m cannot be read"),
        (json.dumps(["a"]), "Manifest s3://bucket/m cannot be read"),
        (json.dumps([{"prefix": "s3://bucket/m/"}, "gone"]), "Failed to download s3://bucket/m/gone"),
        (json.dumps([{"prefix": "s3://bucket/m/"}, "../up"]), "Object name '../up' leaves its folder"),
    ],
)
def test_a_bad_manifest_fails_the_job(jobs: Jobs, manifest: str, reason: str) -> None:
    jobs.put("m", manifest)
    listed = channel("train", "m")
    listed["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    jobs.create("manifest", InputDataConfig=[listed])
    assert f"ClientError: Data download failed:{reason}" in jobs.end("manifest")["FailureReason"]


def test_an_output_bucket_that_is_not_there_fails_the_job_after_training(jobs: Jobs) -> None:
    jobs.create("nowhere", TRAINER, "--steps", "1", OutputDataConfig={"S3OutputPath": "s3://no-such-bucket/out"})
    job = jobs.end("nowhere")
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:")
    assert transitions(job)[-2:] == ["Uploading", "Failed"]


def test_a_program_that_eats_memory_is_killed_with_awss_words(jobs: Jobs) -> None:
    jobs.create("hungry", EATS_MEMORY, Environment={"SANDBOX_MEMORY_LIMIT_MB": "150"})
    job = jobs.end("hungry")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "ClientError: Please use an instance type with more memory, "
        "or reduce the size of job data processed on an instance."
    )


def test_a_daemon_does_not_outlive_its_job(jobs: Jobs) -> None:
    jobs.create("daemon", DAEMON)
    assert jobs.end("daemon")["TrainingJobStatus"] == "Completed"
    assert wait_for(lambda: not alive(jobs))


def test_planned_faults_fail_jobs(jobs: Jobs) -> None:
    jobs.fault("capacity", "no-capacity")
    jobs.fault("algorithm_error", "breaks", exit_code=9, message="planned", log_pattern="step=2")
    jobs.fault("out_of_memory", "full", after_seconds=30)
    jobs.fault("internal_error", "unlucky", after_seconds=30)
    jobs.create("no-capacity")
    jobs.create("breaks", TRAINER, "--steps", "500", "--pause", "0.01")
    jobs.create("full", SLEEPER)
    jobs.create("unlucky", SLEEPER)
    reasons = {name: jobs.end(name)["FailureReason"] for name in ("no-capacity", "breaks", "full", "unlucky")}
    assert reasons["no-capacity"] == (
        "CapacityError: Unable to provision requested ML compute capacity. "
        "Please retry using a different ML instance type."
    )
    assert reasons["breaks"] == "AlgorithmError: planned, exit code: 9"
    assert reasons["full"].startswith("ClientError: Please use an instance type with more memory")
    assert reasons["unlucky"] == "InternalServerError: We encountered an internal error. Please try again."
    assert "ModelArtifacts" not in jobs.describe("unlucky")
    assert "step=2 loss=0.5000" in jobs.printed("breaks")
    assert wait_for(lambda: not alive(jobs))


def test_an_exception_in_one_jobs_handling_fails_that_job_and_no_other(jobs: Jobs) -> None:
    jobs.create("other", SLEEPER)
    jobs.until("other", "Training")
    # a job whose request lost what its handling needs: no test seam, a broken invariant
    jobs.create("broken", SLEEPER)
    training = jobs.sandbox.world.training
    with training._lock:
        training._jobs["us-east-1", "broken"]._order.request["StoppingCondition"] = None
    job = jobs.end("broken")
    assert job["FailureReason"].startswith("InternalServerError: We encountered an internal error.")
    assert jobs.describe("other")["TrainingJobStatus"] == "InProgress"
    jobs.create("next", TRAINER, "--steps", "1")
    assert jobs.end("next")["TrainingJobStatus"] == "Completed"


def test_a_reset_leaves_no_program_behind(jobs: Jobs) -> None:
    for number in range(3):
        jobs.create(f"reset-{number}", IGNORES_SIGTERM)
    for number in range(3):
        jobs.until_printed(f"reset-{number}", "sleeping")
    assert len(alive(jobs)) >= 3
    jobs.sandbox.world.training.reset()
    assert alive(jobs) == []
