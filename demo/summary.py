"""Says in words what ``summary.json`` says in numbers, to somebody who knows nothing of the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_finetune.comparison.words import in_words
from airflow_finetune.values import BackendComparison
from demo import told
from demo.jobs import words

Facts = Mapping[str, Any]

PASSED, FAILED, REFUSED, NOT_PASSED, STOPPED = 0, 1, 2, 3, 130
"""Exit statuses: all is well; the run failed, or something is left; bad input; the gate held the model back; Ctrl-C."""


def status(facts: Facts) -> int:
    """Return the exit status that the facts deserve."""
    if facts["state"] != "success" or facts["left_billing"] or facts["left_running"]:
        return FAILED
    if _stopped(facts):
        return PASSED
    verdict = facts["verdict"]
    if comparison := facts.get("comparison"):
        verdict = next(row for row in comparison["rows"] if row["name"] == comparison["best"])
    return PASSED if verdict and verdict["decision"] == "pass" else NOT_PASSED


def text(facts: Facts, out: Path) -> str:
    """Return the whole summary."""
    parts = (
        _verdict(facts),
        _advised(facts),
        _learned(facts),
        _happened(facts),
        _cost(facts),
        _left(facts),
        _look(facts, out),
    )
    return "\n".join(line for part in parts for line in part)


def _verdict(facts: Facts) -> list[str]:
    verdict = facts["verdict"]
    if _stopped(facts):
        return [
            "",
            "No verdict, as nothing was tuned: prompting already reaches the target, and the file asks for that.",
        ]
    if facts.get("comparison"):
        return ["", "Comparison", *(f"  {line}" for line in in_words(BackendComparison.load(facts["comparison"])))]
    if not verdict:
        return ["", f"No verdict: the run ended in state {facts['state']} before the gate."]
    meaning = {"pass": "the new model may go on", "reject": "the new model is held back"}
    said = meaning.get(verdict["decision"], "there are too few questions to tell; the new model is held back")
    lines = ["", f"Verdict: {verdict['decision']} - {said}"]
    for check in verdict["checks"]:
        seen = "{mean:.3f}, between {low:.3f} and {high:.3f}".format(**check["estimate"])
        lines.append(f"  {check['outcome']:13}{check['name']} (observed {seen})")
    if not verdict["checks"]:
        lines.append(f"  {verdict['reason']}")
    if verdict.get("more_items"):
        lines.append(f"  about {verdict['more_items']:,} more golden items could decide")
    return lines


def _stopped(facts: Facts) -> bool:
    return bool((facts.get("advice") or {}).get("stopped")) and facts["state"] == "success"


def _advised(facts: Facts) -> list[str]:
    said = facts.get("advice")
    if not said:
        return []
    lines = ["", f"Before tuning: {told.ADVISED[said['recommendation']]}"]
    for each in said["prompts"]:
        if each["estimate"] is None:
            lines.append(f"  {each['name']:12} could not be asked: {each['said']}")
            continue
        seen = "{mean:.1%}, between {low:.1%} and {high:.1%}".format(**each["estimate"])
        price = "" if each["usd_per_1000"] is None else f", ${each['usd_per_1000']:.2g} for 1,000 answers"
        lines.append(f"  {each['name']:12} {seen}{price}")
    return lines


def _learned(facts: Facts) -> list[str]:
    found, verdict = facts["evaluation"], facts["verdict"] or {}
    if not found:
        return []
    lines = [
        "",
        "What was learned",
        f"  {found['items']:,} questions that were kept out of the training data, both models:",
    ]
    for name, before in found["baseline"].items():
        after = found["candidate"][name]
        lines.append(f"  {before:6.1%} -> {after:6.1%} {told.DEMO_WORDS.get(name, name)}")
    interval, alpha = verdict.get("interval"), verdict.get("alpha")
    if interval and alpha:
        low, high, sure = interval["low"] * 100, interval["high"] * 100, 1 - 2 * alpha
        lines.append(f"  how sure: the gain is {low:.1f} to {high:.1f} points, with {sure:.0%} confidence")
    return lines


def _happened(facts: Facts) -> list[str]:
    lines, made, job = ["", "What happened"], facts["dataset"], facts["training"]
    if made:
        dropped = sum(made["dropped"].values())
        lines.append(
            f"  {made['records_in']:,} raw records became {made['records_out']:,} examples; {dropped:,} dropped"
        )
        lines += [f"    {told.counted(made['dropped'])}"] if dropped else []
    if facts["plan"]:
        lines.append(
            "  before anything was created: at most ${worst_case_usd:.2f} of ${max_usd:.2f}".format(**facts["plan"])
        )
    if choice := facts.get("choice"):
        lines.append(f"  chosen among {len(choice['candidates'])} backends: {choice['chosen']}; {choice['why']}")
    lines += words.trained(job) if job else []
    if facts["model_package"]:
        lines.append(f"  registered: {facts['model_package']}")
        lines.append(f"    {facts['approval_status']}: a person decides, in the DAG approve_model")
    return lines if len(lines) > 2 else []


def _cost(facts: Facts) -> list[str]:
    said = f"What it would have cost on AWS: ${facts['cost_usd']:.2f} (a second here counts as {facts['speed']:.0f})"
    here = "  at the embedded AWS's own dated price table, which is not AWS's; here: nothing"
    return ["", said, *words.paid(facts), here]


def _left(facts: Facts) -> list[str]:
    kinds = [row.rpartition(" ")[0] for row in facts["deleted"]]
    gone = told.deleted({"deleted": [{"kind": kind} for kind in kinds]}) if kinds else "nothing"
    lines = ["", f"Deleted: {gone}", f"Left billing: {', '.join(facts['left_billing']) or 'nothing'}"]
    if facts["stored_bytes"]:
        lines.append(f"  (on AWS, {facts['stored_bytes'] / 1e6:.1f} MB of data and models would stay in S3)")
    for arn, usd in facts.get("stored_models", {}).items():
        month = "at a price that is not known" if usd is None else f"for ${usd:.2f} a month"
        lines.append(f"  (on AWS, the custom model would stay {month}, until it is deleted: {arn})")
    running = facts["left_running"]
    return [*lines, f"Left running: {f'{len(running)} processes' if running else 'nothing'}"]


def _look(facts: Facts, out: Path) -> list[str]:
    lines = ["", f"Where to look (everything is in {out})"]
    for name, what in (
        ("advice.html", "the base model's answers to each prompt"),
        ("comparison.html", "quality against price of all candidates, in a table and a plot"),
        ("choice.html", "which backend was chosen, and why"),
        ("report.html", "both models' answers, item by item"),
        ("curation.html", "where every record went"),
        ("job.log", "what the training job printed"),
        ("steps.csv", "the loss of every step, as Bedrock has put it into the output bucket"),
        ("validation.csv", "what the model made of text that it was not trained on, pass by pass"),
        ("airflow/tasks/", "the log of every task"),
        ("summary.json", "all of this in numbers"),
    ):
        if (out / name).exists() or name == "summary.json":
            lines.append(f"  {name:14} {what}")
    took = f"{facts['seconds']:.0f} seconds ({facts['cpu_seconds']:.0f} of processor time)"
    return [*lines, f"It took {took} and {facts['peak_memory_mib'] / 1024:.1f} GiB of memory at most."]
