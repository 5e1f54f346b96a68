"""Jobs in every isolation mode, as the Python SDK starts them, and through the sandbox's own calls."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from airflow_finetune.sandbox.runner.isolation import MODES
from airflow_finetune.sandbox.runner.jobs.container import python_tools
from airflow_finetune.sandbox.runner.processes import Processes
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.sandbox.settings import Settings
from tests.sandbox.training.account import Jobs, channel, transitions, wait_for
from tests.sandbox.training.programs import IGNORES_SIGTERM, SLEEPER, TRAINER, archive


@pytest.mark.parametrize("mode", MODES)
def test_a_job_trains_and_resumes_in_every_mode_that_works_here(tmp_path: Path, mode: str) -> None:
    settings = Settings(speed=1000.0, state_dir=tmp_path, slots=2, isolation=mode, checkpoint_sync_seconds=0.05)
    if not {probe.mode: probe.works for probe in Processes(settings).probes()}[mode]:
        pytest.skip(f"{mode} does not work on this machine")
    with Sandbox(settings) as sandbox:
        jobs = Jobs(sandbox)
        jobs.fault("spot_interruption", log_pattern="step=2 ")
        jobs.put("source.tar.gz", archive(main__py=TRAINER))
        request = jobs.request(
            f"mode-{mode}",
            EnableManagedSpotTraining=True,
            StoppingCondition={"MaxRuntimeInSeconds": 2_000_000, "MaxWaitTimeInSeconds": 2_000_000},
            CheckpointConfig={"S3Uri": f"s3://bucket/checkpoints-{mode}"},
            HyperParameters={
                "sagemaker_program": "main.py",
                "sagemaker_submit_directory": "s3://bucket/source.tar.gz",
                "steps": "4",
                "pause": "0.1",
            },
        )
        del request["AlgorithmSpecification"]["ContainerEntrypoint"]
        jobs.sagemaker.create_training_job(**request)
        job = jobs.end(f"mode-{mode}")
        assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), jobs.printed(f"mode-{mode}"))
        assert transitions(job).count("Training") == 2
        assert json.loads(jobs.model(f"mode-{mode}")["weights.json"])["steps"] == 4
        assert f"isolation {mode}" in jobs.printed(f"mode-{mode}")[0]
        jobs.close()


SM_TRAIN = """#!/bin/bash
set -e
command -v python3 > /dev/null && command -v pip3 > /dev/null
cat /opt/ml/input/config/resourceconfig.json > /dev/null
echo "export SM_ENTRY_SCRIPT='train.py'" > /opt/ml/input/sm_training.env
source /opt/ml/input/sm_training.env
cd /opt/ml/input/data/code
[ "$TRAINING_JOB_NAME" = script-mode ]
python3 "$SM_ENTRY_SCRIPT" --steps "$SM_HP_STEPS"
"""


def test_the_shape_of_the_python_sdks_script_mode(jobs: Jobs) -> None:
    jobs.put("input/sm_drivers/sm_train.sh", SM_TRAIN)
    jobs.put("input/sm_drivers/distributed_drivers/basic.py", "x")
    program = "chmod +x /opt/ml/input/data/sm_drivers/sm_train.sh && /opt/ml/input/data/sm_drivers/sm_train.sh"
    jobs.create(
        "script-mode",
        TRAINER,
        "-c",
        program,
        HyperParameters={"steps": "2"},
        AlgorithmSpecification={"ContainerEntrypoint": ["/bin/bash"]},
        InputDataConfig=[channel("code", "code/script-mode"), channel("sm_drivers", "input/sm_drivers")],
    )
    job = jobs.end("script-mode")
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), jobs.printed("script-mode"))
    assert json.loads(jobs.model("script-mode")["weights.json"])["steps"] == 2


def test_python_tools_are_made_only_where_they_are_missing(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("python", "python3"):
        (bare / name).symlink_to(os.path.realpath(sys.executable))
    tools = python_tools(tmp_path / "bin", bare / "python")
    assert tools is not None
    assert sorted(file.name for file in tools.iterdir()) == ["pip", "pip3"]
    said = subprocess.run([tools / "pip3", "--version"], capture_output=True, text=True, check=False)
    assert said.stdout.startswith("pip ") or "No module named pip" in said.stderr
    for name in ("pip", "pip3"):
        (bare / name).write_text("")
    assert python_tools(tmp_path / "other", bare / "python") is None


def test_the_sandboxs_own_call_interrupts_a_job(jobs: Jobs) -> None:
    jobs.create_spot("called", SLEEPER)
    jobs.until_printed("called", "sleeping")
    call = urllib.request.Request(
        f"{jobs.sandbox.url}/_sandbox/jobs/called/interrupt",
        data=b"{}",
        method="POST",
        headers={"x-sandbox-token": jobs.sandbox.token, "content-type": "application/json"},
    )
    with urllib.request.urlopen(call) as answer:
        assert answer.status == 200
    wait_for(lambda: transitions(jobs.describe("called")).count("Training") == 2)


def test_tags_are_kept_listed_and_told_apart_from_describe(jobs: Jobs) -> None:
    arn = jobs.create("tagged", TRAINER, "--steps", "1", Tags=[{"Key": "team", "Value": "orders"}])
    assert jobs.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "orders"}]
    assert "Tags" not in jobs.end("tagged")
    assert jobs.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "orders"}]


def test_a_list_while_jobs_are_created_never_fails(jobs: Jobs) -> None:
    request = jobs.request("busy", SLEEPER)

    def create(number: int) -> None:
        jobs.sagemaker.create_training_job(**request | {"TrainingJobName": f"busy-{number}"})

    with ThreadPoolExecutor(2) as pool:
        created = pool.map(create, range(15))
        listed = pool.submit(lambda: [jobs.sagemaker.list_training_jobs(StatusEquals="InProgress") for _ in range(15)])
        assert len(list(created)) == 15
        assert len(listed.result()) == 15


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_storm_every_job_has_ended_and_nothing_is_held(jobs: Jobs, seed: int) -> None:
    chance = random.Random(seed)
    training = jobs.sandbox.world.training
    names = [f"storm-{seed}-{number}" for number in range(10)]
    for name in names:
        jobs.create_spot(name, TRAINER, "--steps", "8", "--pause", "0.05")
    for _ in range(60):
        name = chance.choice(names)
        deed = chance.choice(["interrupt", "notice", "stop", "describe", "describe", "describe"])
        if deed == "stop":
            with contextlib.suppress(ClientError):
                jobs.sagemaker.stop_training_job(TrainingJobName=name)
        elif deed == "describe":
            jobs.describe(name)
        else:
            training.interrupt("us-east-1", name, 0.05 if deed == "notice" else 0.0)
    ended = [jobs.end(name) for name in names]
    assert {job["TrainingJobStatus"] for job in ended} <= {"Completed", "Stopped"}, [
        job.get("FailureReason") for job in ended
    ]
    wait_for(lambda: not training._jobs)
    assert training._slots.free == jobs.sandbox.settings.slots
    assert list((jobs.sandbox.settings.state_dir / "jobs").iterdir()) == []
    assert not any(line.running for line in jobs.sandbox.world.billing.lines())


def test_a_job_that_prints_without_end_fails_and_says_so(tmp_path: Path) -> None:
    with Sandbox(Settings(speed=1000.0, state_dir=tmp_path / "state", log_limit_mb=1)) as sandbox:
        jobs = Jobs(sandbox)
        jobs.create("loud", "while True: print('x' * 1_000)")
        job = jobs.end("loud")
        assert job["TrainingJobStatus"] == "Failed"
        assert job["FailureReason"] == (
            "AlgorithmError: The program printed more than 1 MiB, the sandbox's limit for a log (log_limit_mb), "
            "exit code: 137"
        )
        jobs.close()


def test_a_sandbox_that_ends_takes_its_jobs_along(tmp_path: Path) -> None:
    with Sandbox(Settings(speed=1000.0, state_dir=tmp_path, slots=2)) as sandbox:
        jobs = Jobs(sandbox)
        for name in ("ends-1", "ends-2", "waits"):
            jobs.create(name, IGNORES_SIGTERM)
        for name in ("ends-1", "ends-2"):
            jobs.until_printed(name, "sleeping")
        jobs.close()
    assert list((tmp_path / "jobs").iterdir()) == []
    assert not any(tmp_path.name.encode() in environment for environment in environments())


def environments() -> Iterator[bytes]:
    """Of all processes that may be looked at."""
    for place in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            yield place.read_bytes()
