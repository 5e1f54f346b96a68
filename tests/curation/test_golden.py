"""The golden set: what is in it is never trained on, and a frozen one never changes."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.curation.golden import freeze, frozen
from airflow_finetune.errors import DataError, NothingToTrainOn
from tests.curation.conftest import Desk

PAIR = {"prompt": "{text}", "completion": "{label}"}
FROZEN = {**PAIR, "golden": {"freeze_holdout": 20}, "validation_fraction": 0.2}


def rows(count: int, word: str = "question") -> list[dict[str, Any]]:
    return [{"text": f"{word} {number}", "label": f"answer {number}"} for number in range(count)]


def test_the_first_run_freezes_and_a_retry_gives_the_same_dataset(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(200))
    first = desk.curate("first", **FROZEN)
    retry = desk.curate("retry", **FROZEN)
    assert (first.report["golden"], retry.report["golden"]) == ("chosen", "frozen")
    assert len(first.lines("golden")) == 20
    for name in ("train.jsonl", "validation.jsonl", "golden.jsonl"):
        assert (first.out / name).read_bytes() == (retry.out / name).read_bytes()
    assert first.report["out"]["golden"] == 20
    assert retry.report["out"]["golden"] == 0
    assert retry.report["dropped"] == {"in_golden_exact": 20}
    assert first.report["files"]["golden.jsonl"] == retry.report["files"]["golden.jsonl"]


def test_later_runs_take_its_prompts_out_exact_and_normalised_and_say_how_many(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(100))
    first = desk.curate("first", **FROZEN)
    held = sorted(prompt for prompt, _ in first.pairs("golden"))
    (desk.source / "a.jsonl").unlink()
    shouted = [{"text": f"  {prompt.upper()} ", "label": "another answer"} for prompt in held[:7]]
    desk.write_lines("b.jsonl", *rows(50, "new"), *({"text": prompt, "label": "x"} for prompt in held[7:]), *shouted)
    later = desk.curate("later", **FROZEN)
    assert later.report["dropped"] == {"in_golden_exact": 13, "in_golden_normalised": 7}
    assert (later.out / "golden.jsonl").read_bytes() == (first.out / "golden.jsonl").read_bytes()
    assert "20 records were taken out of the training data" in (later.out / "report.html").read_text()


def test_what_is_held_out_has_one_answer_for_each_prompt(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(60), *({"text": f"Question {n}", "label": "no"} for n in range(0, 60, 2)))
    for policy in ("report", "keep_first", "drop_all"):
        made = Desk(desk.folder / policy, desk.source).curate(**FROZEN, on_contradiction=policy)
        assert {int(prompt.split()[1]) % 2 for prompt, _ in made.pairs("golden")} == {1}


def test_a_frozen_set_that_was_changed_is_refused(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(100))
    desk.curate("first", **FROZEN)
    golden = next((desk.folder / "holdout").glob("golden-*.jsonl"))
    golden.write_bytes(golden.read_bytes().replace(b"answer", b"Answer", 1))
    with pytest.raises(DataError, match=r"its SHA-256 is \w+, but \w+ was frozen\. A golden set must not change"):
        desk.curate("later", **FROZEN)
    golden.unlink()
    with pytest.raises(DataError, match="cannot be read: FileNotFoundError"):
        desk.curate("later", **FROZEN)


def test_another_size_than_the_frozen_one_is_refused(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(100))
    desk.curate("first", **FROZEN)
    with pytest.raises(DataError, match="20 were frozen; freeze_holdout asks for 21"):
        desk.curate("later", **{**FROZEN, "golden": {"freeze_holdout": 21}})


def test_a_pointer_that_is_broken_is_refused(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(100))
    desk.curate("first", **FROZEN)
    for content in ("{", "[]", "{}", '{"file": "x", "sha256": "y", "examples": "z"}'):
        (desk.folder / "holdout" / "holdout.json").write_text(content)
        with pytest.raises(DataError, match=r"holdout\.json: cannot be read"):
            desk.curate("later", **FROZEN)


def test_of_many_runs_that_freeze_at_once_one_is_first_and_all_agree(tmp_path: Path) -> None:
    start, won = threading.Barrier(8), []

    def run(number: int) -> None:
        start.wait()
        if freeze(tmp_path / "holdout", f"set {number}\n".encode(), 1):
            won.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    path = frozen(tmp_path / "holdout", 1)
    assert path is not None
    assert path.read_text() == f"set {won[0]}\n"


def test_a_run_that_lost_the_race_takes_the_winners_set(desk: Desk) -> None:
    """The mapping of the slower run lets a faster one finish in the middle of it."""
    desk.write_lines("a.jsonl", *rows(60))
    faster: list[Any] = []

    def mapping(values: Any) -> tuple[str, str]:
        if not faster:
            faster.append(None)
            other = Desk(desk.folder, desk.folder / "other")
            other.write_lines("b.jsonl", *rows(30), *rows(30, "other"))
            faster[0] = other.curate("faster", **FROZEN)
        return values["text"], values["label"]

    slower = desk.curate("slower", mapping=mapping, golden={"freeze_holdout": 20})
    assert slower.report["golden"] == "frozen"
    assert (slower.out / "golden.jsonl").read_bytes() == (faster[0].out / "golden.jsonl").read_bytes()
    assert slower.pairs("golden").isdisjoint(slower.pairs("train"))


@pytest.mark.parametrize("shape", ["source", "pairs", "messages", "csv"])
def test_a_golden_file_may_have_any_shape(desk: Desk, tmp_path: Path, shape: str) -> None:
    desk.write_lines("a.jsonl", *rows(30))
    golden = tmp_path / ("golden.csv" if shape == "csv" else "golden.jsonl")
    text, label = "Question 3", "answer 3"
    chat = [{"role": "user", "content": text}, {"role": "assistant", "content": label}]
    record = {"source": {"text": text, "label": label}, "pairs": {"prompt": text, "completion": label}}
    line = json.dumps(record.get(shape, {"messages": chat}))
    golden.write_text(f"text,label\n{text},{label}\n" if shape == "csv" else line)
    made = desk.curate(**PAIR, golden_file=golden)
    assert made.lines("golden") == [{"messages": chat}]
    assert made.report["golden"] == "file"
    assert made.report["dropped"] == {"in_golden_normalised": 1}
    digest = hashlib.sha256((made.out / "golden.jsonl").read_bytes()).hexdigest()
    assert made.report["files"]["golden.jsonl"]["sha256"] == digest


def test_a_golden_set_that_is_the_training_data_leaves_nothing(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(5))
    with pytest.raises(NothingToTrainOn, match=r"of 5 records none is left\. in_golden_exact: 5"):
        desk.curate(**PAIR, golden_file=desk.source / "a.jsonl")


def test_golden_prompts_that_cannot_be_judged_are_left_out_and_still_not_trained_on(desk: Desk, tmp_path: Path) -> None:
    desk.write_lines("a.jsonl", *rows(30))
    records = [*rows(3), {"text": "QUESTION 1", "label": "other"}, rows(1)[0]]
    (tmp_path / "g.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    made = desk.curate(**PAIR, golden_file=tmp_path / "g.jsonl")
    assert made.pairs("golden") == {("question 0", "answer 0"), ("question 2", "answer 2")}
    assert made.report["dropped"] == {"in_golden_exact": 3}
    assert made.report["notices"] == [
        "golden set: records left out because their prompt has several answers there: 2.",
        "golden set: records left out because they repeat a prompt: 1.",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it holds no record"),
        ('{"text": "q", "label": "a"}\nbroken\n', "golden set, g.jsonl, line 2: broken_line"),
        ('{"text": "q"}\n', "line 1: missing_column: no column 'label'"),
        ('{"text": "q", "label": ""}\n', "line 1: empty_completion"),
    ],
)
def test_a_golden_set_with_a_fault_is_refused(desk: Desk, tmp_path: Path, content: str, said: str) -> None:
    desk.write_lines("a.jsonl", *rows(5))
    (tmp_path / "g.jsonl").write_text(content)
    with pytest.raises(DataError) as refused:
        desk.curate(**PAIR, golden_file=tmp_path / "g.jsonl")
    assert said in str(refused.value)


def test_a_golden_set_that_is_gone_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.write_lines("a.jsonl", *rows(5))
    with pytest.raises(DataError, match="there is no such file"):
        desk.curate(**PAIR, golden_file=tmp_path / "gone.jsonl")
