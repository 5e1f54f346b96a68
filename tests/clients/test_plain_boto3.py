"""A program of plain boto3, with nothing of ours imported, trains, stops, is interrupted, serves and deletes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from demo.processes import clean_environment
from tests.clients.embedded import IMAGE, Endpoint

SCRIPT = Path(__file__).with_name("plain_boto3.py")


def test_plain_boto3_trains_stops_is_interrupted_serves_and_deletes(endpoint: Endpoint, tmp_path):
    environment = clean_environment(tmp_path) | endpoint.environment
    done = subprocess.run(
        [sys.executable, SCRIPT, IMAGE], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    interrupted = seen["interrupted"]
    assert interrupted["status"] == "Completed"
    assert interrupted["transitions"].count("Training") == 2
    assert "Interrupted" in interrupted["transitions"]
    assert len(interrupted["resumed"]) == 1
    assert 1 <= int(interrupted["resumed"][0].rpartition("=")[2]) <= 31, "from a checkpoint, not from the start"
    assert 0 < interrupted["billable_seconds"] <= interrupted["training_seconds"]
    assert seen["stopped"]["status"] == "Stopped"
    assert seen["answer"]["model"] == {"steps": 60, "rows": 2}
    assert seen["answer"]["sent"] == '"hello"'
    assert any(arn.endswith("endpoint/e") for arn in seen["billing_while_served"]), "the negative control"
    assert seen["gone"] == "ValidationException"
    assert seen["billing_at_the_end"] == []
    assert seen["foreign_modules"] == []
