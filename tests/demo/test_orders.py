"""The project's own task: its files repeat from their seeds, and no golden order was ever trained on."""

from __future__ import annotations

import json

from demo import orders


def test_both_files_are_what_the_generator_writes() -> None:
    assert orders.read(orders.TRAIN_FILE) == list(orders.records(orders.TRAIN_SEED, orders.TRAIN_ROWS))
    golden = list(orders.chat_lines(orders.records(orders.GOLDEN_SEED, orders.GOLDEN_ROWS)))
    assert orders.read(orders.GOLDEN_FILE) == golden
    assert golden != list(orders.chat_lines(orders.records(orders.TRAIN_SEED, orders.GOLDEN_ROWS)))


def test_no_golden_order_stands_in_the_training_data() -> None:
    train, golden = orders.read(orders.TRAIN_FILE), orders.read(orders.GOLDEN_FILE)
    assert (len(train), len(golden)) == (1000, 300)
    assert not {row["text"] for row in train} & {row["prompt"] for row in golden}
    assert not {row["json"] for row in train} & {row["completion"] for row in golden}
    assert len({row["text"] for row in train}) == 1000


def test_each_record_says_all_five_fields_in_its_text() -> None:
    for row in orders.read(orders.TRAIN_FILE):
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
