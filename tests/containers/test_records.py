"""Records become tokens by the tokenizer's own chat template, and only what the assistant says is learnt."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from airflow_finetune.containers.train.tuner import records
from airflow_finetune.containers.train.tuner.batches import Order, collate, planned_steps
from airflow_finetune.containers.train.tuner.errors import DataError
from tests.containers.jobs import BASE, write_lines

WITHOUT_MARKS = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
FORGETS_THINKING = (
    "{% for m in messages %}[{{ m['role'] }}]"
    "{% if m['role'] == 'assistant' and not loop.last %}{{ m['content'].split('THINK')[-1] }}"
    "{% else %}{{ m['content'] }}{% endif %}\n{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
CHAT = [
    {"role": "system", "content": "be short"},
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "yes THINK hello"},
    {"role": "user", "content": "again"},
    {"role": "assistant", "content": "no THINK bye"},
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(BASE)


def learnt(tokenizer: Any, chat: records.Messages) -> str:
    example = records.encode(tokenizer, chat)
    return str(tokenizer.decode([label for label in example.labels if label != records.IGNORED]))


def with_chat_template(tokenizer: Any, template: str | None) -> Any:
    other = AutoTokenizer.from_pretrained(BASE)
    other.chat_template = template
    return other


def test_only_what_the_assistant_says_and_its_end_mark_are_learnt(tokenizer: Any) -> None:
    pair = records.messages_of({"prompt": "two?", "completion": "2"}, "here")
    assert learnt(tokenizer, pair) == "2</s>"
    assert tokenizer.decode(records.encode(tokenizer, pair).ids) == "<s>two?<sep>2</s>"
    assert learnt(tokenizer, CHAT) == "yes THINK hello</s>no THINK bye</s>"


def test_a_template_without_generation_marks_works_as_well(tokenizer: Any) -> None:
    other = with_chat_template(tokenizer, WITHOUT_MARKS)
    assert learnt(other, CHAT) == "yes THINK hello<|im_end|>\nno THINK bye<|im_end|>\n"


def test_a_template_that_rewrites_earlier_turns_leaves_labels_on_the_last_one(tokenizer: Any) -> None:
    assert learnt(with_chat_template(tokenizer, FORGETS_THINKING), CHAT) == "no THINK bye"


def test_a_tokenizer_without_a_template_gets_a_plain_one(tokenizer: Any) -> None:
    plain = records.with_template(with_chat_template(tokenizer, None))
    assert learnt(plain, records.messages_of({"prompt": "two? ", "completion": "2"}, "here")) == "2</s>"
    assert records.with_template(tokenizer).chat_template == tokenizer.chat_template


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_whatever_is_said_is_what_is_learnt(prompt: str, completion: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE) if not _CACHE else _CACHE[0]
    _CACHE.append(tokenizer)
    marks = ("<s>", "<sep>", "</s>", "<pad>")
    if not any(mark in prompt + completion for mark in marks):
        assert (
            learnt(tokenizer, records.messages_of({"prompt": prompt, "completion": completion}, ""))
            == completion + "</s>"
        )


_CACHE: list[Any] = []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "train.jsonl line 2: no JSON"),
        ('{"text": "a"}', "train.jsonl line 2: neither"),
        ('["a"]', "train.jsonl line 2: neither"),
        ('{"prompt": "a", "completion": 3}', "train.jsonl line 2: neither"),
        ('{"messages": []}', "the last message is not the assistant's"),
        ('{"messages": [{"role": "user", "content": "a"}]}', "the last message is not the assistant's"),
        ('{"messages": [{"role": "robot", "content": "a"}]}', "a message needs a role"),
        ('{"messages": [{"role": "assistant", "content": [1]}]}', "a message needs a role"),
    ],
)
def test_a_bad_record_is_named_by_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "train.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' + line + "\n")
    with pytest.raises(DataError) as refused:
        list(records.read(tmp_path))
    assert said in str(refused.value)


def test_an_empty_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.jsonl file"):
        list(records.read(tmp_path))


def test_files_and_folders_of_a_channel_are_read_in_a_fixed_order(tmp_path: Path) -> None:
    for name in ("b", "a/c", "a/a"):
        write_lines(tmp_path / f"{name}.jsonl", [{"prompt": name, "completion": "x"}])
    (tmp_path / "README.md").write_text("not data")
    assert [chat[0]["content"] for chat in records.read(tmp_path)] == ["a/a", "a/c", "b"]
    before = records.digest(tmp_path)
    write_lines(tmp_path / "b.jsonl", [{"prompt": "other", "completion": "x"}])
    assert records.digest(tmp_path) != before


def test_overlong_records_are_dropped_or_cut_and_counted(tokenizer: Any, tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "completion": "b"},
        {"prompt": "a", "completion": "1" * 50},
        {"prompt": "1" * 50, "completion": "b"},
    ]
    folder = write_lines(tmp_path / "train.jsonl", rows)
    examples, report = records.encode_channel(tokenizer, folder, 20)
    assert (len(examples), report.records, report.dropped_overlong, report.longest) == (1, 3, 2, 54)
    examples, report = records.encode_channel(tokenizer, folder, 20, overlong="truncate")
    assert (len(examples), report.truncated, report.dropped_without_label) == (2, 2, 1)
    assert [len(example.ids) for example in examples] == [5, 20]
    assert "records=3 used=2 dropped_overlong=0 dropped_without_label=1 truncated=2" in report.line("train")


def test_when_no_record_fits_the_job_fails_with_the_counts(tokenizer: Any, tmp_path: Path) -> None:
    folder = write_lines(tmp_path / "train.jsonl", [{"prompt": "a", "completion": "1" * 50}])
    with pytest.raises(DataError, match=r"no record can be used.*dropped_overlong=1"):
        records.encode_channel(tokenizer, folder, 20)


def test_each_record_comes_once_an_epoch_in_an_order_that_only_seed_and_number_decide() -> None:
    lengths = [Random(i).randint(1, 90) for i in range(1003)]
    order, again, other = Order(lengths, 8, 1), Order(lengths, 8, 1), Order(lengths, 8, 2)
    for epoch in range(2):
        start = epoch * order.batches_per_epoch
        batches = [order.batch(start + i) for i in range(order.batches_per_epoch)]
        assert sorted(index for batch in batches for index in batch) == list(range(1003))
        assert batches == [again.batch(start + i) for i in range(order.batches_per_epoch)]
        assert batches != [other.batch(start + i) for i in range(order.batches_per_epoch)]
    assert order.batch(0) != order.batch(order.batches_per_epoch)


def test_batches_hold_records_of_like_length() -> None:
    lengths = [Random(i).randint(1, 200) for i in range(4000)]

    def padding(batches: list[list[int]]) -> float:
        padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
        return 1 - sum(lengths) / padded

    order = Order(lengths, 8, 0)
    assert padding([order.batch(i) for i in range(order.batches_per_epoch)]) < 0.05
    assert padding([list(range(i, i + 8)) for i in range(0, 4000, 8)]) > 0.3  # as they come


def test_steps_are_planned_from_epochs_unless_they_are_given() -> None:
    assert planned_steps(100, 8, 1, 3.0, 0) == 39
    assert planned_steps(100, 8, 4, 3.0, 0) == 10
    assert planned_steps(100, 8, 1, 3.0, 7) == 7
    assert planned_steps(1, 8, 8, 0.1, 0) == 1


def test_padding_is_masked_and_carries_no_label(tokenizer: Any) -> None:
    import torch

    examples = [records.Example([5, 6, 7], [-100, 6, 7]), records.Example([5], [-100])]
    batch = collate(examples, 0, torch.device("cpu"))
    assert batch["input_ids"].tolist() == [[5, 6, 7], [5, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[-100, 6, 7], [-100, -100, -100]]


def test_the_digest_of_a_channel_does_not_depend_on_where_it_lies(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "one/train.jsonl", [{"prompt": "a", "completion": json.dumps({"b": 1})}])
    two = write_lines(tmp_path / "two/train.jsonl", [{"prompt": "a", "completion": json.dumps({"b": 1})}])
    assert records.digest(one) == records.digest(two)
