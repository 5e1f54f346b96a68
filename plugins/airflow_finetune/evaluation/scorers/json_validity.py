"""JSON validity: whether a program could read an answer at all."""

from __future__ import annotations

from airflow_finetune.evaluation.scorers.json_text import structure
from airflow_finetune.evaluation.scorers.scorer import Scorer


def json_validity(output: str, target: str) -> float:
    """Return 1 if the answer is JSON of the target's kind, else 0.

    Formula: ``1[output is JSON, and an object if the target is one, else an array]``. JSON is RFC 8259, with unique
    names in each object (RFC 7493, section 2.3); no text may stand around it. What the fields hold does not matter.

    Raises:
        ValueError: the target itself is no JSON object or array; golden sets are checked for that.
    """
    wanted = structure(target)
    if wanted is None:
        raise ValueError("the target is no JSON object or array")
    return float(type(structure(output)) is type(wanted))


SCORER = Scorer("json_validity", json_validity, "binary", True, "the answer is JSON of the kind that was wanted")
