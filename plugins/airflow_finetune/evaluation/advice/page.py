"""The advice for people: one HTML file that loads and runs nothing; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from airflow_finetune.evaluation.advice.recommend import WORDS
from airflow_finetune.evaluation.page import ITEMS_SHOWN, document, dollars, interval, written
from airflow_finetune.evaluation.report import masked
from airflow_finetune.values import Advice, AdvisedPrompt, Estimate

if TYPE_CHECKING:
    from airflow_finetune.evaluation.advice.answers import Answered
    from airflow_finetune.evaluation.advice.prompts import Prompt

_COLOURS = {"reaches": "pass", "helps": "inconclusive", "does_not_help": "reject", "unknown": "inconclusive"}
_WIDTH, _LEFT, _RIGHT, _ROW = 720, 110, 220, 28


def page(advice: Advice, prompts: Sequence[Prompt], answered: Sequence[Answered]) -> str:
    """Return the page of an advice.

    Args:
        advice: what it says.
        prompts: that were asked; shown with masks.
        answered: the items; those whose score depends on the prompt are shown, with masks.
    """
    parts = (
        f"<h1>The base model's prompts on {advice.items:,} golden items</h1>",
        f'<p class="quiet">Before anything was tuned: {escape(advice.model.uri)}</p>',
        _recommendation(advice),
        f"<h2>{escape(advice.metric)}</h2>{_plot(advice)}{_table(advice.prompts)}{_asked(advice)}",
        _prompts(prompts),
        _items([each for each in answered if each.differs]),
        _evidence(advice),
    )
    return document(f"Advice before tuning, on {advice.items:,} golden items", "".join(parts))


def _recommendation(advice: Advice) -> str:
    error = f"alpha {advice.alpha:g} for all prompts together, one-sided"
    test = f"; {escape(advice.test)}" if advice.test else ""
    return (
        f'<div class="card verdict {_COLOURS[advice.recommendation]}"><b>{WORDS[advice.recommendation]}</b>'
        f"<p>{escape(masked(advice.reason))}</p>"
        f'<p class="quiet">{error}{test}; policy {escape(advice.policy_digest)}</p></div>'
    )


def _plot(advice: Advice) -> str:
    shown = [(each.name, each.estimate) for each in advice.prompts if each.estimate is not None]
    height = 20 + _ROW * len(shown)
    ticks = "".join(
        f'<line x1="{_at(share)}" x2="{_at(share)}" y1="6" y2="{height - 8}" class="axis"/>'
        f'<text x="{_at(share)}" y="{height + 8}" text-anchor="middle" class="quiet">{share:g}</text>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    target = (
        f'<line x1="{_at(advice.at_least)}" x2="{_at(advice.at_least)}" y1="2" y2="{height - 4}" stroke-width="2"'
        f' stroke-dasharray="4 3" class="baseline"/>'
    )
    marks = "".join(_mark(name, told, 20 + _ROW * number) for number, (name, told) in enumerate(shown))
    label = escape(", ".join(f"{name} {told.mean:.3f}" for name, told in shown))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height + 14}" role="img" aria-label="{label}">{ticks}{target}{marks}</svg>'
        f'<p class="quiet">The broken line is the target, {advice.at_least:g}.</p>'
    )


def _mark(name: str, told: Estimate, y: int) -> str:
    return (
        f'<text x="{_LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
        f'<line x1="{_at(told.low)}" x2="{_at(told.high)}" y1="{y}" y2="{y}" stroke-width="3" class="candidate"/>'
        f'<circle cx="{_at(told.mean)}" cy="{y}" r="6" class="candidate"/>'
        f'<text x="{_WIDTH - _RIGHT + 20}" y="{y + 4}">{interval(told)}</text>'
    )


def _at(share: float) -> str:
    return f"{_LEFT + share * (_WIDTH - _LEFT - _RIGHT):.1f}"


def _table(prompts: Sequence[AdvisedPrompt]) -> str:
    head = "".join(
        f"<th{' class=count' if number else ''}>{name}</th>"
        for number, name in enumerate(
            ("prompt", "reaches it", "p", "gain", "p", "tokens asked", "answered", "for 1,000 answers")
        )
    )
    return f"<table><tr>{head}</tr>{''.join(map(_row, prompts))}</table>"


def _row(each: AdvisedPrompt) -> str:
    if each.said:
        return (
            f'<tr><td>{escape(each.name)}</td><td colspan="7">could not be asked: {escape(masked(each.said))}</td></tr>'
        )
    cells = (
        each.reaches or "",
        "" if each.p_reaches is None else f"{each.p_reaches:.2g}",
        "" if each.gain is None else f"{each.gain.mean:+.3f}, {each.better}",
        "" if each.p_better is None else f"{each.p_better:.2g}",
        *("not counted" if count is None else f"{count:,}" for count in (each.input_tokens, each.output_tokens)),
        "unknown" if each.usd_per_1000 is None else dollars(each.usd_per_1000),
    )
    return f"<tr><td>{escape(each.name)}</td>{''.join(f'<td class=count>{cell}</td>' for cell in cells)}</tr>"


def _asked(advice: Advice) -> str:
    seconds = sum(each.seconds or 0.0 for each in advice.prompts)
    silent = "".join(
        f'<p class="card">No answer with {escape(each.name)}: {each.unanswered:,} items. They score 0.</p>'
        for each in advice.prompts
        if each.unanswered
    )
    of = f" of the {advice.golden_items:,} that there are" if advice.items < advice.golden_items else ""
    return f'{silent}<p class="quiet">{advice.items:,} items{of}, asked in {seconds:.0f} s.</p>'


def _prompts(prompts: Sequence[Prompt]) -> str:
    written_ones = [each for each in prompts if each.instruction or each.shots]
    if not written_ones:
        return ""
    longest = written_ones[-1]
    instruction = [("instruction", masked(longest.instruction))] if longest.instruction else []
    shown = "".join(
        f'<div class="card">{written([(role, masked(content)) for role, content in shot])}</div>'
        for shot in longest.shots
    )
    examples = f"<p>{len(longest.shots)} examples, from the training data:</p>{shown}" if longest.shots else ""
    return f"<h2>What was put before the questions</h2>{written(instruction)}{examples}"


def _items(differing: Sequence[Answered]) -> str:
    if not differing:
        return "<h2>Items that differ</h2><p>None: every prompt scores the same on every item.</p>"
    more = len(differing) - ITEMS_SHOWN
    rest = f'<p class="quiet">and {more:,} more</p>' if more > 0 else ""
    return f"<h2>Items that differ ({len(differing):,})</h2>{''.join(map(_item, differing[:ITEMS_SHOWN]))}{rest}"


def _item(each: Answered) -> str:
    turns = [(turn.role, masked(turn.content)) for turn in each.item.messages]
    answers = [
        (f"{name}: {each.scores[name]:.3g}", None if said is None else masked(said))
        for name, said in each.answers.items()
    ]
    whole = written([*turns, ("wanted", masked(each.item.target)), *answers])
    return f'<div class="card"><div class="role">line {each.item.line}</div>{whole}</div>'


def _evidence(advice: Advice) -> str:
    rows = "".join(
        f"<tr><td>{name}</td><td><code>{escape(uri)}</code><br><code>{escape(sha256 or 'no digest')}</code></td></tr>"
        for name, uri, sha256 in (
            ("golden set", advice.golden.uri, advice.golden.sha256),
            ("base model", advice.model.uri, advice.model.sha256),
        )
    )
    kept_out = (
        f"<p>{advice.shots:,} of {advice.shots_wanted:,} examples were shown. Not shown: {advice.overlapping:,}"
        f" training examples that ask what a golden item asks, {advice.too_long:,} that are too long.</p>"
        if advice.shots_wanted
        else ""
    )
    return f"<h2>What was asked</h2>{kept_out}<table>{rows}</table>"
