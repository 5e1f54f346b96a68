"""Whole DAG runs past a gate: the state of the run and of each task, for a pass, a skip and a failure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.clients.embedded import PROJECT
from tests.dags.test_dags import PROGRAM, Airflow
from tests.evaluation.conftest import pairs, report_of

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    return Airflow(tmp_path_factory.mktemp("airflow"))


@pytest.mark.parametrize(
    ("dag_id", "run", "gate", "directly_after", "later", "said"),
    [
        ("gate_passes", "success", "success", "success", "success", "pass"),
        ("gate_skips", "success", "success", "skipped", "skipped", "reject"),
        ("gate_fails", "failed", "failed", "upstream_failed", "upstream_failed", "reject"),
    ],
)
def test_a_run_past_a_gate_ends_as_the_policy_says(
    scheduler: Airflow, tmp_path: Path, dag_id: str, run: str, gate: str, directly_after: str, later: str, said: str
) -> None:
    shutil.copy(PROGRAM.parents[1] / "evaluation/gate_dags.py", tmp_path)
    reports = {"good": report_of(exact_match=pairs(5, 0, 90, 5)), "bad": report_of(exact_match=pairs(5, 60, 0, 35))}
    more = {
        "GATE_REPORTS": json.dumps({name: report.dump() for name, report in reports.items()}),
        "PYTHONPATH": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path),
    }
    found = scheduler.answer("run", tmp_path, dag_id, **more)
    tasks = found["tasks"]
    assert (found["state"], tasks["gate"]) == (run, gate), found["log"]
    assert tasks["register"] == tasks["tell"] == tasks["with_field"] == directly_after
    assert tasks["request_approval"] == later
    assert tasks["teardown"] == tasks["open_scope"] == "success", "whatever the gate says"
    assert tasks["read"] == "success", "the verdict is there in every case"
    assert any(f"{said} was read" in line for line in found["log"])
