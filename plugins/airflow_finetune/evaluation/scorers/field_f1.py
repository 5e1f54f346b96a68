"""Field F1: how many of the fields of a JSON answer are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

from airflow_finetune.evaluation.scorers.json_text import comparable, comparable_text, structure
from airflow_finetune.evaluation.scorers.scorer import Scorer


def field_f1(output: str, target: str) -> float:
    """Return the F1 score of an answer's fields against the target's, from 0 to 1.

    Formula: ``F1 = 2 TP / (2 TP + FP + FN)`` (van Rijsbergen 1979, chapter 7, as the harmonic mean of precision and
    recall), micro over the fields of one item: every field counts the same, however deep it lies. A report's mean is
    over items (as in Rajpurkar et al. 2016), so an item with many fields weighs no more than another.

    A field is a path and a value, and is right only if both are. Objects are walked to their leaves. Elements of an
    array are compared whole and without their order, as a multiset, under the array's path: a span is right when its
    label, start and end all are, like an entity in CoNLL-2003 (Tjong Kim Sang & De Meulder 2003). An empty object or
    array is a field of its own, and so is null. Values are equal as in ``exact_match``. When neither side has a field
    the score is 1; an answer that is no JSON, or of the other kind, scores 0.

    Raises:
        ValueError: the target itself is no JSON object or array; golden sets are checked for that.
    """
    wanted = structure(target)
    if wanted is None:
        raise ValueError("the target is no JSON object or array")
    answered = structure(output)
    if type(answered) is not type(wanted):
        return 0.0
    if not answered and not wanted:
        return 1.0
    found, right = Counter(_fields(answered, ())), Counter(_fields(wanted, ()))
    return 2 * (found & right).total() / (found.total() + right.total())


def _fields(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Hashable]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _fields(item, (*path, comparable_text(key)))
    elif isinstance(value, list) and value:
        for item in value:
            yield (*path, "[]"), comparable(item)
    elif path:
        yield path, comparable(value)


SCORER = Scorer("field_f1", field_f1, "fraction", True, "the share of fields that are right (F1)")
