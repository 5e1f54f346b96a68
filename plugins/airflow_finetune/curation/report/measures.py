"""What a report shows of a dataset, measured in memory that does not grow with it: lengths, answers, a few examples."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from typing import NamedTuple

from airflow_finetune.curation.spool import Row, Spool

_MOST_ANSWERS = 1000
_SAMPLES = 5
# Upper ends of the bins of lengths, in characters; wide enough apart that a picture can hold them.
BINS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


class Lengths(NamedTuple):
    """A distribution of lengths in characters.

    Attributes:
        bins: how many texts are at most so long as the bin's upper end; the last one holds all that are longer.
        least: the shortest.
        most: the longest.
        mean: the average.
    """

    bins: tuple[int, ...]
    least: int
    most: int
    mean: float


class Measures:
    """Gathers measures of the rows that go into training and validation."""

    def __init__(self) -> None:
        self._prompt, self._completion = _Histogram(), _Histogram()
        self._answers: Counter[bytes] = Counter()
        self._answer_rows: dict[bytes, Row] = {}
        self._sample_rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Count a row."""
        self._prompt.add(row.prompt_characters)
        self._completion.add(row.completion_characters)
        if len(self._sample_rows) < _SAMPLES:
            self._sample_rows.append(row)
        if row.completion in self._answers or len(self._answers) <= _MOST_ANSWERS:
            self._answers[row.completion] += 1
            self._answer_rows.setdefault(row.completion, row)

    def lengths(self) -> dict[str, Lengths]:
        """Return the distributions of the lengths of prompts and completions."""
        return {"prompt": self._prompt.lengths(), "completion": self._completion.lengths()}

    def answers(self, spool: Spool) -> list[tuple[str, int]] | None:
        """Return how often each completion is given, the most frequent first; None where there are no classes."""
        total = sum(self._answers.values())
        if len(self._answers) > _MOST_ANSWERS or len(self._answers) * 2 > total:
            return None
        told = [
            (_messages(spool, self._answer_rows[key])[-1]["content"], count) for key, count in self._answers.items()
        ]
        return sorted(told, key=lambda each: (-each[1], each[0]))

    def samples(self, spool: Spool) -> list[list[dict[str, str]]]:
        """Return a few examples, always the same ones for the same dataset."""
        return [_messages(spool, row) for row in self._sample_rows]


class _Histogram:
    def __init__(self) -> None:
        self._bins = [0] * (len(BINS) + 1)
        self._least, self._most, self._sum, self._count = 0, 0, 0, 0

    def add(self, length: int) -> None:
        self._bins[bisect_left(BINS, length)] += 1
        self._least = min(self._least, length) if self._count else length
        self._most = max(self._most, length)
        self._sum += length
        self._count += 1

    def lengths(self) -> Lengths:
        return Lengths(tuple(self._bins), self._least, self._most, round(self._sum / max(self._count, 1), 1))


def _messages(spool: Spool, row: Row) -> list[dict[str, str]]:
    messages: list[dict[str, str]] = json.loads(spool.line(row))["messages"]
    return messages
