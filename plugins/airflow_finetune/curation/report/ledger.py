"""The account of a run: every record that came in went out or was dropped under a named reason."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import NamedTuple, NoReturn

from airflow_finetune.curation.records import REASONS, UNUSABLE, Origin
from airflow_finetune.curation.redaction import Redactor
from airflow_finetune.errors import EmptySource, NothingToTrainOn

EXAMPLES_PER_REASON = 5
_LONGEST_REMARK = 300
_EARLY_LOOK = 1000
_NOTICES_OF_A_KIND = 5


class Example(NamedTuple):
    """One dropped record, for people who want to look it up; it never holds what is masked."""

    where: str
    said: str


class Ledger:
    """Counts records in and records dropped, and keeps the first examples of each reason.

    Whatever it is told is masked before it is kept, whether or not the dataset is.
    """

    def __init__(self) -> None:
        self.records_in = 0
        self.dropped: Counter[str] = Counter()
        self.examples: defaultdict[str, list[Example]] = defaultdict(list)
        self.records_of_file: dict[str, int] = {}
        self._notices: list[str] = []
        self._notices_of_kind: Counter[str] = Counter()
        self._mask = Redactor().redact

    def open_file(self, name: str) -> None:
        """Begin a file."""
        self.records_of_file[name] = 0

    def count_in(self, origin: Origin) -> None:
        """Count one record that was read or could not be read."""
        self.records_in += 1
        self.records_of_file[origin.file] += 1

    def drop(self, origin: Origin, reason: str, said: str) -> None:
        """Drop one record under a named reason."""
        self.dropped[reason] += 1
        if len(self.examples[reason]) < EXAMPLES_PER_REASON:
            self.examples[reason].append(Example(self.shown(str(origin)), self.shown(said)))

    def notice(self, kind: str, said: str) -> None:
        """Keep something that a person should know; many of one kind are counted, not listed."""
        self._notices_of_kind[kind] += 1
        if self._notices_of_kind[kind] <= _NOTICES_OF_A_KIND:
            self._notices.append(self.shown(said))

    @property
    def notices(self) -> list[str]:
        """Return the notices, and how many there are of a kind that was cut short."""
        more = {kind: count - _NOTICES_OF_A_KIND for kind, count in self._notices_of_kind.items()}
        return self._notices + [f"{kind}: {count} more." for kind, count in more.items() if count > 0]

    @property
    def unusable(self) -> int:
        """Return how many records could not be read or mapped."""
        return sum(self.dropped[reason] for reason in UNUSABLE)

    def shown(self, text: str) -> str:
        """Return a text as a report may hold it: masked, in one line, cut short behind the mask."""
        masked = re.sub(r"\s+", " ", self._mask(text))
        return masked if len(masked) <= _LONGEST_REMARK else masked[:_LONGEST_REMARK] + " ..."

    def check(self, max_unusable_fraction: float, *, at_end: bool) -> None:
        """Stop a run whose source and mapping do not fit, early where nothing fits at all.

        Raises:
            EmptySource: there was no record.
            NothingToTrainOn: too few of them can be used.
        """
        if not at_end and not (self.records_in == _EARLY_LOOK and self.unusable == _EARLY_LOOK):
            return
        if not self.records_in:
            names = ", ".join(list(self.records_of_file)[:5])
            raise EmptySource("source", f"no record in {names}.", "Check what has written the files.")
        if self.unusable > max_unusable_fraction * self.records_in:
            said = f"{self.unusable} of {self.records_in} records cannot be read or mapped. {self.summary(UNUSABLE)}"
            raise NothingToTrainOn("source", said, "Correct the mapping or the source, or raise max_unusable_fraction.")

    def nothing_left(self, held_out: int, holdout: int) -> NoReturn:
        """Say where everything has gone.

        Args:
            held_out: how many records went into the golden set.
            holdout: how many prompts it asks for; 0 for none.

        Raises:
            NothingToTrainOn: always.
        """
        held = f"{held_out} went into the golden set (freeze_holdout: {holdout}). " if holdout else ""
        said = f"of {self.records_in} records none is left. {held}{self.summary()}".rstrip()
        raise NothingToTrainOn("training data", said, "Give more data, or change what the reasons name.")

    def summary(self, reasons: frozenset[str] | None = None) -> str:
        """Return the dropped records in words, each reason with its first example."""
        wanted = [(reason, count) for reason, count in self.dropped.most_common() if not reasons or reason in reasons]
        return " ".join(self._in_words(reason, count) for reason, count in wanted)

    def _in_words(self, reason: str, count: int) -> str:
        first = self.examples[reason][0]
        meaning = REASONS.get(reason, "a reason of the mapping")
        return f"{reason}: {count} ({meaning}), first {first.where}: {first.said.rstrip('.')}."
