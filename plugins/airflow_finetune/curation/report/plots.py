"""Plots as inline SVG: no script, no font and no picture from elsewhere; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH = 720
_LEFT = 250


class Part(NamedTuple):
    """One piece of a whole; ``color`` names a class of the page's style."""

    label: str
    records: int
    color: str


def stacked_bar(parts: Sequence[Part]) -> str:
    """Return one bar that shows how a whole divides."""
    total = sum(part.records for part in parts) or 1
    at, pieces = 0.0, []
    for part in parts:
        width = part.records / total * _WIDTH
        title = f"<title>{escape(part.label)}: {part.records:,}</title>"
        pieces.append(f'<rect x="{at:.2f}" y="0" width="{width:.2f}" height="28" class="{part.color}">{title}</rect>')
        at += width
    return _svg(28, "".join(pieces), ", ".join(f"{part.label} {part.records}" for part in parts))


def bars(rows: Sequence[tuple[str, int]], label: str) -> str:
    """Return a horizontal bar for each row, the label on the left, the count on the right.

    Args:
        rows: label and count.
        label: what the plot is, for who cannot see it.
    """
    most = max((count for _, count in rows), default=1) or 1
    pieces = []
    for index, (name, count) in enumerate(rows):
        top = index * 22
        width = count / most * (_WIDTH - _LEFT - 70)
        short = name if len(name) <= 32 else name[:31] + "\u2026"
        pieces.append(
            f"<g><title>{escape(name)}: {count:,}</title>"
            f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(short)}</text>'
            f'<rect x="{_LEFT}" y="{top + 3}" width="{max(width, 1):.2f}" height="16" rx="2" class="train"/>'
            f'<text x="{_LEFT + width + 8:.2f}" y="{top + 15}" class="quiet">{count:,}</text></g>'
        )
    return _svg(max(len(rows), 1) * 22, "".join(pieces), label)


def histogram(ends: Sequence[int], counts: Sequence[int], label: str) -> str:
    """Return a column for each bin.

    Args:
        ends: the upper end of each bin; one bin more holds what is longer.
        counts: one more than ends.
        label: what the plot is, for who cannot see it.
    """
    used = [index for index, count in enumerate(counts) if count]
    shown = range(used[0], used[-1] + 1) if used else range(1)
    names = [*(f"\u2264 {end:,}" for end in ends), f"> {ends[-1]:,}"]
    most = max(counts) or 1
    step = min(_WIDTH / len(shown), 90)
    pieces = []
    for place, index in enumerate(shown):
        height = counts[index] / most * 110
        x = place * step
        pieces.append(
            f"<g><title>{names[index]} characters: {counts[index]:,}</title>"
            f'<rect x="{x + 2:.2f}" y="{130 - height:.2f}" width="{step - 4:.2f}" height="{height:.2f}" class="train"/>'
            f'<text x="{x + step / 2:.2f}" y="{124 - height:.2f}" text-anchor="middle">{counts[index]:,}</text>'
            f'<text x="{x + step / 2:.2f}" y="147" text-anchor="middle" class="quiet">{names[index]}</text></g>'
        )
    return _svg(152, "".join(pieces), label)


def _svg(height: int, inside: str, label: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}">{inside}</svg>'
