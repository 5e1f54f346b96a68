"""The kernel: the same records give the same bytes, prompts stay on one side, and every record is accounted for."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_finetune.curation.canonical import normalised
from airflow_finetune.curation.curate import FILES
from airflow_finetune.curation.mapping import drop
from airflow_finetune.errors import DataError, EmptySource, NothingToTrainOn, SpecError
from tests.curation.conftest import Desk, Made

PAIR = {"prompt": "{text}", "completion": "{label}"}


def rows(count: int) -> list[dict[str, Any]]:
    return [{"text": f"question {number}", "label": f"answer {number % 7}"} for number in range(count)]


def adds_up(made: Made) -> None:
    told = made.report
    out = sum(len(made.lines(name)) for name in ("train", "validation")) + told["out"]["golden"]
    assert told["records_in"] == told["records_out"] + sum(told["dropped"].values())
    assert told["records_out"] == out == sum(told["out"].values())
    assert set(told["dropped_examples"]) == set(told["dropped"]) == set(told["reasons"])


def test_a_dataset_is_chat_json_lines_with_its_digest(desk: Desk) -> None:
    desk.write("a.csv", "text,label\nHi \u00e9\u2028!,greeting\n")
    made = desk.curate(**PAIR, system="Be kind.")
    line = (
        '{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Hi \u00e9\\u2028!"},'
        '{"role":"assistant","content":"greeting"}]}\n'
    )
    assert (made.out / "train.jsonl").read_text() == line
    assert made.report["files"]["train.jsonl"]["sha256"] == hashlib.sha256(line.encode()).hexdigest()
    assert json.loads((made.out / "report.json").read_text()) == made.report


def test_the_version_is_what_sha256sum_prints(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(200))
    made = desk.curate(**PAIR, validation_fraction=0.2)
    command = "sha256sum train.jsonl validation.jsonl | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=made.out, capture_output=True, text=True, check=True).stdout
    assert printed.split()[0] == made.report["dataset_version"]


def test_the_same_records_give_the_same_bytes_in_whatever_order_files_and_formats(desk: Desk, tmp_path: Path) -> None:
    records = [*rows(120), {"text": "QUESTION 5", "label": "answer 6"}, {"text": "question 7", "label": "answer 0"}]
    desk.write_lines("a.jsonl", *records)
    options: dict[str, Any] = {**PAIR, "validation_fraction": 0.3, "golden": {"freeze_holdout": 10}}
    one = desk.curate("one", **options)
    random.Random(1).shuffle(records)
    (tmp_path / "second").mkdir()
    second = Desk(tmp_path / "second")
    second.write("z.json", json.dumps(records[:50]))
    second.write_lines("b/c.jsonl", *records[50:90])
    second.write("a.csv", "label,text\n" + "".join(f"{each['label']},{each['text']}\n" for each in records[90:]))
    two = second.curate("two", **options)
    for name in ("train.jsonl", "validation.jsonl", "golden.jsonl"):
        assert (one.out / name).read_bytes() == (two.out / name).read_bytes()
    assert one.report["dataset_version"] == two.report["dataset_version"]
    assert one.report["dropped"] == two.report["dropped"]
    assert one.report["source"]["sha256"] != two.report["source"]["sha256"]


def test_one_changed_letter_changes_the_version(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(10))
    before = desk.curate(**PAIR).report["dataset_version"]
    desk.write_lines("a.jsonl", *rows(9), {"text": "question 9", "label": "answer X"})
    assert desk.curate(**PAIR).report["dataset_version"] != before


def test_every_reason_is_named_with_the_place_and_the_sum_adds_up(desk: Desk) -> None:
    desk.write(
        "a.jsonl",
        b'{"text": "q1", "label": "a"}\n'
        b'{"text": "q1", "label": "a"}\n'
        b'{"text": "broken\n'
        b'{"text": "caf\xe9", "label": "a"}\n'
        b'{"txt": "q2", "label": "a"}\n'
        b'{"text": "q3", "label": null}\n'
        b'{"text": "  ", "label": "a"}\n'
        b'{"text": "q4", "label": "\\n"}\n'
        b'{"text": "' + b"long " * 20 + b'", "label": "a"}\n'
        b'{"text": "Who?", "label": "me"}\n'
        b'{"text": "who?", "label": "you"}\n'
        b'{"text": "half \\ud83d", "label": "a"}\n',
    )
    made = desk.curate(**PAIR, max_characters=60)
    adds_up(made)
    assert made.pairs() == {("q1", "a")}
    places = {reason: [each["where"] for each in told] for reason, told in made.report["dropped_examples"].items()}
    assert places == {
        "duplicate": ["a.jsonl, line 2"],
        "broken_line": ["a.jsonl, line 3"],
        "bad_encoding": ["a.jsonl, line 4", "a.jsonl, line 12"],
        "missing_column": ["a.jsonl, line 5"],
        "missing_value": ["a.jsonl, line 6"],
        "empty_prompt": ["a.jsonl, line 7"],
        "empty_completion": ["a.jsonl, line 8"],
        "too_long": ["a.jsonl, line 9"],
        "contradiction": ["a.jsonl, line 10", "a.jsonl, line 11"],
    } | {"contradiction": places["contradiction"]}
    assert set(places["contradiction"]) == {"a.jsonl, line 10", "a.jsonl, line 11"}


CONTRADICTING = ({"text": "Who?", "label": "me"}, {"text": "who?", "label": "you"}, {"text": "WHO?", "label": "Me"})


@pytest.mark.parametrize(
    ("policy", "kept", "dropped"),
    [
        ("drop_all", set(), 3),
        ("keep_first", {("Who?", "me"), ("WHO?", "Me")}, 1),
        ("report", {("Who?", "me"), ("who?", "you"), ("WHO?", "Me")}, 0),
    ],
)
def test_contradictions_follow_the_policy(desk: Desk, policy: str, kept: set[tuple[str, str]], dropped: int) -> None:
    desk.write_lines("a.jsonl", *CONTRADICTING, {"text": "other", "label": "x"})
    made = desk.curate(**PAIR, on_contradiction=policy)
    adds_up(made)
    assert made.pairs() == kept | {("other", "x")}
    assert made.report["dropped"].get("contradiction", 0) == dropped
    assert made.report["contradictions"] == {"policy": policy, "prompts": 1, "records": 3}


def test_json_with_other_order_of_members_and_another_system_text_are_no_contradictions(desk: Desk) -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    desk.write_lines(
        "a.jsonl",
        {"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": '{"a": 1, "b": 2}'}]},
        {"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": '{"b": 2, "a": 1}'}]},
        {"messages": [{"role": "system", "content": "Say a."}, *turns]},
        {"messages": [{"role": "system", "content": "Say b."}, turns[0], {"role": "assistant", "content": "b"}]},
    )
    assert desk.curate().report["dropped"] == {}


def test_equal_prompts_never_cross_the_split(desk: Desk) -> None:
    variants = ["Question {}", "question  {} ", " QUESTION\t{}", "\uff31uestion {}"]
    records = [{"text": variant.format(n), "label": f"{n}"} for n in range(150) for variant in variants]
    desk.write_lines("a.jsonl", *records)
    made = desk.curate(**PAIR, validation_fraction=0.4, golden={"freeze_holdout": 20})
    adds_up(made)
    sides = [{normalised(prompt) for prompt, _ in made.pairs(name)} for name in ("train", "validation", "golden")]
    assert [len(side) > 0 for side in sides] == [True] * 3
    assert sum(map(len, sides)) == len(set.union(*sides)) == 150
    assert len(sides[2]) == 20


def test_more_records_do_not_move_a_prompt_to_the_other_side(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(200))
    before = desk.curate("before", **PAIR, validation_fraction=0.3)
    shouted = ({"text": row["text"].upper(), "label": row["label"]} for row in rows(200))
    desk.write_lines("b.jsonl", *({"text": f"new {n}", "label": "x"} for n in range(200)), *shouted)
    after = desk.curate("after", **PAIR, validation_fraction=0.3)
    assert before.pairs("validation") <= after.pairs("validation")
    assert before.pairs("train") <= after.pairs("train")


def test_personal_data_is_in_no_file_that_is_written(desk: Desk) -> None:
    secrets = ["ann@mail.example", "4111 1111 1111 1111", "+1 555 123 4567", "bob@mail.example", "555-987-6543"]
    desk.write_lines(
        "a.jsonl",
        {"text": f"I am {secrets[0]}", "label": f"card {secrets[1]}"},
        {"text": f"call {secrets[2]}", "label": "x"},
        {"text": f"CALL {secrets[2]}", "label": "y"},
        {"text": secrets[3], "label": None, secrets[3]: 1},
        {"text": "fails", "label": "x", "boom": f"{secrets[4]} {secrets[3]}"},
        {"text": f"{secrets[0]} " * 90, "label": "x"},
    )
    desk.write("ann@mail.example.txt", "")

    def mapping(values: Any) -> tuple[str, str]:
        if "boom" in values:
            raise ValueError(values["boom"])
        return values["text"], values["label"]

    made = desk.curate(mapping=mapping, max_characters=500)
    adds_up(made)
    for path in made.out.iterdir():
        for secret in secrets:
            assert secret not in path.read_text(), path.name
    assert made.report["redacted"]["email"] >= 1
    assert made.report["dropped"]["mapping_failed"] == 2
    assert made.pairs() == {("I am [EMAIL]", "card [CARD]")}


def test_without_redaction_the_dataset_keeps_what_the_report_still_masks(desk: Desk) -> None:
    desk.write_lines(
        "a.jsonl", {"text": "I am ann@mail.example", "label": "x"}, {"text": "bob@mail.example", "label": ""}
    )
    made = desk.curate(**PAIR, redact=())
    assert made.pairs() == {("I am ann@mail.example", "x")}
    for name in ("report.json", "report.html"):
        assert "mail.example" not in (made.out / name).read_text()


def test_a_mapping_of_ones_own_drops_under_its_own_reason(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(10))
    made = desk.curate(mapping=lambda v: (v["text"], v["label"]) if v["label"] != "answer 1" else drop("boring"))
    adds_up(made)
    assert made.report["dropped"] == {"boring": 2}
    assert made.report["reasons"] == {"boring": "a reason of the mapping"}


def test_records_that_are_examples_already_need_no_mapping(desk: Desk) -> None:
    desk.write_lines("a.jsonl", {"prompt": "p", "completion": "c"}, {"messages": [{"role": "user", "content": "q"}]})
    made = desk.curate()
    assert made.pairs() == {("p", "c")}
    assert made.report["dropped"] == {"mapping_failed": 1}


def test_an_empty_file_beside_others_is_told(desk: Desk) -> None:
    desk.write("a.csv", "")
    desk.write("b.csv", "text,label\n")
    desk.write("c.csv", "text,label\nx,y\n")
    made = desk.curate(**PAIR)
    assert made.report["notices"] == ["a.csv holds no record.", "b.csv holds no record."]
    assert made.report["source"]["records"] == {"a.csv": 0, "b.csv": 0, "c.csv": 1}


@pytest.mark.parametrize(
    ("files", "fields", "said"),
    [
        ({}, {}, "no file."),
        ({"a.csv": ""}, {}, "no record in a.csv"),
        ({"a.csv": "text,label\n"}, {}, "no record in a.csv"),
        ({"a.csv": "txt,label\nx,y\n"}, {}, "no column 'text': did you mean 'txt'?"),
        ({"a.csv": "text;label\nx;y\n"}, {}, "there are text;label."),
        ({"a.csv": "text,label\n,y\n"}, {}, "empty_prompt: 1"),
        ({"a.csv": "text,label\nx,y\nx,z\n"}, {}, "contradiction: 2"),
        ({"a.csv": "text,label\nx,y\n"}, {"golden": {"freeze_holdout": 5}}, "1 went into the golden set"),
        ({"a.jsonl": '{"text": 1}\n' * 2000 + "never read"}, {}, "1000 of 1000 records cannot be read or mapped"),
    ],
)
def test_nothing_to_train_on_says_where_it_went(desk: Desk, files: dict[str, str], fields: Any, said: str) -> None:
    for name, content in files.items():
        desk.write(name, content)
    with pytest.raises(EmptySource if "no " in said[:3] and "column" not in said else NothingToTrainOn) as refused:
        desk.curate(**PAIR, **fields)
    assert said in str(refused.value)
    assert not (desk.folder / "out" / "report.json").exists()
    assert not (desk.folder / "holdout").exists()


def test_too_many_records_that_do_not_fit_stop_the_run(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(6), *({"other": n} for n in range(7)))
    with pytest.raises(NothingToTrainOn, match="7 of 13 records cannot be read or mapped"):
        desk.curate(**PAIR)
    assert desk.curate(**PAIR, max_unusable_fraction=0.6).report["dropped"] == {"missing_column": 7}


def test_a_failed_run_leaves_the_older_dataset_whole(desk: Desk) -> None:
    desk.write_lines("a.jsonl", *rows(20))
    made = desk.curate(**PAIR, validation_fraction=0.4)
    before = {path.name: path.read_bytes() for path in made.out.iterdir()}
    desk.write("a.jsonl", "broken\n")
    with pytest.raises(DataError):
        desk.curate(**PAIR)
    assert {path.name: path.read_bytes() for path in made.out.iterdir()} == before
    desk.write_lines("a.jsonl", *rows(20))
    again = desk.curate(**PAIR)
    assert sorted(path.name for path in again.out.iterdir()) == ["report.html", "report.json", "train.jsonl"]
    assert set(before) - set(FILES) == set()


def test_validation_that_stays_empty_is_told(desk: Desk) -> None:
    desk.write_lines("a.jsonl", {"text": "question 1", "label": "x"})
    made = desk.curate(**PAIR, validation_fraction=0.001)
    assert made.report["notices"] == ["no prompt fell into validation: there are too few for its fraction."]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"promt": "{text}"}, "'promt' is no field: did you mean 'prompt'?"),
        ({"prompt": "{text}"}, "prompt and completion go together"),
        ({"prompt": "text", "completion": "{x}"}, "names no column"),
        ({"prompt": "{{text}}", "completion": "{x}"}, "brace without a column's name"),
        ({**PAIR, "messages": "m"}, "messages stands instead"),
        ({**PAIR, "prompt_template": "x"}, "prompt and prompt_template exclude each other"),
        ({**PAIR, "on_contradiction": "guess"}, "keep_first"),
        ({**PAIR, "golden": {"freeze_holdout": 0}}, "greater than 0"),
        ({**PAIR, "golden": {"freeze": 5}}, "freeze"),
        ({**PAIR, "validation_fraction": 0.9}, "less than or equal to 0.5"),
        ({**PAIR, "redact": ["names"]}, "redact"),
        ({**PAIR, "encoding": "utf-9"}, "is no encoding that Python knows"),
        ({**PAIR, "prompt_template": "gone.jinja", "prompt": None}, "gone.jinja cannot be read"),
        ({**PAIR, "golden": "s3://b/g.jsonl"}, "is not on this machine"),
    ],
)
def test_a_spec_that_cannot_work_is_refused(desk: Desk, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as refused:
        desk.curate(**fields)
    assert said in str(refused.value)


WORDS = st.sampled_from(["a", "A", "b", " a", "b  c", "B C", "\u00e9", "e\u0301", "", "x@y.de", "4111111111111111"])
RECORDS = st.fixed_dictionaries({"text": WORDS | st.none() | st.integers(0, 3), "label": WORDS | st.none()})
BROKEN = ["{", "[]", "nonsense", '{"text": "\\ud800", "label": "x"}']
LINES = st.lists(
    RECORDS.map(json.dumps) | st.just('{"text": "no label"}') | st.sampled_from(BROKEN),
    max_size=25,
)


@given(
    files=st.lists(LINES, min_size=1, max_size=3),
    policy=st.sampled_from(["keep_first", "drop_all", "report"]),
    holdout=st.integers(0, 2),
    fraction=st.sampled_from([0.0, 0.5]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_in_goes_out_or_is_dropped_by_name(
    files: list[list[str]], policy: str, holdout: int, fraction: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        for number, lines in enumerate(files):
            desk.write(f"{number}.jsonl", "".join(line + "\n" for line in lines))
        options: dict[str, Any] = {**PAIR, "on_contradiction": policy, "validation_fraction": fraction}
        if holdout:
            options["golden"] = {"freeze_holdout": holdout}
        try:
            made = desk.curate(max_unusable_fraction=1.0, **options)
        except (EmptySource, NothingToTrainOn):
            return
        adds_up(made)
        assert made.report["records_in"] == sum(map(len, files))
        sides = [{normalised(prompt) for prompt, _ in made.pairs(name)} for name in ("train", "validation", "golden")]
        assert sum(map(len, sides)) == len(set.union(*sides))
        again = desk.curate("again", max_unusable_fraction=1.0, **options)
        assert again.report["dataset_version"] == made.report["dataset_version"]
        adds_up(again)
