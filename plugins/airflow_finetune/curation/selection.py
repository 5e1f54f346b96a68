"""Decides over all examples at once: duplicates, contradictions, and on which side of the split each one lies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Literal, NamedTuple

from airflow_finetune.curation.records import CONTRADICTION, DUPLICATE, IN_GOLDEN_NORMALISED
from airflow_finetune.curation.spec import ContradictionPolicy
from airflow_finetune.curation.spool import Row

EXPLAINED = {
    DUPLICATE: "equal to {}.",
    CONTRADICTION: "{} has the same prompt and another completion.",
    IN_GOLDEN_NORMALISED: "{} has the same prompt and is in the golden set.",
}
"""What a reason says of a row, with the origin of the row that explains it."""

Side = Literal["train", "validation", "golden"]


class Rules(NamedTuple):
    """What the selection goes by.

    Attributes:
        on_contradiction: the policy.
        validation_fraction: of the prompts.
        holdout: how many prompts to hold out now; 0 for none.
    """

    on_contradiction: ContradictionPolicy
    validation_fraction: float
    holdout: int = 0


class Selection:
    """Goes through sorted rows once.

    A prompt goes to one side as a whole, by its own digest: the same prompt lies on the same side in every run, and
    the records around it change nothing.

    Args:
        rules: what to go by.
        drop: called with a row, a reason and the row that explains it.
    """

    def __init__(self, rules: Rules, drop: Callable[[Row, str, Row], None]) -> None:
        self._rules, self._drop = rules, drop
        self._held_out = 0
        self.contradictory_prompts = 0
        self.contradictory_records = 0

    def sides(self, rows: Iterable[Row]) -> Iterator[tuple[Side, Row]]:
        """Yield every row that is kept, with its side; the others are dropped."""
        for _, group in groupby(rows, key=lambda row: row.prompt):
            unique = list(self._unique(group))
            kept, contradicts = self._settled(unique)
            if not kept:
                continue
            if self._held_out < self._rules.holdout and not contradicts:
                self._held_out += 1
                yield "golden", kept[0]
                self._drop_beside_golden(kept)
                continue
            side = self._side(kept[0].prompt)
            for row in kept:
                yield side, row

    def _unique(self, rows: Iterable[Row]) -> Iterator[Row]:
        last: Row | None = None
        for row in rows:
            if last is not None and row.line == last.line and row.system == last.system:
                self._drop(row, DUPLICATE, last)
            else:
                last = row
                yield row

    def _settled(self, rows: list[Row]) -> tuple[list[Row], bool]:
        """Return what is left of equal prompts under the policy, and whether they contradict each other."""
        kept: list[Row] = []
        contradicts = False
        for _, group in groupby(rows, key=lambda row: row.system):
            same = list(group)
            if len({row.completion for row in same}) == 1:
                kept += same
                continue
            contradicts = True
            self.contradictory_prompts += 1
            self.contradictory_records += len(same)
            kept += self._judged(same)
        return kept, contradicts

    def _judged(self, rows: list[Row]) -> Iterator[Row]:
        if self._rules.on_contradiction == "report":
            yield from rows
            return
        first = min(rows, key=lambda row: row.offset)
        for row in rows:
            if self._rules.on_contradiction == "keep_first" and row.completion == first.completion:
                yield row
            else:
                other = first if row.completion != first.completion else _another(rows, row)
                self._drop(row, CONTRADICTION, other)

    def _drop_beside_golden(self, kept: list[Row]) -> None:
        for row in kept[1:]:
            self._drop(row, IN_GOLDEN_NORMALISED, kept[0])

    def _side(self, prompt: bytes) -> Side:
        share = int.from_bytes(prompt[8:], "big") / 2**64
        return "validation" if share < self._rules.validation_fraction else "train"


def _another(rows: list[Row], row: Row) -> Row:
    return next(each for each in rows if each.completion != row.completion)
