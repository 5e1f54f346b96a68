"""The report of an evaluation for people: one HTML file that loads and runs nothing; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from airflow_finetune.evaluation.report import Judged, shown
from airflow_finetune.values import Estimate, EvalReport, GateVerdict, MetricReport, ModelReference

ITEMS_SHOWN = 60
_LONGEST = 1500
_EXACT_TO_THE_CENT_USD = 0.1
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #5d6878; --paper: #fff; --card: #f5f7fa; --line: #dde3ea;
  --baseline: #8a94a3; --candidate: #2f6fb7; --pass: #2a9d8f; --reject: #b4485a; --inconclusive: #b3801f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --quiet: #9aa6b5; --paper: #14181e; --card: #1d232b;
  --line: #303946; --candidate: #6aa5e8; --pass: #56c2b4; --reject: #d9707f; --inconclusive: #e0b75c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 800px; padding: 24px 20px 60px; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 17px; margin: 34px 0 10px; }
p { margin: 6px 0; } .quiet { color: var(--quiet); }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: 5px 12px 5px 0; border-top: 1px solid var(--line); vertical-align: top; }
th { border-top: 0; color: var(--quiet); font-weight: 500; }
td.count, th.count { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; } svg text { fill: var(--ink); }
svg .quiet { fill: var(--quiet); } svg .axis { stroke: var(--line); }
svg .baseline { fill: var(--baseline); stroke: var(--baseline); }
svg .candidate { fill: var(--candidate); stroke: var(--candidate); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; margin: 8px 0; }
.verdict { border-left: 6px solid var(--quiet); } .verdict b { font-size: 19px; }
.pass { border-color: var(--pass); } .reject { border-color: var(--reject); }
.inconclusive { border-color: var(--inconclusive); }
.text { white-space: pre-wrap; overflow-wrap: anywhere; } .role { color: var(--quiet); font-size: 13px; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_WIDTH, _LEFT, _RIGHT = 720, 100, 230


def page(report: EvalReport, judged: Sequence[Judged], verdict: GateVerdict | None = None) -> str:
    """Return the page of an evaluation.

    Args:
        report: what ``report`` returned.
        judged: the items beside it; those on which the models differ are shown, with masks.
        verdict: of the gate; None when it has not judged yet.
    """
    parts = (
        _head(report),
        _verdict(verdict) if verdict else "",
        *(_metric(name, metric, report.items) for name, metric in report.metrics.items()),
        _items([each for each in judged if each.differs]),
        _evidence(report),
    )
    return document(f"Evaluation on {report.items:,} golden items", "".join(parts))


def document(title: str, body: str) -> str:
    """Return a whole page that loads and runs nothing.

    Args:
        title: in plain text.
        body: HTML, in which every text is escaped already.
    """
    text = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )
    # A model can answer with half of a surrogate pair, which no file can hold.
    return text.encode("utf-8", "replace").decode()


def dollars(usd: float) -> str:
    """Return an amount for people: cents, and of less than ten cents the first two digits that are not 0."""
    if usd >= _EXACT_TO_THE_CENT_USD or usd <= 0:
        return f"${usd:.2f}"
    return f"${float(f'{usd:.1e}'):.10f}".rstrip("0")


def _head(report: EvalReport) -> str:
    silent = ""
    if report.unanswered_baseline or report.unanswered_candidate:
        silent = (
            f'<p class="card">No answer: baseline {report.unanswered_baseline:,}, '
            f"candidate {report.unanswered_candidate:,} items. They score 0.</p>"
        )
    return (
        f"<h1>Baseline and candidate on {report.items:,} golden items</h1>"
        f'<p class="quiet">Both answered the same items; intervals at {report.confidence:.0%}.</p>{silent}'
    )


def _verdict(verdict: GateVerdict) -> str:
    rows = "".join(
        f"<tr><td>{escape(check.name)}</td><td>{check.outcome}</td><td>{interval(check.estimate)}</td>"
        f'<td>{escape(check.test)}</td><td class="count">{check.p_value:.2g}</td></tr>'
        for check in verdict.checks
    )
    head = "<tr><th>asked</th><th>outcome</th><th>observed</th><th>test</th><th class='count'>p</th></tr>"
    table = f"<table>{head}{rows}</table>" if rows else ""
    price = f", for about {dollars(verdict.more_usd)} of asking both models" if verdict.more_usd is not None else ""
    more = f"<p>{verdict.more_items:,} more items could decide{price}.</p>" if verdict.more_items is not None else ""
    return (
        f'<div class="card verdict {verdict.decision}"><b>{verdict.decision}</b><p>{escape(verdict.reason)}</p>'
        f'{more}{table}<p class="quiet">alpha {verdict.alpha:g}, one-sided; policy {escape(verdict.policy_digest)}</p>'
        "</div>"
    )


def _metric(name: str, metric: MetricReport, items: int) -> str:
    return (
        f"<h2>{escape(name)}</h2>{_plot(name, metric)}{_paired(metric, items)}"
        f'<p class="quiet">Intervals of the means: {escape(metric.method)}.</p>'
    )


def _plot(name: str, metric: MetricReport) -> str:
    rows = [("baseline", metric.baseline, 20), ("candidate", metric.candidate, 48)]
    ticks = "".join(
        f'<line x1="{_at(share)}" x2="{_at(share)}" y1="6" y2="62" class="axis"/>'
        f'<text x="{_at(share)}" y="78" text-anchor="middle" class="quiet">{share:g}</text>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    marks = "".join(
        f'<text x="{_LEFT - 14}" y="{y + 4}" text-anchor="end">{who}</text>'
        f'<line x1="{_at(told.low)}" x2="{_at(told.high)}" y1="{y}" y2="{y}" stroke-width="3" class="{who}"/>'
        f'<circle cx="{_at(told.mean)}" cy="{y}" r="6" class="{who}"/>'
        f'<text x="{_WIDTH - _RIGHT + 20}" y="{y + 4}">{interval(told)}</text>'
        for who, told, y in rows
    )
    label = escape(f"{name}: baseline {metric.baseline.mean:.3f}, candidate {metric.candidate.mean:.3f}")
    return f'<svg viewBox="0 0 {_WIDTH} 84" role="img" aria-label="{label}">{ticks}{marks}</svg>'


def _at(share: float) -> str:
    return f"{_LEFT + share * (_WIDTH - _LEFT - _RIGHT):.1f}"


def _paired(metric: MetricReport, items: int) -> str:
    told = metric.differences
    if metric.pairs:
        counts = [
            ("both right", metric.pairs.both_right),
            ("only the baseline right", metric.pairs.only_baseline),
            ("only the candidate right", metric.pairs.only_candidate),
            ("both wrong", metric.pairs.both_wrong),
        ]
    else:
        counts = [
            ("candidate better", told.candidate_better),
            ("equal", told.equal),
            ("baseline better", told.baseline_better),
        ]
    rows = "".join(
        f'<tr><td>{name}</td><td class="count">{count:,}</td><td class="count">{count / items:.1%}</td></tr>'
        for name, count in counts
    )
    head = '<tr><th>pairs</th><th class="count">items</th><th class="count">share</th></tr>'
    summary = f"<p>Candidate minus baseline: {told.mean:+.3f}; standard deviation over items {told.sd:.3f}.</p>"
    return f"{summary}<table>{head}{rows}</table>"


def _items(differing: Sequence[Judged]) -> str:
    if not differing:
        return "<h2>Items that differ</h2><p>None: both models score the same on every item.</p>"
    listed = "".join(_item(shown(each)) for each in differing[:ITEMS_SHOWN])
    more = len(differing) - ITEMS_SHOWN
    rest = f'<p class="quiet">and {more:,} more</p>' if more > 0 else ""
    return f"<h2>Items that differ ({len(differing):,})</h2>{listed}{rest}"


def _item(item: dict[str, Any]) -> str:
    turns = [(turn["role"], turn["content"]) for turn in item["messages"]]
    answers = [("wanted", item["target"])] + [
        (f"{who}: {_scores(item['scores'], who)}", item[who]) for who in ("baseline", "candidate")
    ]
    return f'<div class="card"><div class="role">line {item["line"]}</div>{written([*turns, *answers])}</div>'


def written(texts: Iterable[tuple[str, str | None]]) -> str:
    """Return texts below each other, each under who wrote it; None is no answer."""
    return "".join(
        f'<div class="role">{escape(role)}</div><div class="text">{_short(text)}</div>' for role, text in texts
    )


def _scores(scores: dict[str, dict[str, float]], who: str) -> str:
    return ", ".join(f"{name} {told[who]:.3g}" for name, told in scores.items())


def _short(text: str | None) -> str:
    if text is None:
        return '<span class="quiet">no answer</span>'
    return escape(text if len(text) <= _LONGEST else text[:_LONGEST] + " \u2026")


def _evidence(report: EvalReport) -> str:
    rows = "".join(
        f"<tr><td>{name}</td><td><code>{escape(reference.uri)}</code><br>"
        f"<code>{escape(reference.sha256 or 'no digest')}</code></td></tr>"
        for name, reference in (
            ("golden set", ModelReference(uri=report.golden.uri, sha256=report.golden.sha256)),
            ("baseline", report.baseline),
            ("candidate", report.candidate),
        )
    )
    return f"<h2>What was compared</h2><table>{rows}</table>{_asked(report)}"


def _asked(report: EvalReport) -> str:
    if report.seconds is None:
        return ""
    price = "" if report.usd is None else f", which cost {dollars(report.usd)} of {_billed(report)}"
    how = ", ".join(f"{name}: {value}" for name, value in report.sampling.items()) or "as by default, greedily"
    said = f"Both were asked within {report.seconds:.0f} s{price}. Sampling: {escape(how)}."
    return f'{_tokens(report)}<p class="quiet">{said}</p>'


def _tokens(report: EvalReport) -> str:
    rows = [(who, *counted) for who, counted in _counted(report) if counted != (None, None)]
    listed = "".join(
        f'<tr><td>{who}</td><td class="count">{asked or 0:,}</td><td class="count">{answered or 0:,}</td></tr>'
        for who, asked, answered in rows
    )
    head = '<tr><th>tokens</th><th class="count">asked</th><th class="count">answered</th></tr>'
    return f"<table>{head}{listed}</table>" if rows else ""


def _billed(report: EvalReport) -> str:
    known = [counted != (None, None) for _, counted in _counted(report)]
    return "tokens" if all(known) else "endpoint time and tokens" if any(known) else "endpoint time"


def _counted(report: EvalReport) -> tuple[tuple[str, tuple[int | None, int | None]], ...]:
    return (
        ("baseline", (report.input_tokens_baseline, report.output_tokens_baseline)),
        ("candidate", (report.input_tokens_candidate, report.output_tokens_candidate)),
    )


def interval(told: Estimate) -> str:
    """Return an estimate for people."""
    return f"{told.mean:.3f} ({told.low:.3f} to {told.high:.3f})"
