"""Managed Spot training: interruptions without notice, restarts from what was synchronised, bills, the market."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.sandbox.settings import Settings
from tests.sandbox.training.account import Jobs, transitions, wait_for
from tests.sandbox.training.programs import SAVES_ON_SIGTERM, SLEEPER, TRAINER

ONCE = ["Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading", "Training", "Uploading"]


def started_at(jobs: Jobs, name: str) -> int:
    return int(json.loads(jobs.model(name)["weights.json"])["started_at"])


def test_an_interruption_by_the_log_restarts_from_the_checkpoint(jobs: Jobs) -> None:
    jobs.fault("spot_interruption", "resumes", log_pattern="step=6 ")
    jobs.create_spot("resumes", TRAINER, "--steps", "8", "--pause", "0.15")
    job = jobs.end("resumes")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert transitions(job) == [*ONCE, "Completed"]
    printed = jobs.printed("resumes")
    assert "resumed at 0" in printed
    assert f"resumed at {started_at(jobs, 'resumes')}" in printed
    assert len(jobs.streams("resumes")) == 2
    assert 0 < job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]


def test_what_was_not_yet_synchronised_is_lost(jobs: Jobs) -> None:
    pause = '    time.sleep(30 if step == 3 and not done else 0)\n    print(f"step={step}'
    program = TRAINER.replace('    print(f"step={step}', pause)
    assert pause in program
    jobs.create_spot("loses", program, "--steps", "4")
    wait_for(lambda: "checkpoints/loses/3.json" in jobs.objects("checkpoints/loses/"))
    jobs.s3.delete_object(Bucket="bucket", Key="checkpoints/loses/3.json")  # as if it had not yet been uploaded
    assert jobs.sandbox.world.training.interrupt("us-east-1", "loses")
    assert jobs.end("loses")["TrainingJobStatus"] == "Completed"
    assert started_at(jobs, "loses") == 2


def test_without_a_checkpoint_config_it_starts_from_zero(jobs: Jobs) -> None:
    jobs.fault("spot_interruption", log_pattern="step=3 ")
    request = jobs.request(
        "zero",
        TRAINER,
        "--steps",
        "4",
        "--pause",
        "0.02",
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 2_000_000, "MaxWaitTimeInSeconds": 2_000_000},
    )
    jobs.sagemaker.create_training_job(**request)
    assert transitions(jobs.end("zero")) == [*ONCE, "Completed"]
    assert started_at(jobs, "zero") == 0
    assert jobs.printed("zero").count("resumed at 0") == 2


def test_five_interruptions_in_a_row(jobs: Jobs) -> None:
    for step in range(1, 6):
        jobs.fault("spot_interruption", "stormy", log_pattern=f"step={step * 2} ")
    jobs.create_spot("stormy", TRAINER, "--steps", "12", "--pause", "0.1")
    job = jobs.end("stormy")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert transitions(job).count("Interrupted") == 5
    lines = [line for line in jobs.sandbox.world.billing.lines() if line.arn == job["TrainingJobArn"]]
    assert [line.kind for line in lines] == ["spot_training"] * 6
    assert not any(line.running for line in lines)
    hours = sum(line.quantity for line in lines)
    assert abs(hours * 3600 - job["TrainingTimeInSeconds"]) < 60
    full_price = jobs.sandbox.world.prices.hourly_usd("training", "ml.m5.large", "us-east-1")
    assert abs(sum(line.usd for line in lines) - job["BillableTimeInSeconds"] / 3600 * full_price) < 0.01


def test_no_notice_is_given_unless_it_is_asked_for(jobs: Jobs) -> None:
    for name in ("silent", "announced"):
        jobs.create_spot(name, SAVES_ON_SIGTERM)
        jobs.until_printed(name, "sleeping")
    training = jobs.sandbox.world.training
    assert training.interrupt("us-east-1", "silent", 0.0)
    assert training.interrupt("us-east-1", "announced", 3.0)
    for name in ("silent", "announced"):
        wait_for(lambda name=name: jobs.printed(name).count("sleeping") == 2)
        jobs.sagemaker.stop_training_job(TrainingJobName=name)
        jobs.end(name)
    first = {name: jobs.streams(name)[0] for name in ("silent", "announced")}
    group = "/aws/sagemaker/TrainingJobs"
    said = {
        name: [e["message"] for e in jobs.logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]]
        for name, stream in first.items()
    }
    assert "saved" not in said["silent"]
    assert "saved" in said["announced"]


def test_after_modelled_seconds_and_with_a_gap_it_waits_for_capacity(jobs: Jobs) -> None:
    jobs.fault("spot_interruption", "gap", after_seconds=50, gap_seconds=2_000_000)
    jobs.create_spot("gap", SLEEPER)
    wait_for(lambda: "Interrupted" in transitions(jobs.describe("gap")))
    insufficient = "Insufficient capacity error from EC2 while launching instances, retrying!"
    wait_for(lambda: jobs.describe("gap")["SecondaryStatusTransitions"][-1]["StatusMessage"] == insufficient)
    assert jobs.describe("gap")["SecondaryStatus"] == "Starting"
    jobs.sandbox.world.clock.advance(2_000_000)
    job = jobs.end("gap")  # its wait limit is over as well
    assert job["SecondaryStatus"] == "MaxWaitTimeExceeded"


def test_on_demand_jobs_and_jobs_that_have_ended_are_not_interrupted(jobs: Jobs) -> None:
    jobs.fault("spot_interruption", log_pattern="step=1 ")
    jobs.create("steady", TRAINER, "--steps", "2", "--pause", "0.05")
    training = jobs.sandbox.world.training
    jobs.until("steady", "Training")
    assert not training.interrupt("us-east-1", "steady")
    job = jobs.end("steady")
    assert "Interrupted" not in transitions(job)
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"]
    assert not training.interrupt("us-east-1", "steady")
    assert not training.interrupt("us-east-1", "nobody")


def test_a_stop_during_a_notice_ends_the_job(jobs: Jobs) -> None:
    jobs.create_spot("noticed", SLEEPER)
    jobs.until_printed("noticed", "sleeping")
    assert jobs.sandbox.world.training.interrupt("us-east-1", "noticed", 0.3)
    jobs.sagemaker.stop_training_job(TrainingJobName="noticed")
    assert jobs.end("noticed")["TrainingJobStatus"] == "Stopped"


def test_a_stop_during_a_notice_keeps_the_model_of_a_program_that_is_ready_in_time(jobs: Jobs) -> None:
    jobs.create_spot("in-time", SAVES_ON_SIGTERM)
    jobs.until_printed("in-time", "sleeping")
    assert jobs.sandbox.world.training.interrupt("us-east-1", "in-time", 3600.0)  # real: it would wait an hour
    jobs.sagemaker.stop_training_job(TrainingJobName="in-time")
    job = jobs.end("in-time")
    assert (job["TrainingJobStatus"], "Uploading" in transitions(job)) == ("Stopped", True)
    assert jobs.model("in-time")


TRACE = """
0     ml.m5.large a yes 0.048
0     ml.m5.large b no  0.060
1500  ml.m5.large a no  0.048
1500  ml.m5.large b yes 0.060
100000000 ml.m5.large b yes 0.060
"""


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Jobs]:
    (tmp_path / "market.trace").write_text(TRACE)
    settings = Settings(
        speed=500.0,
        state_dir=tmp_path / "state",
        slots=4,
        checkpoint_sync_seconds=0.05,
        spot_trace=tmp_path / "market.trace",
    )
    with Sandbox(settings) as sandbox:
        made = Jobs(sandbox)
        yield made
        made.close()


def test_a_trace_moves_the_job_to_another_zone_at_another_price(traced: Jobs) -> None:
    traced.create_spot("moves", SLEEPER)
    traced.until("moves", "Training")
    wait_for(lambda: transitions(traced.describe("moves")).count("Training") == 2)
    traced.sagemaker.stop_training_job(TrainingJobName="moves")
    job = traced.end("moves")
    assert transitions(job)[:6] == ["Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading"]
    prices = [round(line.usd / line.quantity, 4) for line in traced.sandbox.world.billing.lines()]
    assert prices == [0.048, 0.06]
