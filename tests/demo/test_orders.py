"""The project's own task: its files repeat from their seeds, and what spoils the raw ones is what curation finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.curation.curate import Places, curate
from airflow_finetune.curation.spec import CurateSpec
from demo import orders, raw_orders


@pytest.fixture(scope="module")
def curated(tmp_path_factory) -> tuple[dict[str, Any], Path]:
    spec = CurateSpec(source="raw", prompt="{text}", completion="{json}", golden="golden.jsonl")
    out = tmp_path_factory.mktemp("curated")
    return curate(spec, Places(source=raw_orders.FOLDER, out=out, golden=orders.GOLDEN_FILE)), out


def test_all_files_are_what_the_generators_write() -> None:
    made = raw_orders.rows()
    assert (raw_orders.FOLDER / raw_orders.SHOP).read_text() == raw_orders.shop(made)
    assert (raw_orders.FOLDER / raw_orders.NOTES).read_text() == raw_orders.notes(made)
    golden = list(orders.chat_lines(orders.records(orders.GOLDEN_SEED, orders.GOLDEN_ROWS)))
    assert orders.read(orders.GOLDEN_FILE) == golden
    assert golden != list(orders.chat_lines(orders.records(orders.TRAIN_SEED, orders.GOLDEN_ROWS)))


def test_curation_drops_what_was_spoilt_and_for_no_other_reason(curated) -> None:
    report, _ = curated
    assert report["dropped"] == raw_orders.SPOILT
    assert report["records_out"] == orders.TRAIN_ROWS
    assert report["records_in"] == orders.TRAIN_ROWS + sum(raw_orders.SPOILT.values())


def test_curation_masks_every_contact_and_nothing_else(curated) -> None:
    report, out = curated
    assert report["redacted"] == {**raw_orders.TOLD, "records": sum(raw_orders.TOLD.values())}
    raw, clean = "".join(path.read_text() for path in raw_orders.FOLDER.iterdir()), (out / "train.jsonl").read_text()
    for given_away in ("@mail.example.com", "7946 0", "4111 1111"):
        assert given_away in raw, "the negative control"
        assert given_away not in clean


def test_no_golden_order_is_left_in_what_a_model_learns_from(curated) -> None:
    _, out = curated
    chats = [json.loads(line)["messages"] for line in (out / "train.jsonl").read_text().splitlines()]
    golden = orders.read(orders.GOLDEN_FILE)
    assert not {chat[0]["content"] for chat in chats} & {row["prompt"] for row in golden}
    assert not {chat[1]["content"] for chat in chats} & {row["completion"] for row in golden}
    raw = (raw_orders.FOLDER / raw_orders.SHOP).read_text() + (raw_orders.FOLDER / raw_orders.NOTES).read_text()
    assert any(row["prompt"] in raw for row in golden), "the negative control: some were in the raw files"


def test_each_record_says_all_five_fields_in_its_text() -> None:
    for row in orders.records(orders.TRAIN_SEED, orders.TRAIN_ROWS):
        fields = json.loads(row["json"])
        assert tuple(fields) == orders.FIELDS
        assert fields["customer"] in row["text"]
        assert fields["sku"] in row["text"]
        assert isinstance(fields["qty"], int)
        assert isinstance(fields["express"], bool)


def test_exact_match_wants_all_fields_in_any_order_and_nothing_else() -> None:
    wanted = json.dumps({"a": 1, "b": True})
    assert (
        orders.exact_match(['{"b": true, "a": 1}', '{"a": 1}', "no json", '{"a": 1, "b": 1.5}'], [wanted] * 4) == 0.25
    )
