"""A comparison as text: a table for a log, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_finetune.evaluation.page import dollars
from airflow_finetune.values import BackendComparison, ComparedBackend, Estimate

HEAD = ("candidate", "backend", "quality", "interval", "baseline", "tuning", "1000 answers", "gate")


def in_words(comparison: BackendComparison) -> Iterator[str]:
    """Yield the table, the reasons of those that failed, and what the test says."""
    yield f"{comparison.metric} on {comparison.items} golden items, best first:"
    table = [HEAD, *(cells(row) for row in comparison.rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEAD))]
    for line in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    for row in comparison.rows:
        if row.failed:
            yield f"{row.name} failed: {row.failed}"
    yield verdict(comparison)


def cells(row: ComparedBackend) -> tuple[str, ...]:
    """Return one line of the table."""
    if row.quality is None:
        return (row.name, row.backend, "failed", "", "", price(row.tuning_usd), "", "")
    return (
        row.name,
        row.backend,
        f"{row.quality.mean:.3f}",
        interval(row.quality),
        "" if row.baseline is None else f"{row.baseline.mean:.3f}",
        ("at most " if row.tuning_is_bound else "") + price(row.tuning_usd),
        price(row.answers_usd) + (f" by the {row.answers_by}" if row.answers_by else ""),
        row.decision or "",
    )


def verdict(comparison: BackendComparison) -> str:
    """Return how sure the lead of the best is."""
    best, second, gain = comparison.best, comparison.second, comparison.gain
    if second is None or gain is None or comparison.p_value is None:
        return f"Only {best} has a result: there is nothing to compare it with."
    sure = "is shown to be better than" if comparison.settled else "leads, and that may be luck, over"
    said = f"{gain.mean:+.3f}, interval {gain.low:+.3f} to {gain.high:+.3f}"
    return (
        f"{best} {sure} {second}: {said}; {comparison.test}, two-sided p = {comparison.p_value:.2g}"
        f" at alpha {comparison.alpha:g}."
    )


def price(usd: float | None) -> str:
    """Return an amount, or that nobody knows it."""
    return "not known" if usd is None else dollars(usd)


def interval(told: Estimate) -> str:
    """Return ``0.900 to 0.950``."""
    return f"{told.low:.3f} to {told.high:.3f}"
