"""What flows through curation: a record as it was read, and the named reasons for which one is dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

BROKEN_LINE = "broken_line"
BAD_ENCODING = "bad_encoding"
MISSING_COLUMN = "missing_column"
MISSING_VALUE = "missing_value"
MAPPING_FAILED = "mapping_failed"
EMPTY_PROMPT = "empty_prompt"
EMPTY_COMPLETION = "empty_completion"
TOO_LONG = "too_long"
IN_GOLDEN_EXACT = "in_golden_exact"
IN_GOLDEN_NORMALISED = "in_golden_normalised"
DUPLICATE = "duplicate"
CONTRADICTION = "contradiction"

REASONS = {
    BROKEN_LINE: "the file's format is broken there",
    BAD_ENCODING: "bytes that are no text in the file's encoding",
    MISSING_COLUMN: "a column that the mapping names is not in the record",
    MISSING_VALUE: "a column that the mapping names holds null",
    MAPPING_FAILED: "the mapping raised an error",
    EMPTY_PROMPT: "nothing is left of the prompt without white space",
    EMPTY_COMPLETION: "nothing is left of the completion without white space",
    TOO_LONG: "more characters than max_characters",
    IN_GOLDEN_EXACT: "its prompt is in the golden set, to the letter",
    IN_GOLDEN_NORMALISED: "its prompt is in the golden set but for case, width or white space",
    DUPLICATE: "an equal record is kept",
    CONTRADICTION: "the same prompt has another completion elsewhere",
}
"""Every reason of ours with its meaning; a mapping can add its own with ``drop('reason')``."""

UNUSABLE = frozenset({BROKEN_LINE, BAD_ENCODING, MISSING_COLUMN, MISSING_VALUE, MAPPING_FAILED})
"""Reasons that say that source and mapping do not fit; too many of them stop the run."""


class Origin(NamedTuple):
    """Where a record comes from.

    Attributes:
        file: its name below the source.
        number: of the line or row that it starts at, from 1.
        unit: ``line`` or ``row``.
    """

    file: str
    number: int
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.file}, {self.unit} {self.number}"


class Record(NamedTuple):
    """One record as it was read: column -> value, in plain JSON types."""

    origin: Origin
    values: Mapping[str, Any]


class Broken(NamedTuple):
    """What could not be read as a record."""

    origin: Origin
    reason: str
    said: str


class Dropped(Exception):
    """Raised inside the kernel to drop the record at hand under a named reason.

    Args:
        reason: a key of ``REASONS``, or a mapping's own.
        said: what exactly was found.
    """

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason, said)
        self.reason, self.said = reason, said
