"""From a canonical example to what a technique learns from, and from a recipe's file to what can be set."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_finetune import ServerlessSpec
from airflow_finetune.aws.hubs.recipes import recipes_of
from airflow_finetune.backends.records import BadRecord
from airflow_finetune.backends.serverless.dataset import record_of
from airflow_finetune.backends.serverless.recipe import Chosen, chosen_of, faults_of, parameters_of, ways_of
from airflow_finetune.backends.serverless.spec import Technique
from airflow_finetune.sandbox.runner.serverless import forms
from tests.backends.serverless.specs import given

SYSTEM, USER, ASSISTANT = (
    {"role": role, "content": text} for role, text in (("system", "be short"), ("user", "2 + 2"), ("assistant", "4"))
)
CHAT = [SYSTEM, USER, ASSISTANT]


@pytest.mark.parametrize(
    ("technique", "more", "record"),
    [
        ("sft", {}, {"messages": CHAT}),
        (
            "dpo",
            {"rejected": "5"},
            {"chosen": CHAT, "rejected": [SYSTEM, USER, {"role": "assistant", "content": "5"}]},
        ),
        (
            "rlvr",
            {"ability": "math"},
            {
                "prompt": [SYSTEM, USER],
                "reward_model": {"style": "rule", "ground_truth": "4"},
                "ability": "math",
            },
        ),
        ("rlaif", {}, {"prompt": [SYSTEM, USER], "reward_model": {"style": "llmj", "ground_truth": "4"}}),
    ],
)
def test_an_example_becomes_a_record_that_the_embedded_aws_takes(
    technique: Technique, more: dict[str, Any], record: dict[str, Any]
) -> None:
    assert record_of({"messages": CHAT, **more}, technique) == record
    assert forms.parse(technique.upper(), json.dumps(record))


@pytest.mark.parametrize(
    ("technique", "example", "said"),
    [
        ("sft", {"prompt": "a"}, "it is no canonical example"),
        ("sft", {"messages": [USER]}, "the last message must be the assistant's"),
        ("sft", {"messages": [ASSISTANT, USER]}, "user and assistant must alternate"),
        ("sft", {"messages": CHAT, "note": "x"}, "it holds note, for which this technique has no place"),
        ("dpo", {"messages": CHAT}, "rejected must stand beside messages"),
        ("dpo", {"messages": CHAT, "rejected": "4"}, "the same as the answer"),
        ("rlvr", {"messages": CHAT, "reward_model": {}}, "which are made from the messages"),
    ],
)
def test_what_a_technique_cannot_learn_from_is_refused(technique: Technique, example: Any, said: str) -> None:
    with pytest.raises(BadRecord, match=said):
        record_of(example, technique)


def row(technique: str, peft: str | None, length: str = "4K", uri: str | None = "s3://b/p.json") -> dict[str, Any]:
    found = {"Name": f"{technique}-{peft}-{length}", "CustomizationTechnique": technique, "SequenceLength": length}
    return {**found, **({"Peft": peft} if peft else {}), **({"SmtjOverrideParamsS3Uri": uri} if uri else {})}


ROWS = recipes_of([row("SFT", "LORA"), row("SFT", "LORA", "8K"), row("SFT", None), row("DPO", "LORA", uri=None)])


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "SFT-LORA-4K"),
        ({"sequence_length": "8K"}, "SFT-LORA-8K"),
        ({"sequence_length": "16K"}, None),
        ({"method": "full"}, "SFT-None-4K"),
        ({"technique": "dpo"}, None),
    ],
)
def test_technique_method_and_length_pick_the_recipe(changes: dict[str, Any], name: str | None) -> None:
    found = chosen_of(ROWS, ServerlessSpec(**given(**changes)))
    assert (None if found is None else found.name) == name


def test_the_ways_are_told_in_the_words_of_a_spec() -> None:
    assert ways_of(ROWS) == "dpo with method lora, sft with method full, sft with method lora"
    assert ways_of(()) == "none"


PARAMETERS = json.dumps(
    {
        "max_epochs": {"type": "integer", "default": 3, "min": 1, "max": 10, "required": True},
        "learning_rate": {"type": "float", "default": 1e-4, "min": 1e-6, "max": 1e-2},
        "packing": {"type": "boolean", "default": False},
        "scheduler": {"type": "string", "default": "cosine", "enum": ["cosine", "linear"]},
    }
).encode()


@pytest.mark.parametrize(
    ("given_values", "faults"),
    [
        ({"max_epochs": 3, "learning_rate": 1e-3, "packing": True, "scheduler": "linear"}, []),
        ({"max_epochs": 11}, [("epochs", "max_epochs is 11 and must be from 1 to 10.")]),
        ({"max_epochs": 1.5}, [("epochs", "max_epochs is '1.5' and must be of type int.")]),
        (
            {"scheduler": "flat"},
            [("hyperparameters.scheduler", "scheduler is 'flat' and must be one of cosine, linear.")],
        ),
        (
            {"seed": 1},
            [("seed", "this recipe has no seed; it has learning_rate, max_epochs, packing, scheduler.")],
        ),
    ],
)
def test_hyperparameters_are_held_against_the_recipe(
    given_values: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    assert list(faults_of(parameters_of(PARAMETERS), given_values)) == faults


def test_a_number_is_the_users_or_the_recipes() -> None:
    chosen = Chosen(ROWS[0], parameters_of(PARAMETERS))
    assert chosen.number(ServerlessSpec(**given()), "max_epochs") == 3
    assert chosen.number(ServerlessSpec(**given(epochs=5)), "max_epochs") == 5
    assert chosen.number(ServerlessSpec(**given()), "max_steps") is None


@pytest.mark.parametrize("text", [b"[]", b"null", b'{"a": 1}', b"{"])
def test_what_is_no_file_of_parameters_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's error or ours, and both are said as they are
        parameters_of(text)
