"""Records of each form: what is taken, and the words with which the rest is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_finetune.sandbox.runner.customizing import forms, invocation_logs, records
from airflow_finetune.sandbox.runner.customizing.records import BadData
from airflow_finetune.sandbox.state import FoundationModels, Limits

MODELS = FoundationModels()


def limits(model: str, customization: str = "FINE_TUNING") -> Limits:
    return MODELS.limits(MODELS.all[model], customization)


NOVA = limits("amazon.nova-micro-v1:0:128k")
TITAN = limits("amazon.titan-text-lite-v1:0:4k")
TITAN_TEXT = limits("amazon.titan-text-lite-v1:0:4k", "CONTINUED_PRE_TRAINING")
HAIKU = limits("anthropic.claude-3-haiku-20240307-v1:0:200k")


def turn(role: str, text: Any) -> dict[str, Any]:
    return {"role": role, "content": [{"text": text}]}


def nova(*turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schemaVersion": "bedrock-conversation-2024", "messages": list(turns), **more}


GOOD = nova(turn("user", "2 + 2?"), turn("assistant", "4"))


def checked(record: Any, bounds: Limits = NOVA) -> list[forms.Row]:
    text = record if isinstance(record, str) else json.dumps(record)
    return list(records.check([json.dumps(GOOD), text] if bounds is NOVA else [text], "train.jsonl", bounds))


@pytest.mark.parametrize(
    ("form", "record", "expected"),
    [
        ("conversation", GOOD, [("user", "2 + 2?"), ("assistant", "4")]),
        (
            "conversation",
            {**GOOD, "system": [{"text": "Add."}]},
            [("system", "Add."), ("user", "2 + 2?"), ("assistant", "4")],
        ),
        ("prompts", GOOD, [("user", "2 + 2?")]),
        ("prompt_completion", {"prompt": "a", "completion": "b"}, [("user", "a"), ("assistant", "b")]),
        (
            "claude",
            {"system": "s", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            [("system", "s"), ("user", "a"), ("assistant", "b")],
        ),
        ("graded", {"messages": [{"role": "user", "content": "a"}], "reference_answer": "b"}, [("user", "a")]),
    ],
)
def test_each_form_is_read_into_messages(form: str, record: Any, expected: Any) -> None:
    row = forms.parse(form, json.dumps(record))
    assert [(each["role"], each["content"]) for each in row["messages"]] == expected


def test_what_belongs_to_the_grader_is_kept_for_it() -> None:
    record = {"messages": [{"role": "user", "content": "a"}], "reference_answer": {"x": 1}}
    assert forms.parse("graded", json.dumps(record))["metadata"] == {"reference_answer": {"x": 1}}


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ({**GOOD, "schemaVersion": "1"}, "schemaVersion"),
        ({**GOOD, "id": 7}, "unknown keys ['id']"),
        (nova(), "must begin with the user"),
        (nova(turn("user", "a")), "the last message must be the assistant's"),
        (nova(turn("assistant", "a"), turn("user", "b")), "must begin with the user"),
        (nova(turn("user", "a"), turn("user", "b"), turn("assistant", "c")), "alternate"),
        (nova(turn("user", "  "), turn("assistant", "c")), "not empty"),
        (nova(turn("user", 7), turn("assistant", "c")), "not empty"),
        (nova({"role": "user", "content": "a"}, turn("assistant", "c")), "must be a list"),
    ],
)
def test_a_record_of_another_form_is_refused_in_awss_words_with_its_line(record: Any, why: str) -> None:
    with pytest.raises(BadData) as refused:
        checked(record)
    text = str(refused.value)
    assert text.startswith("Unable to parse Amazon S3 file: train.jsonl. Data files must conform to JSONL format.")
    assert "line 2" in text
    assert why in text


def test_good_records_pass() -> None:
    assert len(checked(GOOD)) == 2


@pytest.mark.parametrize("word", ["User:", "Bot:", "Assistant:", "System:", "<image>", "<video>", "[EOS]"])
def test_a_reserved_word_in_a_prompt_is_refused_and_in_an_answer_is_not(word: str) -> None:
    with pytest.raises(BadData, match=r"Line 2 of Amazon S3 file: train.jsonl contains the reserved keyword"):
        checked(nova(turn("user", f"say {word} please"), turn("assistant", "no")))
    checked(nova(turn("user", "say it please"), turn("assistant", f"{word} yes")))


def test_each_family_words_what_is_too_long_as_aws_does() -> None:
    with pytest.raises(
        BadData, match=r"^Input size exceeded in file train.jsonl for record starting with \{\"prompt\""
    ):
        checked({"prompt": "x" * 4096 * 6, "completion": "y"}, TITAN)
    with pytest.raises(BadData, match=r"^Maximum input token count 4097 exceeds limit of 4096 for train data$"):
        checked({"input": "x" * (4096 * 6 + 1)}, TITAN_TEXT)
    messages = [{"role": "user", "content": "x" * 96_000}, {"role": "assistant", "content": "y"}]
    with pytest.raises(BadData, match=r"^Max sum of input and output token length 32001 exceeds total limit of 32000$"):
        checked({"messages": messages}, HAIKU)
    assert checked({"input": "x" * 4096 * 6}, TITAN_TEXT)


@pytest.mark.parametrize(
    ("count", "refused"), [(7, "minimum is 8"), (8, ""), (20_000, ""), (20_001, "maximum is 20000")]
)
def test_the_number_of_records_has_two_bounds(count: int, refused: str) -> None:
    if refused:
        with pytest.raises(BadData, match=f"records in the training data is {count}: the {refused}"):
            records.check_count(count, NOVA.records, "training")
    else:
        records.check_count(count, NOVA.records, "training")


def test_bad_prompts_of_a_distillation_are_dropped_and_listed() -> None:
    rows, rejected = records.usable([json.dumps(GOOD), "{"], limits("amazon.nova-micro-v1:0:128k", "DISTILLATION"))
    assert len(rows) == 1
    assert [(each["line"], each["status"]) for each in rejected] == [(2, "Rejected")]


def log(asked: Any, answered: Any, **metadata: str) -> dict[str, Any]:
    return {
        "schemaType": "ModelInvocationLog",
        "input": {"inputBodyJson": asked},
        "output": {"outputBodyJson": answered},
        "requestMetadata": metadata,
    }


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ({"messages": [turn("user", "q")]}, {"output": {"message": turn("assistant", "a")}}),
        ({"messages": [{"role": "user", "content": "q"}]}, {"content": [{"type": "text", "text": "a"}]}),
        ({"prompt": "q"}, {"generation": "a"}),
        ({"inputText": "q"}, {"results": [{"outputText": "a"}]}),
    ],
    ids=["converse", "claude", "llama", "titan"],
)
def test_prompts_and_answers_are_read_out_of_every_kind_of_invocation_log(asked: Any, answered: Any) -> None:
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert invocation_logs.row_of(log(asked, answered), with_answer=True) == {"messages": messages}
    assert invocation_logs.row_of(log(asked, answered), with_answer=False) == {"messages": messages[:1]}


def test_a_log_without_an_answer_or_with_several_turns_is_left_out() -> None:
    assert invocation_logs.row_of(log({"prompt": "q"}, {}), with_answer=True) is None
    turns = [turn("user", "q"), turn("assistant", "a"), turn("user", "r")]
    assert invocation_logs.row_of(log({"messages": turns}, {}), with_answer=False) is None


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        (None, True),
        ({"equals": {"team": "a"}}, True),
        ({"equals": {"team": "b"}}, False),
        ({"notEquals": {"team": "a"}}, False),
        ({"andAll": [{"equals": {"team": "a"}}, {"notEquals": {"env": "prod"}}]}, True),
        ({"andAll": [{"equals": {"team": "a"}}, {"equals": {"env": "prod"}}]}, False),
        ({"orAll": [{"equals": {"team": "b"}}, {"equals": {"env": "test"}}]}, True),
    ],
)
def test_logs_are_chosen_by_their_metadata(filters: Any, fits: bool) -> None:
    assert invocation_logs.fits(log({}, {}, team="a", env="test"), filters) is fits
