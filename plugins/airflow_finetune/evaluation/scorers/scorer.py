"""What a scorer is: a function of an answer and what was wanted, and what must be known of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from airflow_finetune.values import ScoreKind


class Scorer(NamedTuple):
    """How answers are scored.

    Attributes:
        name: what people write and reports show.
        score: of an answer and the target, from 0 to 1; never raises for any answer.
        kind: ``binary`` when the score is always 0 or 1.
        wants_json: whether every target must be a JSON object or array.
        says: what a score means, in words.
    """

    name: str
    score: Callable[[str, str], float]
    kind: ScoreKind
    wants_json: bool
    says: str
