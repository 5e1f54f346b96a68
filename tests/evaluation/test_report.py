"""A report counts every item in pairs; its page shows hostile text as text and never what was masked."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from airflow_finetune.curation.canonical import Message
from airflow_finetune.errors import DataError
from airflow_finetune.evaluation.gate import verdict
from airflow_finetune.evaluation.golden import GoldenItem, GoldenSet
from airflow_finetune.evaluation.page import page
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.report import Arm, Judged, answer_lines, read_answer_lines, report
from airflow_finetune.evaluation.scorers import named
from airflow_finetune.values import EvalReport, ModelReference

HOSTILE = "</svg></style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
SCORERS = named(["exact_match", "json_validity", "field_f1"])
WANTED = '{"a": 1, "b": 2}'


def evaluated(*answers: tuple[str | None, str | None], prompt: str = "q") -> tuple[EvalReport, tuple[Judged, ...]]:
    items = tuple(GoldenItem(n, (Message("user", f"{prompt} {n}"),), WANTED) for n in range(1, len(answers) + 1))
    arms = [
        Arm(ModelReference(uri=f"s3://b/{HOSTILE}/{side}", sha256=str(side) * 64), [each[side] for each in answers])
        for side in (0, 1)
    ]
    return report(GoldenSet(items, "c" * 64), "s3://b/golden.jsonl", arms[0], arms[1], SCORERS)


def test_every_item_is_counted_in_pairs() -> None:
    made, _ = evaluated((WANTED, WANTED), ("x", WANTED), ("x", WANTED), (WANTED, "x"), ('{"a": 1}', None))
    pairs = made.metrics["exact_match"].pairs
    assert pairs is not None
    assert (pairs.both_right, pairs.only_baseline, pairs.only_candidate, pairs.both_wrong) == (1, 1, 2, 1)
    fields = made.metrics["field_f1"]
    assert fields.pairs is None
    assert fields.differences.mean == pytest.approx((0 + 1 + 1 - 1 - 2 / 3) / 5)
    assert fields.differences.thousandths == {-1000: 1, -667: 1, 0: 1, 1000: 2}
    assert fields.candidate_thousandths == {0: 2, 1000: 3}
    assert (made.items, made.unanswered_baseline, made.unanswered_candidate) == (5, 0, 1)
    assert made.golden.sha256 == "c" * 64


def test_a_missing_answer_is_an_error_and_not_a_shorter_list() -> None:
    golden = GoldenSet((GoldenItem(1, (Message("user", "q"),), WANTED),), "c" * 64)
    arm = Arm(ModelReference(uri="s3://b/0"), [WANTED])
    with pytest.raises(DataError, match="candidate: 0 answers for 1 golden items"):
        report(golden, "s3://b/g", arm, arm._replace(answers=[]), SCORERS)


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.texts = set[str](), set[str](), list[str]()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_hostile_text_is_shown_and_never_run() -> None:
    made, judged = evaluated((HOSTILE, WANTED), (WANTED, HOSTILE), prompt=HOSTILE)
    text = page(made, judged, verdict(made, GatePolicy(metric="exact_match")))
    found = Tags(text)
    assert not found.tags & {"script", "img", "link", "iframe", "object", "embed", "form", "a"}
    assert not [name for name in found.attributes if name.startswith("on") or name in ("src", "href")]
    assert any(HOSTILE in shown for shown in found.texts)
    assert "default-src 'none'" in text


def test_only_items_that_differ_are_shown() -> None:
    made, judged = evaluated((WANTED, WANTED), ("no", WANTED))
    text = page(made, judged)
    assert "Items that differ (1)" in text
    assert "line 2" in text
    assert "line 1<" not in text


def test_personal_data_and_secrets_are_masked_in_the_page_and_in_the_lines() -> None:
    leaked = "ann.lee@example.com has hf_abcdefghijklmnopqrstuvwxyz"
    made, judged = evaluated((leaked, WANTED), (WANTED, None), prompt="I am ann.lee@example.com")
    for text in (page(made, judged), answer_lines(judged)):
        assert "ann.lee" not in text
        assert "hf_abc" not in text
        assert "[EMAIL]" in text
    assert leaked in [each.baseline for each in judged]  # negative control: it was there to be masked


def test_the_items_can_be_read_again_from_their_lines_and_give_the_same_page() -> None:
    made, judged = evaluated((HOSTILE, WANTED), (None, WANTED), (WANTED, "ann.lee@example.com"), prompt="a\u2028b")
    again = read_answer_lines(answer_lines(judged))
    assert [each.item.line for each in again] == [1, 2, 3]
    assert [each.scores for each in again] == [each.scores for each in judged]
    assert page(made, again) == page(made, judged)
    assert answer_lines(again) == answer_lines(judged)
    assert again != judged, "the control: a mask stays"


def test_the_page_says_how_long_both_were_asked_and_what_that_and_more_items_cost() -> None:
    made, judged = evaluated((None, WANTED), (None, WANTED))
    assert "Both were asked within" not in page(made, judged)
    told = made.model_copy(update={"seconds": 42.4, "usd": 0.0123, "sampling": {"stop": [HOSTILE]}})
    text = page(told, judged, verdict(told, GatePolicy(metric="exact_match"), usd_per_item=0.01))
    assert "Both were asked within 42 s, which cost $0.012 of endpoint time" in text
    assert "more items could decide, for about $0.28 of asking both models" in text
    assert "<script>" not in text


def test_half_a_character_breaks_nothing() -> None:
    made, judged = evaluated(("\ud800", WANTED))
    page(made, judged).encode()
    assert [json.loads(line)["line"] for line in answer_lines(judged).splitlines()] == [1]
