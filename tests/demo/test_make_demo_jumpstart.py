"""`make demo PIPELINE=` goes from raw data to a verdict on a model of SageMaker's public hub."""

from __future__ import annotations

import json

import pytest

from demo.airflow_stack import PROJECT
from demo.trouble import JUMPSTART, planned
from tests.demo.started import demo


def test_its_spot_instance_is_taken_away_unless_told_otherwise():
    assert planned(JUMPSTART, None, None).kind == "spot_interruption"


@pytest.mark.long  # starts a whole Airflow
def test_a_hub_model_learns_orders_and_leaves_nothing(tmp_path):
    with demo(tmp_path, "--pipeline", str(PROJECT / "include/pipelines/jumpstart_orders.yaml")) as process:
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
    facts = json.loads((tmp_path / "summary.json").read_text())
    training, evaluation = facts["training"], facts["evaluation"]
    assert (training["backend"], training["status"], training["jobs"]) == ("jumpstart", "Completed", 1)
    assert (training["create_calls"], training["interruptions"]) == (1, 1)
    assert 0 < training["resumed_at_step"] <= training["interrupted_at_step"] < training["steps"]
    assert training["billable_seconds"] < training["training_seconds"]
    assert evaluation["baseline"]["exact_match"] <= 0.10 < 0.80 <= evaluation["candidate"]["exact_match"]
    assert facts["verdict"]["decision"] == "pass"
    assert facts["model_package"].startswith("arn:aws:sagemaker:")
    assert facts["left_billing"] == facts["left_running"] == []
    assert 0 < facts["cost_usd"] < facts["plan"]["worst_case_usd"] <= facts["plan"]["max_usd"]
    for words in ("JumpStart training job", "resumed at step", "Verdict: pass", "Left billing: nothing"):
        assert words in printed
