"""The SageMaker Python SDK v3, unmodified and in an environment of its own, drives the embedded AWS."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from demo.processes import clean_environment
from tests.clients.embedded import IMAGE, Endpoint
from tests.clients.environments import DoesNotResolve, environment_with

pytestmark = pytest.mark.long  # installs 730 MB once; each program imports for ten seconds

PROGRAM = Path(__file__).with_name("sagemaker_sdk.py")
BUCKET = "sdk-bucket"
CONFIGURATION = f"""
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
      Session:
        DefaultS3Bucket: {BUCKET}
"""
"""The SDK's own file: else it asks a fixed address of STS for the account, and tells its maker of each call."""


@pytest.fixture(scope="session")
def python() -> Path:
    """An interpreter that has the SDK; the folder stays for the next run."""
    try:
        return environment_with("sagemaker>=3.20", "sagemaker-sdk") / "bin" / "python"
    except DoesNotResolve as error:
        pytest.skip(f"there is no SageMaker Python SDK v3 for this Python: {error}")


@pytest.fixture(scope="session")
def seen(python: Path, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one program saw that did everything: its imports alone take ten seconds."""
    folder = tmp_path_factory.mktemp("sdk")
    configuration, work = folder / "config.yaml", folder / "work"
    configuration.write_text(CONFIGURATION)
    work.mkdir()
    environment = {
        **clean_environment(folder),
        **endpoint.environment,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(configuration),
        "BUCKET": BUCKET,
    }
    done = subprocess.run(
        [python, PROGRAM, IMAGE, work], env=environment, cwd=work, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def printed(endpoint: Endpoint, group: str, job: str) -> list[str]:
    logs = endpoint.client("logs")
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    found = []
    for stream in streams:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
        found += [event["message"] for event in events["events"]]
    logs.close()
    return found


def test_script_mode_on_spot_goes_on_after_an_interruption(seen: dict[str, Any], endpoint: Endpoint) -> None:
    trained = seen["script_mode"]
    assert trained["status"] == "Completed"
    assert trained["transitions"].count("Interrupted") == 1
    assert trained["billable_seconds"] < trained["training_seconds"]
    assert "Running Basic Script driver" in trained["log"], "the SDK streams the log while it waits"
    lines = printed(endpoint, "/aws/sagemaker/TrainingJobs", trained["name"])
    (resumed,) = [line for line in lines if line.startswith("resumed")]
    kept = int(resumed.removeprefix("resumed at step "))
    assert kept > 0
    assert trained["model"] == {"steps": kept + 5, "rows": 2}


def test_a_processing_job_counts_rows(seen: dict[str, Any]) -> None:
    processed = seen["processing"]
    assert processed["status"] == "Completed"
    assert processed["count"] == "rows: 2"
    assert "counted" in processed["log"], "the SDK streams the log while it waits"


def test_a_gated_model_is_refused_without_its_licence_and_trained_with_it(seen: dict[str, Any]) -> None:
    gated = seen["gated"]
    assert "accept_eula" in gated["refusal"]
    assert ".txt" in gated["refusal"], "it shows where the licence lies"
    assert gated["status"] == "Completed"
    assert "transfer_learning.py" in gated["log"]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(gated["files"])
    assert {tag["Key"] for tag in gated["tags"]} == {
        "sagemaker-sdk:jumpstart-model-id",
        "sagemaker-sdk:jumpstart-model-version",
    }


def test_nothing_that_the_sdk_started_is_left_billing(seen: dict[str, Any], endpoint: Endpoint) -> None:
    lines = [line for line in endpoint.admin("GET", "bill")["lines"] if "/sdk-" in line["arn"]]
    assert {line["kind"] for line in lines} == {"spot_training", "processing"}
    assert len({line["arn"] for line in lines}) == 3
    assert not [line["arn"] for line in lines if line["running"]]
