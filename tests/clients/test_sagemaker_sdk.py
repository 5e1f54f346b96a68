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

HERE = Path(__file__).parent
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


def run(python: Path, program: str, endpoint: Endpoint, folder: Path) -> dict[str, Any]:
    """Runs a program of this folder to its end and returns what it saw."""
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
        [python, HERE / program, IMAGE, work], env=environment, cwd=work, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def printed(endpoint: Endpoint, group: str, job: str) -> list[str]:
    logs = endpoint.client("logs")
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    found = []
    for stream in streams:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
        found += [event["message"] for event in events["events"]]
    logs.close()
    return found


def test_script_mode_survives_an_interruption_on_spot_and_a_processing_job_runs(
    python: Path, endpoint: Endpoint, tmp_path: Path
) -> None:
    seen = run(python, "sagemaker_sdk.py", endpoint, tmp_path)
    trained = seen["script_mode"]
    assert trained["status"] == "Completed"
    assert trained["transitions"].count("Interrupted") == 1
    assert trained["billable_seconds"] < trained["training_seconds"]
    assert "Running Basic Script driver" in trained["log"], "the SDK streams the log while it waits"
    (resumed,) = [
        line for line in printed(endpoint, "/aws/sagemaker/TrainingJobs", trained["name"]) if "resumed" in line
    ]
    kept = int(resumed.removeprefix("resumed at step "))
    assert trained["model"] == {"steps": kept + 5, "rows": 2}
    assert kept > 0

    processed = seen["processing"]
    assert processed["status"] == "Completed"
    assert processed["count"] == "rows: 2"
    assert "counted" in processed["log"]
    bill = endpoint.admin("GET", "bill")["lines"]
    ours = {line["kind"]: line["running"] for line in bill if "/sdk-" in line["arn"]}
    assert ours == {"spot_training": False, "processing": False}
