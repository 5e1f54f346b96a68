"""What AWS's description of a job says about its past, as lines for a log; each thing is told once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from airflow_finetune.redact import redacted_text
from airflow_finetune.resources.resource import Resource


class History:
    """Remembers what was told about one job.

    Args:
        resource: the kind of job.
    """

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._told: list[str] = []
        self._last_minute = -1
        self._last_progress = ""
        self._ended = False

    def transitions(self, described: Mapping[str, Any]) -> Iterator[str]:
        """Yield each transition that is new, with AWS's message; AWS rewords the newest one in place."""
        created = described.get(self._resource.created)
        rows = [_words(row, created) for row in self._resource.transitions(described)]
        for index, row in enumerate(rows):
            if index >= len(self._told) or self._told[index] != row:
                yield row
        self._told = rows

    def progress(self, described: Mapping[str, Any]) -> Iterator[str]:
        """Yield how far the job is, where that has changed."""
        said = self._resource.progress(described)
        if said and said != self._last_progress:
            self._last_progress = said
            yield said

    def times(self, described: Mapping[str, Any], now: datetime) -> Iterator[str]:
        """Yield elapsed time once a minute, and at the end what was trained and billed."""
        created, ended = described.get(self._resource.created), described.get(self._resource.ended or "")
        if created is None or self._ended:
            return
        if ended is not None:
            self._ended = True
            yield _bill(described, (ended - created).total_seconds())
        elif (minute := int((now - created).total_seconds() // 60)) > self._last_minute:
            self._last_minute = minute
            yield f"{_seconds((now - created).total_seconds())} since it was submitted."


def interruptions(described: Mapping[str, Any]) -> int:
    """Return how often Spot took the instance away."""
    return sum(row.get("Status") == "Interrupted" for row in described.get("SecondaryStatusTransitions", []))


def _bill(described: Mapping[str, Any], elapsed: float) -> str:
    tokens = described.get("BillableTokenCount")
    if tokens is not None:
        return f"{_seconds(elapsed)} from submission to end; {tokens} tokens billed."
    trained, billed = described.get("TrainingTimeInSeconds"), described.get("BillableTimeInSeconds")
    line = f"{_seconds(elapsed)} from submission to end"
    if trained is not None and billed is not None:
        saved = f", {1 - billed / trained:.0%} less than it ran" if trained > billed else ""
        line += f"; trained {_seconds(trained)}, billed {_seconds(billed)}{saved}"
    return f"{line}."


def _words(row: Mapping[str, Any], created: datetime | None) -> str:
    message = redacted_text(str(row.get("StatusMessage", ""))).strip()
    started = row.get("StartTime")
    clock = "" if started is None or created is None else f"+{_seconds((started - created).total_seconds())} "
    return f"{clock}{row['Status']}: {message}" if message else f"{clock}{row['Status']}"


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
