"""Records of each family's form: the golden ones, and each rule of the family with what breaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_finetune.backends.bedrock.families import Limits, family_of
from airflow_finetune.backends.bedrock.forms import rendered
from airflow_finetune.backends.records import BadRecord
from airflow_finetune.sandbox.runner.customizing import forms as embedded

NOVA, TITAN = "amazon.nova-micro-v1:0:128k", "amazon.titan-text-lite-v1:0:4k"
HAIKU, LLAMA = "anthropic.claude-3-haiku-20240307-v1:0:200k", "meta.llama3-1-8b-instruct-v1:0:128k"
NOVA_2 = "amazon.nova-2-lite-v1:0:256k"


def turns(*roles_and_contents: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in roles_and_contents], **more}


EXAMPLE = turns(("system", "Be brief."), ("user", "2 + 2?"), ("assistant", "4"))
PLAIN = turns(("user", "2 + 2?"), ("assistant", "4"))
LONG_CHAT = turns(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
GOLDEN: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        NOVA,
        "fine_tuning",
        EXAMPLE,
        {
            "schemaVersion": "bedrock-conversation-2024",
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "2 + 2?"}]},
                {"role": "assistant", "content": [{"text": "4"}]},
            ],
        },
    ),
    (TITAN, "fine_tuning", PLAIN, {"prompt": "2 + 2?", "completion": "4"}),
    (TITAN, "continued_pre_training", EXAMPLE, {"input": "Be brief.\n2 + 2?\n4"}),
    (
        HAIKU,
        "fine_tuning",
        EXAMPLE,
        {"system": "Be brief.", "messages": PLAIN["messages"]},
    ),
    (
        NOVA,
        "distillation",
        turns(("user", "2 + 2?")),
        {"schemaVersion": "bedrock-conversation-2024", "messages": [{"role": "user", "content": [{"text": "2 + 2?"}]}]},
    ),
    (
        NOVA_2,
        "reinforcement_fine_tuning",
        EXAMPLE,
        {"messages": EXAMPLE["messages"][:2], "reference_answer": "4"},
    ),
    (
        NOVA_2,
        "reinforcement_fine_tuning",
        turns(("user", "2 + 2?"), reference_answer={"is": 4}, level="easy"),
        {"messages": [{"role": "user", "content": "2 + 2?"}], "reference_answer": {"is": 4}, "level": "easy"},
    ),
]


def limits(model: str, customization: str = "fine_tuning", **overrides: Any) -> Limits:
    return family_of(model, customization, overrides).limits


def fault(example: Any, taken: Limits) -> str:
    with pytest.raises(BadRecord) as caught:
        rendered(example, taken)
    return str(caught.value)


@pytest.mark.parametrize(("model", "customization", "example", "record"), GOLDEN, ids=str)
def test_a_record_is_written_as_its_family_wants_it(
    model: str, customization: str, example: dict[str, Any], record: dict[str, Any]
):
    taken = limits(model, customization)
    assert rendered(example, taken).record == record
    # An implementation of the same rules that shares no code with ours reads it.
    assert embedded.parse(taken.form, json.dumps(record))


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ([], "it is no canonical example"),
        ({"prompt": "a", "completion": "b"}, "it is no canonical example"),
        (turns(), "it is no canonical example"),
        (turns(("tool", "a"), ("assistant", "b")), "the role 'tool' is none of system, user, assistant"),
        (turns(("user", " "), ("assistant", "b")), "the user's content must be a text that is not empty"),
        (turns(("user", [{"text": "a"}]), ("assistant", "b")), "the user's content must be a text"),
        (turns(("assistant", "b"), ("user", "a")), "user and assistant must alternate, and the user begins"),
        (turns(("user", "a"), ("user", "b"), ("assistant", "c")), "must alternate"),
        (turns(("system", "a"), ("system", "b"), ("user", "c"), ("assistant", "d")), "after one system message"),
        (turns(("system", "a")), "after one system message at most"),
        (turns(("user", "a")), "the last message must be the assistant's"),
        (turns(("user", "a"), ("assistant", "b"), extra=1), "beside messages it holds extra"),
        (turns(("user", "User: hello"), ("assistant", "b")), "the text 'User:' is reserved (nova-validator)"),
        (turns(("system", "say [EOS]"), ("user", "a"), ("assistant", "b")), "the text '[EOS]' is reserved"),
        (turns(("user", "a" * 192_001), ("assistant", "b")), "192002 characters, and 32000 tokens"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_example_that_nova_does_not_take_is_refused_by_the_rule(example: Any, said: str):
    assert said in fault(example, limits(NOVA))


def test_a_teacher_is_asked_the_prompts_alone_unless_the_answers_shall_be_learnt():
    example = turns(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    asked, kept = (
        rendered(example, limits(NOVA, "distillation", form=form)).record["messages"]
        for form in ("prompts", "prompts_and_answers")
    )
    assert [each["content"][0]["text"] for each in asked] == ["a", "b", "c"]
    assert [each["content"][0]["text"] for each in kept] == ["a", "b", "c", "d"]


def test_words_are_reserved_in_prompts_and_where_the_family_says_so_in_answers():
    answered = turns(("user", "a"), ("assistant", "User: hello"))
    assert rendered(answered, limits(NOVA)).answer == "User: hello"
    assert "'Human:' is reserved" in fault(turns(("user", "a\n\nHuman: b"), ("assistant", "c")), limits(HAIKU))
    assert "'Human:' is reserved" in fault(turns(("user", "a"), ("assistant", "Human: c")), limits(HAIKU))
    assert rendered(turns(("user", "To a Human: b"), ("assistant", "c")), limits(HAIKU))


def test_a_form_without_room_for_something_refuses_it():
    assert "no place for a system message" in fault(EXAMPLE, limits(LLAMA))
    assert "it holds 4 messages" in fault(LONG_CHAT, limits(LLAMA))
    assert "it holds 4 messages" in fault(LONG_CHAT, limits(LLAMA, "distillation"))
    assert rendered(LONG_CHAT, limits(NOVA, "distillation"))
    assert rendered(LONG_CHAT, limits(NOVA))


def test_the_spec_can_lift_a_limit():
    long = turns(("user", "a" * 192_001), ("assistant", "b"))
    assert rendered(long, limits(NOVA, tokens=64_000))
    assert "(the spec's limits)" in fault(long, limits(NOVA, tokens=100))
