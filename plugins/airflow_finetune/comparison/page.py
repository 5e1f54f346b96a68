"""A comparison for people: a table and a plot of quality against price; every text is escaped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import ceil, log10

from airflow_finetune.comparison.words import HEAD, cells, price, verdict
from airflow_finetune.page_frame import framed
from airflow_finetune.values import BackendComparison, ComparedBackend, Estimate

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 260, 60, 110, 16, 44
_LONGEST = 2000


def page(comparison: BackendComparison) -> str:
    """Return the page of a comparison."""
    head = (
        f"<h1>{len(comparison.rows)} backends on {comparison.items:,} golden items</h1>"
        f'<p class="quiet">{escape(comparison.metric)} of the tuned models, at 95% confidence; the golden set is '
        f"<code>{escape(comparison.golden.uri)}</code>.</p>"
        f'<div class="card">{escape(verdict(comparison))}</div>'
    )
    shown = [row for row in comparison.rows if row.quality is not None]
    prices: tuple[tuple[str, Callable[[ComparedBackend], float | None]], ...] = (
        ("Quality against the price of tuning", lambda row: row.tuning_usd),
        ("Quality against the price of a thousand answers", lambda row: row.answers_usd),
    )
    plots = "".join(
        f"<h2>{title}</h2>"
        f"{_plot(title, comparison.metric, [(row, usd) for row in shown if (usd := of(row)) is not None])}"
        for title, of in prices
    )
    body = f"{head}<h2>Table</h2>{_table(comparison.rows)}{_failed(comparison.rows)}{plots}{_notes(comparison)}"
    return framed(f"Comparison of {len(comparison.rows)} backends", body)


def _table(rows: Sequence[ComparedBackend]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in HEAD)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells(row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _failed(rows: Sequence[ComparedBackend]) -> str:
    said = "".join(
        f'<tr><td>{escape(row.name)}</td><td class="broken">{escape(row.failed[:_LONGEST])}</td></tr>'
        for row in rows
        if row.failed
    )
    return f"<h2>Those that failed</h2><table>{said}</table>" if said else ""


def _plot(title: str, metric: str, points: Sequence[tuple[ComparedBackend, float]]) -> str:
    if not points:
        return '<p class="quiet">No price is known.</p>'
    most = _round_up(max(usd for _, usd in points))
    bottom = _HEIGHT - _BOTTOM
    lines = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_y(share)}" y2="{_y(share)}" class="axis"/>'
        f'<text x="{_LEFT - 10}" y="{_y(share)}" dy="4" text-anchor="end" class="quiet">{share:g}</text>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    ticks = "".join(
        f'<text x="{_x(part * most, most)}" y="{bottom + 18}" text-anchor="middle" class="quiet">'
        f"{escape(price(part * most))}</text>"
        for part in (0.0, 0.5, 1.0)
    )
    marks = "".join(_mark(row, row.quality, _x(usd, most)) for row, usd in points if row.quality is not None)
    axis = f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{bottom + 36}" text-anchor="middle">dollars</text>'
    label = escape(f"{title}: {metric} of {', '.join(row.name for row, _ in points)}")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{lines}{ticks}{axis}{marks}</svg>'


def _mark(row: ComparedBackend, told: Estimate, x: str) -> str:
    return (
        f'<line x1="{x}" x2="{x}" y1="{_y(told.low)}" y2="{_y(told.high)}" stroke-width="3" class="mark"/>'
        f'<circle cx="{x}" cy="{_y(told.mean)}" r="6" class="mark"/>'
        f'<text x="{x}" dx="12" y="{_y(told.mean)}" dy="4">{escape(row.name)}</text>'
    )


def _notes(comparison: BackendComparison) -> str:
    worst = "" if comparison.worst_case_usd is None else f"{price(comparison.worst_case_usd)} at most"
    allowed = "" if comparison.max_usd is None else f", {price(comparison.max_usd)} allowed"
    links = "".join(
        f"<tr><td>{escape(row.name)}</td><td><code>{escape(row.report_uri)}</code></td></tr>"
        for row in comparison.rows
        if row.report_uri
    )
    return (
        f"<h2>Evaluations</h2><table>{links}</table>"
        f'<p class="quiet">All plans: {escape(worst + allowed)}. Where AWS does not say what a job has cost, '
        "what its plan allows stands here. Answers paid by the hour are priced at the pace of "
        "this evaluation, in which the baseline was asked at the same time; an endpoint bills its idle hours too.</p>"
    )


def _x(usd: float, most: float) -> str:
    return f"{_LEFT + usd / most * (_WIDTH - _LEFT - _RIGHT):.1f}"


def _y(share: float) -> str:
    return f"{_TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM):.1f}"


def _round_up(usd: float) -> float:
    """Return the next number whose first digit alone is not 0."""
    if usd <= 0:
        return 1.0
    size = 10.0 ** (ceil(log10(usd)) - 1)
    return ceil(usd / size) * size
