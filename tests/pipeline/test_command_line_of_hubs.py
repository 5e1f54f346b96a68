"""`jumpstart list` and `jumpstart show`, on the hubs of the embedded AWS, as a person calls them."""

from __future__ import annotations

import os

import pytest

from airflow_finetune.cli import main
from airflow_finetune.sandbox.server import Sandbox

QWEN = "huggingface-llm-qwen2-5-7b-instruct"
LLAMA = "meta-textgeneration-llama-3-2-1b-instruct"


@pytest.fixture(autouse=True)
def _a_person(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    keys = {"ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "SECRET_ACCESS_KEY": "example", "ENDPOINT_URL": sandbox.url}
    for name, value in {**keys, "REGION": "us-east-1", "DEFAULT_REGION": "us-east-1", "MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["jumpstart", *argv]) == 0
    return capsys.readouterr().out


def test_the_list_is_a_table_of_names_versions_and_titles(capsys):
    lines = asked(capsys, "list").splitlines()
    assert lines[0].split() == ["model", "version", "title"]
    rows = {line.split()[0]: line for line in lines[2:-2]}
    assert "2.0.0" in rows[QWEN]
    assert rows["huggingface-llm-falcon-7b-bf16"].endswith("retired")
    assert lines[-1] == "5 of 5 models of hub SageMakerPublicHub in us-east-1."


def test_the_list_can_be_filtered(capsys):
    found = asked(capsys, "list", "--filter", "LLAMA")
    assert LLAMA in found
    assert QWEN not in found
    assert "1 of 5 models" in found


def test_a_model_is_shown_with_all_that_a_spec_can_say(capsys):
    found = asked(capsys, "show", QWEN, "--version", "1.0.0")
    for words in (
        f"{QWEN} 1.0.0 of hub SageMakerPublicHub in us-east-1",
        "2.0.0, 1.1.0, 1.0.0",
        "not gated",
        "ml.g5.2xlarge; can be ml.g5.2xlarge, ml.g5.4xlarge",
        "128 GB",
        "djl-inference:",
        "SFT LORA, SFT full, DPO LORA",
    ):
        assert words in found
    rows = [line.split() for line in found.splitlines()]
    assert ["epoch", "int", "3", "1", "to", "1000"] in rows
    assert not any(row and row[0].startswith("sagemaker_") for row in rows), "they are no business of a user"


def test_a_gated_model_shows_where_its_license_is_read(capsys):
    found = asked(capsys, "show", LLAMA)
    assert "https://jumpstart-cache-prod-us-east-1.s3.us-east-1.amazonaws.com/fmhMetadata/eula/" in found
    assert "accept_eula: true" in found


def test_what_is_not_trained_says_so(capsys):
    assert "TrainingSupported: false" in asked(capsys, "show", "huggingface-textembedding-all-minilm-l6-v2")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("show", "huggingface-llm-qwen-7b-instruct"), f"Did you mean {QWEN}"),
        (("show", QWEN, "--version", "7.0.0"), "there are 2.0.0, 1.1.0, 1.0.0"),
        (("list", "--hub", "nobodys-hub"), "hub nobodys-hub in us-east-1"),
        (("show", QWEN, "--hub", "nobodys-hub"), "us-east-1 may not have it"),
        (("list", "--region", "no region"), "Give --region"),
    ],
    ids=str,
)
def test_what_cannot_be_shown_ends_with_1_and_says_why(capsys, argv: tuple[str, ...], words: str):
    assert main(["jumpstart", *argv]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in printed.err
