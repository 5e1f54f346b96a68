"""The invented manual: its files repeat from their seed, and what is asked can be known from what is read."""

from __future__ import annotations

import pytest

from airflow_finetune.curation.curate import Places, curate
from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.evaluation.scorers.text_f1 import text_f1
from airflow_finetune.pipeline import read_pipeline
from demo import manual, orders


def test_both_files_are_what_the_generator_writes(tmp_path):
    for file, rows in ((manual.RAW_FILE, manual.raw()), (manual.GOLDEN_FILE, manual.golden())):
        orders.write(tmp_path / file.name, rows)
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()


def test_no_golden_opening_is_in_the_manual_and_each_has_its_answer_there():
    raw, golden = list(manual.raw()), list(manual.golden())
    assert (len(raw), len(golden)) == (manual.RAW_ROWS, manual.GOLDEN_ROWS)
    assert not {row["opening"] for row in raw} & {row["prompt"] for row in golden}
    known = {row["opening"].partition(": ")[2]: row["rest"] for row in raw}
    assert all(known[row["prompt"].partition(": ")[2]] == row["completion"] for row in golden)


def test_each_part_and_fault_has_one_action_and_one_book():
    found: dict[str, set[str]] = {}
    for opening, rest in manual.sentences():
        found.setdefault(opening.partition(": ")[2], set()).add(rest)
    assert len(found) == len(manual.PARTS) * len(manual.FAULTS)
    assert {len(rests) for rests in found.values()} == {1}
    assert len(set.union(*found.values())) == len(found), "and no other pair has both"


def test_curation_takes_every_sentence(tmp_path):
    spec = CurateSpec(source="raw", prompt="{opening}", completion="{rest}", golden="golden.jsonl")
    report = curate(spec, Places(manual.RAW_FILE.parent, tmp_path, manual.GOLDEN_FILE))
    assert (report["records_out"], report["dropped"]) == (manual.RAW_ROWS, {})
    assert report["redacted"].get("records", 0) == 0


def test_an_answer_in_the_manuals_words_for_another_fault_does_not_pass_the_gate():
    gate = read_pipeline(orders.ROOT / "include/pipelines/bedrock_pretraining.yaml").gate
    wanted = [row["completion"] for row in manual.golden()]
    answers = [rest for _, rest in manual.sentences()[: len(wanted)]]
    guessed = sum(text_f1(answer, want) for answer, want in zip(answers, wanted, strict=True)) / len(wanted)
    assert gate.metric == "text_f1"
    assert 0.3 < guessed < gate.at_least - 0.05


@pytest.mark.parametrize("part", manual.PARTS)
def test_the_machines_do_not_exist(part):
    assert part not in orders.GOLDEN_FILE.read_text()
    assert any(part in row["opening"] for row in manual.raw())
