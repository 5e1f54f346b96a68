"""The summary says what happened to somebody who knows nothing, and the exit status does not hide anything."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from demo import facts, summary, told
from demo.jobs.words import paid, trained
from demo.memory import Memory, family_kib, processor_seconds

CURATED = {
    "dataset_version": "abc",
    "records_in": 1088,
    "records_out": 1000,
    "dropped": {"broken_line": 6, "in_golden_exact": 82},
    "redacted": {"email": 3, "records": 2},
}
REPORT = {
    "items": 300,
    "metrics": {
        "exact_match": {"baseline": {"mean": 0.0}, "candidate": {"mean": 0.937}},
        "json_validity": {"baseline": {"mean": 0.01}, "candidate": {"mean": 1.0}},
    },
}
VERDICT = {
    "decision": "pass",
    "reason": "exact_match is shown to be at least 0.8.",
    "interval": {"mean": 0.937, "low": 0.91, "high": 0.96},
    "alpha": 0.05,
    "checks": [
        {
            "name": "exact_match at least 0.8",
            "outcome": "pass",
            "estimate": {"mean": 0.937, "low": 0.91, "high": 0.96},
        }
    ],
}
RECEIPT = {"deleted": [{"kind": "endpoint", "name": "a"}, {"kind": "endpoint", "name": "b"}]}
PACKAGE = {
    "model_package_arn": "arn:aws:sagemaker:::model-package/orders/1",
    "approval_status": "PendingManualApproval",
}

TUNED = {"backend": "bedrock", "cost_usd": None, "monthly_usd": 1.95}
TUNED |= {"metrics": {"training_loss": 0.12, "validation_perplexity_before": 900.0, "validation_perplexity": 1.5}}


def served(**changed: Any) -> dict[str, Any]:
    """Return what deploy hands on for a base model of Bedrock, but for what is changed."""
    return {"service": "bedrock", "endpoint_name": "a-model", "endpoint_arn": "", "hourly_usd": 0.0, **changed}


def found(**changed: Any) -> dict[str, Any]:
    """Return the facts of a run that went well, but for what is changed."""
    values = {"curate": CURATED, "evaluate": REPORT, "gate": VERDICT, "teardown": RECEIPT, "register": PACKAGE}
    job = {
        "job_name": "job-a1",
        "create_calls": 1,
        "interruptions": 1,
        "interrupted_at_step": 150,
        "resumed_at_step": 120,
    }
    job |= {"status": "Completed", "steps": 300, "first_loss": 4.1, "last_loss": 0.001, "training_seconds": 3000}
    job |= {"billable_seconds": 1000, "cost_usd": 0.2, "on_demand_usd": 0.6}
    parts = {"dataset": facts.dataset(values), "evaluation": facts.evaluation(values), "verdict": facts.verdict(values)}
    whole = {"state": "success", "plan": {"worst_case_usd": 11.0, "max_usd": 20}, "training": job, "cost_usd": 0.25}
    whole |= {"deleted": facts.deleted(values), "left_billing": [], "left_running": [], "stored_bytes": 12_000_000}
    whole |= {"model_package": PACKAGE["model_package_arn"], "approval_status": "PendingManualApproval", "speed": 60}
    return {**whole, **parts, "seconds": 100.0, "cpu_seconds": 150.0, "peak_memory_mib": 2048, **changed}


def test_the_summary_tells_verdict_scores_certainty_money_and_what_is_left(tmp_path):
    said = summary.text(found(), tmp_path)
    for words in (
        "Verdict: pass",
        "pass         exact_match at least 0.8 (observed 0.937, between 0.910 and 0.960)",
        "0.0% ->  93.7% exactly right",
        "the gain is 91.0 to 96.0 points, with 90% confidence",
        "1,088 raw records became 1,000 examples; 88 dropped",
        "82 in golden exact, 6 broken line",
        "submitted once",
        "interrupted without notice at step 150, resumed at step 120",
        "What it would have cost on AWS: $0.25",
        "Deleted: 2 endpoints",
        "Left billing: nothing",
        "Left running: nothing",
    ):
        assert words in said


MODEL = "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.titan-text-lite-v1:0:4k/abc"


def bedrock(**changed: Any) -> dict[str, Any]:
    """Return the facts of a run on Bedrock that went well, but for what of its job is changed."""
    job = {"backend": "bedrock", "job_name": "job-a1", "create_calls": 1, "interruptions": 0, "status": "Completed"}
    job |= {"customization": "continued_pre_training", "base_model": "amazon.titan-text-lite-v1:0:4k"}
    job |= {"teacher_model": None, "steps": 600, "first_loss": 6.2, "last_loss": 0.1, "billed_tokens": None}
    job |= {
        "first_perplexity": 1234.5,
        "last_perplexity": 1.2,
        "throttled": 12,
        "cost_usd": None,
        "failure_reason": None,
    }
    bill = [
        {"what": "job", "kind": "customization_training", "quantity": 250_000, "unit": "tokens", "usd": 0.25},
        {"what": "base", "kind": "input_tokens", "quantity": 900, "unit": "tokens", "usd": 0.01},
        {"what": "other", "kind": "input_tokens", "quantity": 1100, "unit": "tokens", "usd": 0.02},
        {"what": "other", "kind": "output_tokens", "quantity": 7, "unit": "tokens", "usd": 0.0001},
    ]
    return found(training=job | changed, bill=bill, stored_models={MODEL: 1.95})


def test_the_summary_of_a_run_on_bedrock_speaks_of_tokens_and_storage_and_not_of_spot(tmp_path):
    said = summary.text(bedrock(), tmp_path)
    for words in (
        "customization job job-a1: submitted once",
        "continued pre-training of amazon.titan-text-lite-v1:0:4k",
        "perplexity of text that it was not trained on: 1,234.5 -> 1.2",
        "completed at step 600; loss 6.2 -> 0.1",
        "12 questions to the models were throttled, and asked again",
        "$0.25 for 250,000 tokens trained on",
        "$0.03 for 2,000 tokens that both models were asked",
        "less than $0.01 for 7 tokens that both models answered",
        "Left billing: nothing",
        f"the custom model would stay for $1.95 a month, until it is deleted: {MODEL}",
    ):
        assert words in said
    assert "Spot" not in said
    assert "Spot" in summary.text(found(), tmp_path), "the negative control"


def test_a_distillation_names_its_teacher_and_a_failed_job_its_reason(tmp_path):
    taught = {"customization": "distillation", "teacher_model": "amazon.nova-pro-v1:0", "first_perplexity": None}
    assert "distillation of amazon.titan-text-lite-v1:0:4k, taught by amazon.nova-pro-v1:0" in summary.text(
        bedrock(**taught), tmp_path
    )
    failed = {"status": "Failed", "failure_reason": "no more", "first_loss": None, "steps": 0}
    assert "    Failed: no more" in summary.text(bedrock(**failed, **taught), tmp_path)


def test_a_run_that_failed_before_the_gate_has_a_summary_too(tmp_path):
    empty = found(state="failed", dataset=None, plan=None, training=None, evaluation=None, verdict=None)
    said = summary.text({**empty, "model_package": None, "deleted": [], "cost_usd": 0.0}, tmp_path)
    assert "No verdict: the run ended in state failed before the gate." in said
    assert "Deleted: nothing" in said


@pytest.mark.parametrize("decision", ["reject", "inconclusive"])
def test_a_gate_that_says_no_is_no_crash_and_has_a_status_of_its_own(decision, tmp_path):
    held = found(verdict={**VERDICT, "decision": decision, "more_items": 40})
    assert summary.status(held) == summary.NOT_PASSED == 3
    assert "held back" in summary.text(held, tmp_path)
    assert "about 40 more golden items" in summary.text(held, tmp_path)


def test_the_status_is_0_only_when_all_is_well():
    assert summary.status(found()) == 0
    assert summary.status(found(state="failed")) == 1
    assert summary.status(found(left_billing=["arn:endpoint"])) == 1
    assert summary.status(found(left_running=["python"])) == 1
    assert summary.status(found(verdict=None)) == 3


@pytest.mark.parametrize(
    ("task_id", "value", "said"),
    [
        ("curate", CURATED, "1,088 records in, 1,000 out; dropped 88: 82 in golden exact, 6 broken line"),
        ("evaluate", REPORT, "both models answered 300 golden items: exact_match 0.000 -> 0.937"),
        ("gate", VERDICT, "pass (exact_match at least 0.8: pass)"),
        ("gate", {**VERDICT, "decision": "reject", "checks": []}, "reject (exact_match is shown to be"),
        ("register", PACKAGE, "model-package/orders/1, PendingManualApproval"),
        ("teardown", RECEIPT, "deleted 2 endpoints"),
        ("fine_tune", TUNED, "completed, loss 0.12, perplexity 900.0 -> 1.5; keeping the model costs $1.95 a month"),
        ("fine_tune", {"backend": "bedrock", "cost_usd": None}, "completed"),
        ("fine_tune", {"billed_tokens": 1800, "cost_usd": 0.5}, "completed, 1,800 tokens billed, $0.50"),
        ("deploy_baseline", served(), "a-model answers on demand, nothing is made for it"),
        ("deploy_candidate", served(endpoint_arn="arn"), "a-model is active, billed by the token"),
        ("deploy_candidate", served(endpoint_arn="arn", hourly_usd=7.1), "provisioned throughput, $7.10 an hour"),
        ("teardown", {"deleted": []}, "deleted nothing"),
        ("guard", None, "done"),
    ],
)
def test_each_stage_says_what_it_found(task_id, value, said):
    assert said in told.line(task_id, value)


def test_the_peak_of_memory_counts_what_we_have_started():
    alone = family_kib()
    hungry = "held = bytearray(80_000_000); print('up', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", hungry], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    memory = Memory()
    memory.look()
    child.communicate("")
    assert memory.peak_mib > alone / 1024 + 70
    assert memory.processes >= 2


def test_the_processor_time_of_a_program_includes_what_it_has_started():
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    work = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    busy = f"{work}; print('done', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "done\n"
    grandchildren = processor_seconds(child.pid)
    child.communicate("")
    idle = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True)
    alone = processor_seconds(idle.pid)
    idle.communicate("")
    assert grandchildren >= alone + 0.4


def test_a_serverless_job_is_told_by_its_tokens():
    version = "arn:aws:sagemaker:us-east-1:123456789012:model-package/jobs/1"
    job = {**found()["training"], "backend": "serverless", "interruptions": 0, "instance_type": None}
    job |= {"technique": "SFT", "method": "LORA", "epochs": 3, "base_model": "qwen", "model_package": version}
    job |= {"billed_tokens": 180_000, "cost_usd": 0.216, "billable_seconds": None, "on_demand_usd": None}
    said = "\n".join([*trained(job), *paid(found(training=job, cost_usd=0.3))])
    for part in (
        "serverless job job-a1: submitted once",
        "SFT of qwen, method lora, 3 epochs",
        "AWS has registered model-package/jobs/1, which waits for approval",
        "completed at step 300; loss 4.1 -> 0.001",
        "$0.22 for 180,000 tokens trained on",
        "the rest $0.08: endpoints",
    ):
        assert part in said
    assert "Spot" not in said
