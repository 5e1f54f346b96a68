"""The window of a run: which slice of the source it reads, as dates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WINDOW = ("window_start", "window_end")
_NEXT = (
    'Give window_start and window_end in the trigger form or in conf, for example {"window_start": "2026-01-01", '
    '"window_end": "2026-02-01"}, or let a schedule of at least a day start the run.'
)


def is_windowed(source: str) -> bool:
    """Say whether a source names its window."""
    return any("{%s}" % name in source for name in WINDOW)  # noqa: UP031 - braces are what is looked for


def templated(source: str) -> str:
    """Return a source with Jinja in the place of ``{window_start}`` and ``{window_end}``.

    What the run was given goes first, else the run's data interval counts; both are dates, ``2026-01-31``.
    """
    for name in WINDOW:
        interval = f"dag_run.data_interval_{name.removeprefix('window_')}"
        source = source.replace(f"{{{name}}}", f"{{{{ params.{name} or ({interval} | ds) }}}}")
    return source


def is_templated(source: str) -> bool:
    """Say whether ``templated`` has put a window into a source."""
    return any(f"params.{name} or" in source for name in WINDOW)


def window_fault(params: Mapping[str, Any], interval: tuple[Any, Any]) -> str | None:
    """Return what is wrong with the window of a run; None when it has one.

    Args:
        params: of the run.
        interval: start and end of the run's data interval; None where it has none.
    """
    given = [params.get(name) for name in WINDOW]
    if any(given) and not all(given):
        missing = WINDOW[given.index(next(value for value in given if not value))]
        return f"{missing} is not given; the two go together. {_NEXT}"
    start, end = given if all(given) else [None if date is None else date.strftime("%Y-%m-%d") for date in interval]
    if start is None or end is None:
        return f"the source is a window, and this run has none. {_NEXT}"
    if start >= end:
        return f"the window from {start} to {end} holds no whole day. {_NEXT}"
    return None
