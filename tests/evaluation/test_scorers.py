"""Each scorer by examples that were worked out by hand, and by what must hold for any text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_finetune.errors import SpecError
from airflow_finetune.evaluation.scorers import NAMES, SCORERS, Scorer, named
from airflow_finetune.evaluation.scorers.exact_match import exact_match
from airflow_finetune.evaluation.scorers.field_f1 import field_f1
from airflow_finetune.evaluation.scorers.json_validity import json_validity
from airflow_finetune.evaluation.scorers.text_f1 import text_f1

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4).map(json.dumps)


@pytest.mark.parametrize(
    ("output", "target", "score"),
    [
        ("card_arrival", "card_arrival", 1),
        ("  card_arrival\n", "card_arrival", 1),
        ("Card_arrival", "card_arrival", 0),
        ("lost  or\tstolen card", "lost or stolen card", 1),
        ("cafe\u0301", "caf\u00e9", 1),
        ("", "card_arrival", 0),
        ('{"b": 2, "a": 1}', '{"a":1,"b":2.0}', 1),
        ('{"a": 1, "b": 2, "c": 3}', '{"a": 1, "b": 2}', 0),
        ('{"a": true}', '{"a": 1}', 0),
        ('{"a": "1"}', '{"a": 1}', 0),
        ('{"a": null}', "{}", 0),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', 0),
        ('{"a": 10000000000000000000001}', '{"a": 10000000000000000000000}', 0),
        ('{"a": 0.1}', '{"a": 0.10}', 1),
        ('Sure! {"a": 1}', '{"a": 1}', 0),
        ('{"a": 1, "a": 1}', '{"a": 1}', 0),
        ('{"a": NaN}', '{"a": NaN}', 1),  # no JSON on either side: compared as texts
        ('{"a": NaN}', '{"a": 1}', 0),
        ("42.0", "42", 0),  # a bare number is a label
    ],
)
def test_exact_match_by_hand(output: str, target: str, score: float) -> None:
    assert exact_match(output, target) == score


@pytest.mark.parametrize(
    ("output", "target", "score"),
    [
        ('{"anything": [1, {}]}', '{"a": 1}', 1),
        ("[]", '{"a": 1}', 0),
        ("[{}]", "[1]", 1),
        ("42", '{"a": 1}', 0),
        ('"{}"', "{}", 0),
        ("{'a': 1}", "{}", 0),
        ('{"a": 1,}', "{}", 0),
        ('```json\n{"a": 1}\n```', "{}", 0),
        ('{"a": 1} {"a": 2}', "{}", 0),
        ('{"a": 1, "a": 2}', "{}", 0),
        ('{"a": Infinity}', "{}", 0),
        ('{"a": "\n"}', "{}", 0),
        (' {"a": 1e400}\n', "{}", 1),
        ("[" * 100_000, "[]", 0),
        ("", "{}", 0),
    ],
)
def test_json_validity_by_hand(output: str, target: str, score: float) -> None:
    assert json_validity(output, target) == score


@pytest.mark.parametrize(
    ("output", "target", "score"),
    [
        ('{"a": 1, "b": 2, "c": 3, "d": 4}', '{"a": 1, "b": 2, "c": 3, "d": 4}', 1.0),
        ('{"a": 1, "b": 2, "c": 3, "d": 5}', '{"a": 1, "b": 2, "c": 3, "d": 4}', 3 / 4),  # TP 3, FP 1, FN 1
        ('{"a": 1}', '{"a": 1, "b": 2, "c": 3}', 1 / 2),  # TP 1, FN 2
        ('{"a": 1, "b": 2, "c": 3}', '{"a": 1}', 1 / 2),  # TP 1, FP 2
        ('{"a": {"b": 1, "c": 2}}', '{"a": {"b": 1, "c": 3}}', 1 / 2),  # leaves count
        ('{"b": 1}', '{"a": {"b": 1}}', 0.0),  # at another place
        ('{"spans": [[0, 3], [5, 9]]}', '{"spans": [[5, 9], [0, 3]]}', 1.0),  # order does not count
        ('{"spans": [[0, 3], [0, 3]]}', '{"spans": [[0, 3]]}', 2 / 3),  # a multiset: TP 1, FP 1
        # Elements are compared whole: fields of two spans cannot be mixed.
        ('{"s": [{"l": "x", "b": 1}, {"l": "y", "b": 2}]}', '{"s": [{"l": "x", "b": 2}, {"l": "y", "b": 1}]}', 0.0),
        ('{"s": [{"l": "x"}, {"l": "y"}]}', '{"s": [{"l": "y"}, {"l": "z"}]}', 1 / 2),
        ('{"a": []}', "{}", 0.0),
        ('{"a": [], "b": null}', '{"a": {}, "b": null}', 1 / 2),
        ("{}", "{}", 1.0),
        ("{}", '{"a": 1}', 0.0),
        ("[1, 2]", "[2, 3]", 1 / 2),
        ("[]", "[]", 1.0),
        ("[]", "{}", 0.0),
        ("nothing", "{}", 0.0),
        ('{"Name": " Ann  Lee "}', '{"Name": "Ann Lee"}', 1.0),
        ('{"name": "Ann Lee"}', '{"Name": "Ann Lee"}', 0.0),
    ],
)
def test_field_f1_by_hand(output: str, target: str, score: float) -> None:
    assert field_f1(output, target) == pytest.approx(score)


@pytest.mark.parametrize(
    ("output", "target", "score"),
    [
        ("the keeper turns the ring", "the keeper turns the ring", 1.0),
        ("The KEEPER, turns: the ring!", "the keeper turns the ring", 1.0),  # case and punctuation do not count
        ("ring the turns keeper the", "the keeper turns the ring", 1.0),  # nor does order
        ("the the", "the keeper", 1 / 2),  # a multiset: TP 1 of 2 and 2
        ("a keeper turns the old ring", "the keeper", 2 * 2 / (6 + 2)),
        ("nothing of it", "the keeper", 0.0),
        ("", "the keeper", 0.0),
        ("", "...", 1.0),
        ("ﬁve", "five", 1.0),  # a ligature, as NFKC reads it
        ("deck 12", "deck 13", 1 / 2),
    ],
)
def test_text_f1_by_hand(output: str, target: str, score: float) -> None:
    assert text_f1(output, target) == pytest.approx(score)


@given(st.text(), st.text())
def test_text_f1_is_symmetric(one: str, other: str) -> None:
    assert text_f1(one, other) == pytest.approx(text_f1(other, one))


@given(st.text() | OBJECTS, OBJECTS)
def test_no_answer_breaks_a_scorer(output: str, target: str) -> None:
    for scorer in SCORERS:
        score = scorer.score(output, target)
        assert 0.0 <= score <= 1.0
        assert scorer.kind == "fraction" or score in (0.0, 1.0)


@given(OBJECTS)
def test_the_target_itself_scores_1(target: str) -> None:
    assert [scorer.score(target, target) for scorer in SCORERS] == [1.0] * len(SCORERS)


@given(OBJECTS, OBJECTS)
def test_f1_is_symmetric_and_1_wherever_the_match_is_exact(one: str, other: str) -> None:
    assert field_f1(one, other) == pytest.approx(field_f1(other, one))
    if exact_match(one, other) == 1.0:
        assert field_f1(one, other) == 1.0


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_white_space_and_the_order_of_members_do_not_count(value: dict[str, object]) -> None:
    turned = json.dumps(dict(reversed(value.items())), indent=3, ensure_ascii=False)
    assert exact_match(turned, json.dumps(value)) == 1.0


@pytest.mark.parametrize("scorer", [each for each in SCORERS if each.wants_json], ids=lambda scorer: scorer.name)
def test_a_target_that_a_scorer_cannot_judge_is_no_score(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="no JSON object or array"):
        scorer.score("{}", "card_arrival")


def test_names_are_the_functions_names() -> None:
    assert [scorer.score.__name__ for scorer in SCORERS] == list(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_a_misspelt_scorer_is_refused_with_the_near_name() -> None:
    with pytest.raises(SpecError, match="'exact_mach' is no scorer: did you mean 'exact_match'"):
        named(["json_validity", "exact_mach"])
    with pytest.raises(SpecError, match="'bleu' is no scorer: known are exact_match, json_validity, field_f1"):
        named(["bleu"])
    with pytest.raises(SpecError, match="there is none"):
        named([])
