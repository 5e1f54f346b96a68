"""Text F1: how many of the words of a free text are right."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from airflow_finetune.evaluation.scorers.scorer import Scorer

_WORD = re.compile(r"\w+")


def text_f1(output: str, target: str) -> float:
    """Return the F1 score of an answer's words against the target's, from 0 to 1.

    Formula: ``F1 = 2 TP / (2 TP + FP + FN)`` over the words as a multiset, the token F1 of Rajpurkar et al. 2016
    (SQuAD, section 6.1). Words are runs of letters, digits and underscores in Unicode's NFKC, and case does not count;
    unlike SQuAD's, articles do, as they do not exist in every language. The order of the words does not count. When
    neither side has a word the score is 1.
    """
    found, wanted = _words(output), _words(target)
    if not found and not wanted:
        return 1.0
    return 2 * (found & wanted).total() / (found.total() + wanted.total())


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


SCORER = Scorer("text_f1", text_f1, "fraction", False, "the share of words that are right (F1)")
