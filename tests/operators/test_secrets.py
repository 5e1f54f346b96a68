"""A planted token: whoever hides it in Jinja or prints it in a job finds it nowhere in Airflow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_finetune.errors import FinetuneError, JobFailed
from airflow_finetune.redact import secrets_in
from tests.operators.conftest import Company

TOKEN = "hf_" + "Q7x" * 12
MADE = "{{ 'hf_' + 'Q7x' * 12 }}"
PRINTS = """
import sys
from pathlib import Path
token = "hf_" + "Q7x" * 12
print(f"step=1 loss=1.0 error: token {token} is refused", flush=True)
Path("/opt/ml/output/failure").write_text(f"401 for {token}")
sys.exit(1)
"""


def everything(run: Any) -> str:
    """All that Airflow keeps of a task: XComs, rendered fields, trigger, what it resumes with, the error."""
    kept = [run.xcoms, run.rendered, [vars(each) for each in run.deferrals], str(run.error), repr(run.error)]
    return json.dumps(kept, default=str)


@pytest.mark.parametrize(
    "changes",
    [
        {"hyperparameters": {"note": MADE}},
        {"environment": {"HF_TOKEN": MADE}},
        {"request_overrides": {"Environment": {"NOTE": [MADE]}}},
        {"tags": {"note": MADE}},
    ],
)
def test_a_token_that_jinja_brings_is_hidden_where_airflow_keeps_it(
    company: Company, changes: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    run = company.run(company.spec(**changes), deferrable=True)
    run.try_number = 1
    run.run_part(None)
    assert "spec" in run.rendered, "the negative control: the rendered fields were stored"
    assert TOKEN not in everything(run)
    assert TOKEN not in "".join(capsys.readouterr())


def test_a_token_that_a_job_prints_is_hidden_in_the_log_and_in_the_error(
    company: Company, deferrable: bool, capsys: pytest.CaptureFixture[str]
):
    (company.source / "train.py").write_text(PRINTS)
    run = company.run(deferrable=deferrable)
    assert run.try_once() == "failed"
    (name,) = company.jobs()
    assert TOKEN in company.job(name)["FailureReason"], "the negative control: AWS quotes it"
    out = "".join(capsys.readouterr())
    assert "is refused" in out
    assert "401 for ***" in str(run.error)
    assert TOKEN not in out + everything(run)


def test_an_error_never_quotes_a_token_whoever_raises_it():
    error = JobFailed(f"s3://me:{'p' * 9}@acme/x", f"AWS said {TOKEN}", "Try again.")
    assert TOKEN not in str(error) + repr(error) + error.said
    assert str(FinetuneError("a", "b.", "C.")) == "a: b. C."


def test_secrets_are_found_however_deep_and_references_are_none():
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf"
    value = {"a": [{"HF_TOKEN": "correct-horse"}, f"x {TOKEN} y"], "password": arn, "max_tokens": "123456789", "n": 3}
    assert list(secrets_in(value)) == ["correct-horse", TOKEN]
    assert list(secrets_in({"epochs": "correct-horse"})) == []
