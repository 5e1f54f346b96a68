"""`make demo PIPELINE=` goes from raw data to a verdict on Bedrock, one test for each way to customize a model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from demo.airflow_stack import PROJECT
from demo.chosen import choose
from tests.demo.started import demo

long = pytest.mark.long  # starts a whole Airflow
REAL = Path(os.environ.get("FINETUNE_DATA", PROJECT.parent / "shared/data"))
PIPELINES = PROJECT / "include/pipelines"


def run(pipeline: str, out: Path) -> tuple[dict[str, Any], str]:
    """Run a demo to its end; returns its facts and what it has printed."""
    with demo(out, "--pipeline", str(PIPELINES / f"{pipeline}.yaml")) as process:
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
    facts: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return facts, printed


def passed(facts: dict[str, Any], printed: str, customization: str) -> None:
    """Assert what is true of each: one job, a verdict, a registered model that is all that stays."""
    training, verdict = facts["training"], facts["verdict"]
    assert (training["customization"], training["status"]) == (customization, "Completed")
    assert (training["jobs"], training["create_calls"], training["interruptions"]) == (1, 1, 0)
    assert training["last_loss"] < training["first_loss"] / 5
    assert training["throttled"] >= 5, "Converse was, and every question was answered all the same"
    assert verdict["decision"] == "pass"
    assert verdict["interval"]["low"] > 0
    assert facts["model_package"].startswith("arn:aws:sagemaker:")
    assert list(facts["stored_models"]) == [training["custom_model"]]
    assert facts["left_billing"] == facts["left_running"] == []
    assert 0 < facts["cost_usd"] < facts["plan"]["worst_case_usd"] <= facts["plan"]["max_usd"]
    for words in (
        "training is done, 3 of 3 phases",
        "Verdict: pass",
        "a month, until it is deleted",
        "Left billing: nothing",
    ):
        assert words in printed
    assert "Spot" not in printed


def billed(facts: dict[str, Any]) -> set[str]:
    return {row["kind"] for row in facts["bill"]}


@long
def test_fine_tuning_teaches_a_model_orders(tmp_path):
    facts, printed = run("bedrock_orders", tmp_path)
    passed(facts, printed, "fine_tuning")
    assert facts["evaluation"]["baseline"]["exact_match"] <= 0.10
    assert facts["evaluation"]["candidate"]["exact_match"] >= 0.80
    assert [row.rpartition(" ")[0] for row in facts["deleted"]] == ["custom model deployment"]
    assert "provisioned_throughput" not in billed(facts)
    assert (tmp_path / "steps.csv").read_text().startswith("step_number,")


@long
def test_distillation_teaches_a_model_what_a_teacher_answers(tmp_path):
    facts, printed = run("bedrock_distillation", tmp_path)
    passed(facts, printed, "distillation")
    assert facts["evaluation"]["baseline"]["exact_match"] <= 0.10
    assert facts["evaluation"]["candidate"]["exact_match"] >= 0.80
    assert facts["training"]["teacher_model"] == "amazon.nova-pro-v1:0"
    assert {"teacher_input_tokens", "teacher_output_tokens"} <= billed(facts)
    assert "learns 1,200 orders first" in printed


@long
def test_continued_pre_training_teaches_a_model_a_manual(tmp_path):
    facts, printed = run("bedrock_pretraining", tmp_path)
    passed(facts, printed, "continued_pre_training")
    assert facts["evaluation"]["candidate"]["text_f1"] > facts["evaluation"]["baseline"]["text_f1"] + 0.3
    assert facts["training"]["last_perplexity"] < facts["training"]["first_perplexity"] / 10
    assert [row.rpartition(" ")[0] for row in facts["deleted"]] == ["provisioned throughput"]
    assert "provisioned_throughput" in billed(facts)


@pytest.mark.parametrize(
    ("pipeline", "folder"), [("bedrock_table_booking", "restaurant8k"), ("bedrock_intents", "banking77")]
)
def test_the_pipelines_for_real_data_fit_it(pipeline, folder, tmp_path):
    if not (REAL / folder).is_dir():
        pytest.skip(f"no {folder} in {REAL}; FINETUNE_DATA says where such data lies")
    chosen = choose(str(PIPELINES / f"{pipeline}.yaml"), str(REAL / folder), tmp_path)
    assert (chosen.backend, chosen.dag_id, chosen.data) == ("bedrock", pipeline, (REAL / folder).resolve())
