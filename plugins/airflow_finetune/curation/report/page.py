"""The account of a run for people: one HTML file that needs nothing else; every text from outside is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from airflow_finetune.curation.report.plots import Part, bars, histogram, stacked_bar

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #5d6878; --paper: #fff; --card: #f5f7fa; --line: #dde3ea;
  --train: #2f6fb7; --validation: #2a9d8f; --golden: #c9962b; --dropped: #b4485a; --dropped2: #d58a96; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --quiet: #9aa6b5; --paper: #14181e; --card: #1d232b;
  --line: #303946; --train: #6aa5e8; --validation: #56c2b4; --golden: #e0b75c;
  --dropped: #d9707f; --dropped2: #a3505e; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 760px; padding: 24px 20px 60px; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 17px; margin: 34px 0 10px; }
p { margin: 6px 0; } .quiet, small { color: var(--quiet); fill: var(--quiet); }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: 5px 10px 5px 0; border-top: 1px solid var(--line); vertical-align: top; }
td:first-child { white-space: nowrap; }
td.count { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th { border-top: 0; color: var(--quiet); font-weight: 500; } th.count { text-align: right; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; } svg text { fill: var(--ink); }
svg text.quiet { fill: var(--quiet); }
.train { fill: var(--train); background: var(--train); } .dropped { fill: var(--dropped); background: var(--dropped); }
.validation { fill: var(--validation); background: var(--validation); }
.golden { fill: var(--golden); background: var(--golden); }
.dropped2 { fill: var(--dropped2); background: var(--dropped2); }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 8px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; margin: 8px 0; }
.sum { font-size: 19px; } .sum b { font-variant-numeric: tabular-nums; }
ul { margin: 4px 0; padding-left: 20px; } details summary { cursor: pointer; }
.turn { white-space: pre-wrap; overflow-wrap: anywhere; } .role { color: var(--quiet); font-size: 13px; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_SIDES = {"train": "what the model learns from", "validation": "what training is checked on", "golden": "held out now"}


def page(report: dict[str, Any]) -> str:
    """Return the page of a run.

    Args:
        report: what ``account`` returned.
    """
    sections = (
        _head(report),
        _notices(report["notices"]),
        _where_records_went(report),
        _checks(report),
        _lengths(report["measures"]),
        _answers(report["measures"]),
        _samples(report["measures"]["samples"]),
        _files(report),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Dataset {report['dataset_version'][:12]}</title><style>{_STYLE}</style></head>\n"
        f"<body>{''.join(sections)}</body></html>\n"
    )


def _head(report: dict[str, Any]) -> str:
    dropped = sum(report["dropped"].values())
    return (
        f"<h1>Dataset <code>{report['dataset_version'][:12]}</code></h1>"
        f'<p class="quiet">from {escape(report["settings"]["source"])}: {_many(report["source"]["files"], "file")}, '
        f"{report['source']['bytes']:,} bytes</p>"
        f'<p class="card sum"><b>{report["records_in"]:,}</b> records in = <b>{report["records_out"]:,}</b> out '
        f"+ <b>{dropped:,}</b> dropped</p>"
    )


def _notices(notices: list[str]) -> str:
    if not notices:
        return ""
    return f'<div class="card"><b>To know</b><ul>{_items(notices)}</ul></div>'


def _where_records_went(report: dict[str, Any]) -> str:
    sides = [Part(side, report["out"].get(side, 0), side) for side in _SIDES]
    drops = [Part(r, n, ("dropped", "dropped2")[i % 2]) for i, (r, n) in enumerate(report["dropped"].items())]
    shown = [part for part in sides + drops if part.records]
    rows = "".join(_row(part, report) for part in shown)
    head = '<tr><th></th><th class="count">records</th><th class="count">share</th><th>meaning</th></tr>'
    return f"<h2>Where every record went</h2>{stacked_bar(shown)}<table>{head}{rows}</table>"


def _row(part: Part, report: dict[str, Any]) -> str:
    meaning = escape(_SIDES.get(part.label) or report["reasons"].get(part.label, ""))
    examples = report["dropped_examples"].get(part.label, [])
    if examples:
        listed = _items(f"{each['where']}: {each['said']}" for each in examples)
        meaning += f"<details><summary>the first {len(examples)}</summary><ul>{listed}</ul></details>"
    return (
        f'<tr><td><span class="dot {part.color}"></span>{escape(part.label)}</td>'
        f'<td class="count">{part.records:,}</td>'
        f'<td class="count">{part.records / max(report["records_in"], 1):.1%}</td><td>{meaning}</td></tr>'
    )


def _checks(report: dict[str, Any]) -> str:
    redacted, contradictions = report["redacted"], report["contradictions"]
    masks = ", ".join(f"{kind} {count:,}" for kind, count in redacted.items() if kind != "records")
    lines = [
        f"Masked in {redacted['records']:,} records: {masks}. Only what has the look of these is found; names are not.",
        f"Contradictions: {contradictions['prompts']:,} prompts with several completions "
        f"({contradictions['records']:,} records); policy {contradictions['policy']}.",
        _about_golden(report),
    ]
    return f"<h2>Checks</h2><ul>{_items(lines)}</ul>"


def _about_golden(report: dict[str, Any]) -> str:
    if report["golden"] is None:
        return "Golden set: none. A model that is trained on this cannot be judged without one."
    origin = {
        "chosen": "chosen and frozen by this run",
        "frozen": "frozen by an earlier run",
        "file": "given as a file",
    }
    told = report["files"]["golden.jsonl"]
    gone = sum(report["dropped"].get(reason, 0) for reason in ("in_golden_exact", "in_golden_normalised"))
    return (
        f"Golden set: {told['examples']:,} prompts, {origin[report['golden']]}, SHA-256 {told['sha256'][:12]}; "
        f"{gone:,} records were taken out of the training data because their prompt is in it."
    )


def _lengths(measures: dict[str, Any]) -> str:
    parts = []
    for name, lengths in measures["lengths"].items():
        label = f"characters of a {name}"
        parts.append(
            f"<h2>Characters of a {escape(name)}</h2>{histogram(measures['bins'], lengths['bins'], label)}"
            f'<p class="quiet">{lengths["least"]:,} to {lengths["most"]:,}, on average {lengths["mean"]:,}; '
            "training and validation</p>"
        )
    return "".join(parts)


def _answers(measures: dict[str, Any]) -> str:
    answers = measures["answers"]
    if answers is None:
        return ""
    more = measures["different_answers"] - len(answers[:20])
    rest = f'<p class="quiet">and {more:,} more</p>' if more > 0 else ""
    return f"<h2>Most frequent completions</h2>{bars([tuple(each) for each in answers[:20]], 'completions')}{rest}"


def _samples(samples: list[list[dict[str, str]]]) -> str:
    shown = "".join(
        '<div class="card">'
        + "".join(
            f'<div class="role">{escape(turn["role"])}</div><div class="turn">{escape(_short(turn["content"]))}</div>'
            for turn in sample
        )
        + "</div>"
        for sample in samples
    )
    return f"<h2>Examples</h2>{shown}"


def _files(report: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="count">{told["examples"]:,}</td>'
        f'<td class="count">{told["bytes"]:,}</td>'
        f"<td><code>{told['sha256']}</code></td></tr>"
        for name, told in report["files"].items()
    )
    head = '<tr><th></th><th class="count">examples</th><th class="count">bytes</th><th>SHA-256</th></tr>'
    settings = escape(json.dumps(report["settings"], indent=2, ensure_ascii=False))
    return (
        f"<h2>Files</h2><table>{head}{rows}</table>"
        f'<p class="quiet">Version <code>{report["dataset_version"]}</code></p>'
        f"<details><summary>Settings</summary><pre><code>{settings}</code></pre></details>"
    )


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in texts)


def _short(text: str) -> str:
    return text if len(text) <= 1500 else text[:1500] + " \u2026"
