"""The record of a choice for people: lines for a log, and one HTML page on which every text is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from airflow_finetune.page_frame import framed
from airflow_finetune.planning.worst_case import dollars
from airflow_finetune.values import BackendChoice, JudgedCandidate


def in_words(choice: BackendChoice) -> Iterator[str]:
    """Yield the choice for a log, line by line."""
    yield f"Takes {choice.chosen} ({choice.backend}): {choice.why}"
    for each in choice.candidates:
        yield f"{_place(each)} {each.name} ({each.backend}, {each.base_model}): {_price(each)}."
        for rule in each.rules:
            yield f"    {rule.rule} {rule.outcome}: {rule.said}"


def page(choice: BackendChoice) -> str:
    """Return the page of a choice."""
    by = "A person has chosen it" if choice.overridden else "Chosen by the written rules"
    head = (
        f"<h1>{escape(choice.chosen)} is taken</h1>"
        f'<p class="quiet">{by}; see docs/choosing-a-backend.md.</p>'
        f'<div class="card"><p>{escape(choice.why[:1].upper() + choice.why[1:])}</p></div>'
    )
    body = "".join(_candidate(each, each.name == choice.chosen) for each in choice.candidates)
    facts = "".join(
        f"<tr><td>{escape(name)}</td><td><code>{escape(str(value))}</code></td></tr>"
        for name, value in choice.facts.items()
    )
    told = f"<h2>What was known</h2><table>{facts}</table>"
    override = (
        '<p class="quiet">To take another one, write <code>auto: {choose: NAME}</code> into the pipeline file, or set '
        "<code>auto.choose</code> in the run's form where the file lists it.</p>"
    )
    return framed(f"Backend: {choice.chosen}", f"{head}{_table(choice)}{body}{told}{override}")


def _table(choice: BackendChoice) -> str:
    rows = "".join(
        f'<tr><td class="count">{each.rank or ""}</td><td>{escape(each.name)}</td><td>{escape(each.backend)}</td>'
        f'<td class="count">{_usd(each.worst_case_usd)}</td><td class="count">{_usd(each.month_usd)}</td>'
        f'<td class="count">{_usd(each.total_usd)}</td></tr>'
        for each in choice.candidates
    )
    heads = (
        *(("count", "rank"), ("", "candidate"), ("", "backend")),
        *(("count", "worst case"), ("count", "a month"), ("count", "counts")),
    )
    head = "".join(f'<th class="{kind}">{name}</th>' for kind, name in heads)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _candidate(each: JudgedCandidate, taken: bool) -> str:
    rows = "".join(
        f'<tr><td>{escape(rule.rule)}</td><td class="{rule.outcome}">{rule.outcome}</td><td>{escape(rule.said)}</td>'
        "</tr>"
        for rule in each.rules
    )
    state = "taken" if taken else "fits" if each.fits else "out"
    return (
        f"<h2>{escape(each.name)}: {state}</h2><p><code>{escape(each.base_model)}</code></p>"
        f"<table><tr><th>rule</th><th>says</th><th>because</th></tr>{rows}</table>"
    )


def _place(each: JudgedCandidate) -> str:
    return "out:" if each.rank is None else f"{each.rank}."


def _price(each: JudgedCandidate) -> str:
    return "no price" if each.total_usd is None else f"{dollars(each.total_usd)} counts"


def _usd(usd: float | None) -> str:
    return "" if usd is None else dollars(usd)
