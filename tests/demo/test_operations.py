"""What only a real Airflow tells: its heartbeats to the doctor, and to a worker that there is no cleanup DAG."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.clients.embedded import PROJECT
from tests.demo.left_behind import eventually

pytestmark = pytest.mark.long  # starts a whole Airflow


def test_the_doctor_sees_the_heartbeats_the_account_and_that_there_is_no_cleanup_dag(both):
    done = subprocess.run(
        [sys.executable, "-m", "airflow_finetune", "doctor", "--json", PROJECT / "include/pipelines/orders.yaml"],
        env=both.stack.environment | {"PYTHONPATH": str(PROJECT / "plugins")},
        cwd=both.stack.home,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {row["name"]: row for row in json.loads(done.stdout)["findings"]}
    for name in ("plugin", "trigger", "api server", "scheduler", "triggerer", "dag_processor", "credentials"):
        assert found[name]["outcome"] == "ok", found[name]
    missing = found.pop("DAG cleanup_expired")
    assert (missing["outcome"], "There is none" in missing["found"]) == ("fail", True), missing
    assert [row for row in found.values() if row["outcome"] == "fail"] == []
    assert done.returncode == 1


def test_a_worker_that_opens_a_scope_warns_that_there_is_no_cleanup_dag(both):
    both.start("scoped", "without-cleanup")
    api = both.stack.api
    assert eventually(lambda: api.run_state("scoped", "without-cleanup") == "success", 180)
    log = "\n".join(api.log("scoped", "without-cleanup", "open_scope", 1))
    assert "There is no DAG cleanup_expired in this Airflow. What this run leaves behind bills" in log
