"""Examples come from the training data alone, are never what is asked, and are the same every time."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from airflow_finetune.curation.canonical import Message
from airflow_finetune.evaluation.advice.examples import examples
from airflow_finetune.evaluation.advice.prompts import Prompt, prompts_of
from airflow_finetune.evaluation.advice.shots import POOL, chosen, sampled
from airflow_finetune.evaluation.advice.spec import AdviseSpec
from airflow_finetune.evaluation.golden import GoldenItem, GoldenSet


def example(prompt: str, completion: str, system: str = "") -> bytes:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
    return json.dumps({"messages": [*([{"role": "system", "content": system}] if system else []), *turns]}).encode()


def golden(*prompts: str) -> GoldenSet:
    items = (GoldenItem(n, (Message("user", text),), "x") for n, text in enumerate(prompts, 1))
    return GoldenSet(tuple(items), "c" * 64)


NONE = golden()
MANY = [example(f"question {n} {'long ' * (n % 40)}", f"answer {n % 7}") for n in range(400)]


def test_neither_the_order_nor_a_repeated_line_changes_the_choice() -> None:
    shuffled = [*MANY, *MANY[:50]]
    random.Random(1).shuffle(shuffled)
    first = chosen(MANY, NONE, 8, 1, 2000)
    assert len(first.chats) == 8
    assert chosen(shuffled, NONE, 8, 1, 2000).chats == first.chats
    assert chosen(MANY, NONE, 8, 2, 2000).chats != first.chats, "the control: the seed does"


def test_examples_are_of_all_lengths_and_of_as_many_kinds_as_there_are() -> None:
    chats = chosen(MANY, NONE, 7, 1, 2000).chats
    sizes = [sum(len(turn.content) for turn in chat) for chat in chats]
    assert sizes == sorted(sizes)
    assert sizes[0] < 60
    assert sizes[-1] > 180
    assert len({chat[-1].content for chat in chats}) == 7


def test_what_a_golden_item_asks_is_left_out_and_counted_also_in_other_letters() -> None:
    rows = [example("What  IS it?", "a"), example("what is it?", "b", system="be brief"), example("and this?", "c")]
    found = chosen(rows, golden("What is it?"), 8, 1, 2000)
    assert [chat[0].content for chat in found.chats] == ["and this?"]
    assert found.overlapping == 2


def test_what_is_too_long_or_no_chat_is_left_out_and_counted() -> None:
    rows = [
        example("p", "é" * 50),
        example("p", "é" * 51),
        b"\n",
        b"{",
        b"\xff",
        b"[1]",
        json.dumps({"messages": [{"role": "user", "content": "a"}]}).encode(),
        json.dumps({"messages": [{"role": role, "content": "a"} for role in ("user", "user", "assistant")]}).encode(),
    ]
    found = chosen(rows, NONE, 8, 1, 101)
    assert [chat[-1].content for chat in found.chats] == ["é" * 50]
    assert (found.too_long, found.unusable, found.overlapping) == (1, 5, 0)


def test_more_examples_than_the_data_has_are_those_that_it_has() -> None:
    assert len(chosen(MANY[:3], NONE, 64, 1, 2000).chats) == 3
    assert chosen([], NONE, 8, 1, 2000).chats == ()


def test_of_much_data_a_sample_is_drawn_that_is_larger_than_any_choice() -> None:
    rows = (example(f"question {n}", "a") for n in range(POOL * 3))
    assert len(chosen(rows, NONE, 64, 1, 2000).chats) == 64


def test_system_texts_of_examples_are_not_shown() -> None:
    ((user, assistant),) = chosen([example("p", "c", system="s")], NONE, 1, 1, 2000).chats
    assert (user, assistant) == (Message("user", "p"), Message("assistant", "c"))


def test_training_data_that_cannot_be_read_gives_no_examples_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    spec = AdviseSpec(shots=2)
    for train in (str(tmp_path / "none.jsonl"), None, 7):
        assert examples(train, NONE, spec, lambda: None, said.append).chats == ()
    assert len(said) == 3
    assert "No such file" in said[0]
    (tmp_path / "train.jsonl").write_bytes(b"\n".join(MANY[:1]))
    assert len(examples(str(tmp_path / "train.jsonl"), NONE, spec, lambda: None, said.append).chats) == 1
    assert said[3] == "1 examples are shown: the training data has no more of the 2 that are asked."


def test_a_sample_of_the_golden_set_is_the_same_every_time_and_keeps_its_order() -> None:
    whole = golden(*(f"question {n}" for n in range(50)))
    some = sampled(whole, 10, 1)
    assert [item.line for item in some] == sorted(item.line for item in some)
    assert len(some) == 10
    assert sampled(whole, 10, 1) == some
    assert sampled(whole, 10, 2) != some
    assert sampled(whole, None, 1) == sampled(whole, 51, 1) == whole.items


def test_a_prompt_has_one_system_text_then_examples_then_the_items_own_turns() -> None:
    shot = (Message("user", "p"), Message("assistant", "c"))
    turns = (Message("system", "own"), Message("user", "a"), Message("assistant", "b"), Message("user", "q"))
    item = GoldenItem(1, turns, "t")
    plain, instruction, few = prompts_of(("plain", "instruction", "few_shot"), " do it ", [shot])
    assert plain.asks(item) is item
    assert instruction.asks(item).messages == (Message("system", "do it\n\nown"), *turns[1:])
    assert few.asks(item).messages == (Message("system", "do it\n\nown"), *shot, *turns[1:])
    alone = Prompt("few_shot", "", [shot]).asks(GoldenItem(1, (Message("user", "q"),), "t"))
    assert alone.messages == (*shot, Message("user", "q"))
    assert (alone.line, alone.target) == (1, "t")


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, ("plain", "few_shot")),
        ({"instruction": "x"}, ("plain", "instruction", "few_shot")),
        ({"instruction": "x", "shots": 0}, ("plain", "instruction")),
    ],
)
def test_the_prompts_are_those_that_were_given(fields: dict[str, object], names: tuple[str, ...]) -> None:
    assert AdviseSpec(**fields).prompts == names  # type: ignore[arg-type]  # by keyword, as a file has them


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"instruction": ""}, "at least 1 character"),
        ({"instruction": "  "}, "instruction is blank"),
        ({"shots": 0}, "something to try"),
        ({"shots": 65}, "less than or equal to 64"),
        ({"shots": -1}, "greater than or equal to 0"),
        ({"items": 0}, "greater than or equal to 1"),
        ({"shot": 3}, "did you mean 'shots'"),
    ],
)
def test_what_cannot_be_prompted_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AdviseSpec(**fields)  # type: ignore[arg-type]  # on purpose
