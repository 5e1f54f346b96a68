"""A golden set is read whole or not at all; errors name the lines."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from airflow_finetune.curation.canonical import chat, line
from airflow_finetune.errors import DataError
from airflow_finetune.evaluation.golden import check_targets, read_golden
from airflow_finetune.evaluation.scorers import named

ORDERS = Path(__file__).parents[2] / "include" / "golden" / "orders.jsonl"


def golden(folder: Path, *lines: str | bytes) -> Path:
    path = folder / "golden.jsonl"
    path.write_bytes(b"".join((each.encode() if isinstance(each, str) else each) + b"\n" for each in lines))
    return path


def pair(prompt: object, completion: object = "{}") -> str:
    return json.dumps({"prompt": prompt, "completion": completion})


def test_a_line_of_curation_is_read_as_what_is_asked_and_what_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "golden.jsonl"
    path.write_bytes(line(chat("two mugs", '{"mug": 2}', system="Answer in JSON.")) + line(chat("one cup", "{}")))
    read = read_golden(path)
    assert [item.line for item in read.items] == [1, 2]
    assert read.items[0].messages == (("system", "Answer in JSON."), ("user", "two mugs"))
    assert read.items[0].target == '{"mug": 2}'


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    path = golden(tmp_path, pair("a"))
    assert read_golden(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    before = read_golden(path).sha256
    path.write_bytes(path.read_bytes().replace(b'"a"', b'"b"'))
    assert read_golden(path).sha256 != before


def test_a_file_that_ends_without_a_line_break_and_one_with_windows_breaks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "golden.jsonl"
    path.write_text(pair("a") + "\r\n" + pair("b"), newline="")
    assert [item.messages[0].content for item in read_golden(path).items] == ["a", "b"]


def test_the_golden_orders_can_be_judged_by_every_scorer() -> None:
    read = read_golden(ORDERS)
    assert len(read.items) == 300
    check_targets(read, named(["exact_match", "json_validity", "field_f1"]))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (pair("A  question"), "line 2: the prompt stands in line 1 already"),
        (pair("a question").replace("a q", "A q"), "line 2: the prompt stands in line 1 already"),
        ('{"prompt": "b"}', "line 2: it needs messages, or prompt and completion; its fields are: prompt."),
        ("{}", "line 2: it needs messages, or prompt and completion; its fields are: none."),
        (pair("b", 3), "line 2: it needs messages, or prompt and completion"),
        (pair("b", "  "), "line 2: the completion is empty"),
        (pair(" "), "line 2: the prompt is empty"),
        ("", "line 2: it is empty."),
        ('{"prompt": ', "line 2: it is no JSON"),
        ("[" * 100_000, "line 2: it is no JSON"),
        ("[1]", "line 2: it is no JSON object"),
        (b'{"prompt": "\xff"}', "line 2: byte 12 is no UTF-8"),
        (pair("b", "\ud800"), "line 2: half of a surrogate pair"),
        ('{"messages": []}', "line 2: messages must be a list"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "line 2: the last message is the user's"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(bad: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_golden(golden(tmp_path, pair("a question"), bad, pair("another")))
    assert said in str(caught.value)
    assert "golden.jsonl" in str(caught.value)


def test_many_faults_are_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 5: .* And 4 more lines\."):
        read_golden(golden(tmp_path, *["x"] * 9))


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_golden_set_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "golden.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match="holds no record"):
        read_golden(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jsonl.*No such file"):
        read_golden(tmp_path / "gone.jsonl")


def test_a_target_that_no_json_scorer_can_judge_is_refused_before_a_model_is_asked(tmp_path: Path) -> None:
    read = read_golden(golden(tmp_path, pair("a"), pair("b", "card_arrival")))
    check_targets(read, named(["exact_match"]))
    with pytest.raises(DataError, match="line 2: the target is no JSON object or array, and field_f1 can only"):
        check_targets(read, named(["exact_match", "field_f1"]))
