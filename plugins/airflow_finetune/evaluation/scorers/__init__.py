"""The scorers, by name: one file each, one line each here."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from airflow_finetune.errors import SpecError
from airflow_finetune.evaluation.scorers import exact_match, field_f1, json_validity, text_f1
from airflow_finetune.evaluation.scorers.scorer import Scorer

SCORERS: tuple[Scorer, ...] = (exact_match.SCORER, json_validity.SCORER, field_f1.SCORER, text_f1.SCORER)
NAMES: tuple[str, ...] = tuple(scorer.name for scorer in SCORERS)

__all__ = ["NAMES", "SCORERS", "Scorer", "named", "unknown"]


def named(names: Sequence[str]) -> tuple[Scorer, ...]:
    """Return the scorers of these names, in this order and each once.

    Raises:
        SpecError: there is no name, or no scorer of a name.
    """
    said = "; ".join(unknown(name) for name in names if name not in NAMES) or ("" if names else "there is none.")
    if said:
        raise SpecError("scorers", said, "Correct the list; nothing was asked of a model.")
    return tuple(next(scorer for scorer in SCORERS if scorer.name == name) for name in dict.fromkeys(names))


def unknown(name: str) -> str:
    """Return what to say about a name that no scorer has."""
    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.6)
    return f"{name!r} is no scorer: " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(NAMES)}.")
