"""Exact match: whether an answer is what was wanted."""

from __future__ import annotations

from airflow_finetune.evaluation.scorers.json_text import comparable, comparable_text, structure
from airflow_finetune.evaluation.scorers.scorer import Scorer


def exact_match(output: str, target: str) -> float:
    """Return 1 if the answer is what was wanted, else 0.

    Formula: ``1[norm(output) = norm(target)]``; the mean over items is the exact match of Rajpurkar et al. 2016
    (SQuAD, section 6.1), but with another ``norm``, as case, articles and punctuation matter in labels and in fields:

    - A target that is a JSON object or array: both are compared as JSON values. White space and the order of an
      object's members do not count, the order of an array does; ``1`` equals ``1.0``, not ``true`` and not ``"1"``.
      An answer that is no JSON, or has any text around it, is wrong.
    - Any other target: both are compared as texts.
    - Texts, also those inside JSON, are compared in Unicode's NFC, without white space around them and with every run
      of white space as one space. Case counts.
    """
    wanted = structure(target)
    if wanted is None:
        return float(comparable_text(output) == comparable_text(target))
    answered = structure(output)
    return float(answered is not None and comparable(answered) == comparable(wanted))


SCORER = Scorer("exact_match", exact_match, "binary", False, "the answer is what was wanted")
