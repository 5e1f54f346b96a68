"""Secrets are hidden by the name of their key or by their look, and text that only talks of tokens is not."""

from __future__ import annotations

import pytest

from airflow_finetune.redact import HIDDEN, literal_secrets, names_a_secret, redacted, redacted_text

HF = "hf_" + "a" * 34
AWS = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.mark.parametrize(
    "key", ["HF_TOKEN", "password", "DB_PASSWORD", "apiKey", "api_key", "aws_secret_access_key", "wandb-api-key"]
)
def test_these_names_name_a_secret(key: str):
    assert names_a_secret(key)


@pytest.mark.parametrize(
    "key", ["max_tokens", "eos_token", "pad_token", "tokenizer", "tokens_per_step", "keyword", "epochs", "author"]
)
def test_these_names_do_not(key: str):
    assert not names_a_secret(key)


def test_values_are_hidden_by_key_and_by_look_however_deep():
    value = {"a": [{"HF_TOKEN": HF, "epochs": 3}], "note": f"use {HF}", "secrets": {"x": 1}, "secret": None}
    assert redacted(value) == {
        "a": [{"HF_TOKEN": HIDDEN, "epochs": 3}],
        "note": f"use {HIDDEN}",
        "secrets": {"x": 1},
        "secret": None,
    }


@pytest.mark.parametrize("text", [HF, AWS, "sk-" + "a" * 20, "ghp_" + "a" * 36, "https://me:pass@example.com/x"])
def test_what_looks_like_a_token_is_hidden_in_a_line(text: str):
    assert text not in redacted_text(f"loading with {text} now")


def test_ordinary_lines_stay_as_they_are():
    line = "step=10 loss=0.31 tokens=1024 from s3://acme/a:b@c/x hf_model"
    assert redacted_text(line) == line


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("anything", HF),
        ("note", f"export TOKEN={AWS}"),
        ("DB_PASSWORD", "correct-horse"),
        ("api_key", "0123456789abcdef-x"),
    ],
)
def test_a_literal_secret_is_found_and_its_value_not_repeated(key: str, value: str):
    (said,) = literal_secrets({key: value}, "environment")
    assert f"environment.{key}" in said
    assert value not in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("HF_TOKEN", "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-x"),
        ("HF_TOKEN", "arn:aws:ssm:us-east-1:123456789012:parameter/hf"),
        ("eos_token", "<|end_of_text|>"),
        ("max_tokens", 4096),
        ("token", "true"),
        ("use_auth_token", "false"),
    ],
)
def test_a_reference_and_plain_text_are_allowed(key: str, value: object):
    assert list(literal_secrets({key: value}, "hyperparameters")) == []
