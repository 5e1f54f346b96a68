"""What each stage has to say when it is done: one line, read from the value that it hands to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from airflow_finetune.comparison.words import verdict
from airflow_finetune.values import BackendComparison

STAGES = ("curate", "plan", "fine_tune", "deploy_baseline", "deploy_candidate", "evaluate", "gate", "register")
"""The tasks of the way from raw data to a registered model, in order."""

ADVICE = ("advice_open_scope", "advice_deploy_baseline", "advise", "advice_teardown", "advice_guard")
AROUND = ("open_scope", "teardown", "guard", "request_approval", "check_budget", "compare", *ADVICE)
"""What holds them together, and what a pipeline may ask before it tunes."""

DEMO_WORDS = {
    "exact_match": "exactly right",
    "field_f1": "fields right",
    "json_validity": "valid JSON",
    "text_f1": "words right",
}
ADVISED = {
    "reaches": "prompting already reaches the target",
    "helps": "prompting helps, does not reach the target",
    "does_not_help": "prompting does not help",
    "unknown": "no advice",
}
Value = Mapping[str, Any]


def stage(task_id: str) -> str:
    """Return the stage of a task, which in a comparison has the name of its candidate before it."""
    return task_id.rpartition(".")[2]


def line(task_id: str, value: Any) -> str:
    """Return what a task found, in words; ``done`` where its value says nothing to people."""
    say = _LINES.get(task_id)
    return say(value) if say and isinstance(value, Mapping) else "done"


def counted(numbers: Mapping[str, int]) -> str:
    """Return ``38 duplicate, 6 broken line``; the most frequent first."""
    most = sorted(numbers.items(), key=lambda item: -item[1])
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in most)


def means(report: Value, arm: str) -> dict[str, float]:
    """Return metric -> the mean score of an arm."""
    return {name: float(metric[arm]["mean"]) for name, metric in report["metrics"].items()}


def share(metric: str, mean: float) -> str:
    """Return ``93.7% exactly right``."""
    return f"{mean:.1%} {DEMO_WORDS.get(metric, metric)}"


def deleted(receipt: Value) -> str:
    """Return ``2 endpoints, 2 models``."""
    kinds = Counter(str(row["kind"]) for row in receipt.get("deleted", ()))
    return (
        ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items()) or "nothing was there"
    )


def _curated(value: Value) -> str:
    dropped, masked = value["dropped"], value.get("redacted", {}).get("records", 0)
    said = f"{value['records_in']:,} records in, {value['records_out']:,} out"
    if dropped:
        said += f"; dropped {sum(dropped.values()):,}: {counted(dropped)}"
    return said + (f"; personal data masked in {masked:,}" if masked else "")


def _planned(value: Value) -> str:
    asked = [check for check in value["checks"] if check["outcome"] == "ok"]
    unknown = len(value["checks"]) - len(asked)
    if choice := value.get("choice"):
        return f"{choice['chosen']} is taken: {choice['why']}"
    said = f"at most ${value['worst_case_usd']:.2f}, allowed are ${value['max_usd']:.2f}; {len(asked)} checks passed"
    return said + (f", {unknown} could not be made" if unknown else "")


def _advised(value: Value) -> str:
    scores = ", ".join(
        f"{each['name']} {each['estimate']['mean']:.3f}" for each in value["prompts"] if each.get("estimate")
    )
    said = ADVISED[value["recommendation"]]
    return f"{said} ({value['metric']} of {value['items']:,} items: {scores or 'not asked'})"


def _tuned(value: Value) -> str:
    cost = "" if value.get("cost_usd") is None else f", ${value['cost_usd']:.2f}"
    if value.get("backend") == "bedrock":
        return f"completed{_losses(value.get('metrics', {}))}{cost}{_kept(value)}"
    if value.get("billed_tokens") is not None:
        return f"completed, {value['billed_tokens']:,} tokens billed{cost}"
    times = value["interruptions"]
    often = "not interrupted" if not times else f"interrupted {times} time{'s' if times > 1 else ''}"
    return f"completed on {value['instance_type']} ({value['market'].replace('_', ' ')}), {often}{cost}"


def _losses(metrics: Mapping[str, float]) -> str:
    said = f", loss {metrics['training_loss']:.3g}" if "training_loss" in metrics else ""
    before, after = metrics.get("validation_perplexity_before"), metrics.get("validation_perplexity")
    return said + ("" if before is None or after is None else f", perplexity {before:,.1f} -> {after:,.1f}")


def _kept(value: Value) -> str:
    month = value.get("monthly_usd")
    return "" if month is None else f"; keeping the model costs ${month:.2f} a month"


def _served(value: Value) -> str:
    if value.get("service") != "bedrock":
        return f"{value['endpoint_name']} is in service on {value['instance_type']}"
    name = value["endpoint_name"]
    if not value["endpoint_arn"]:
        return f"{name} answers on demand, nothing is made for it"
    hour = value.get("hourly_usd")
    if hour:
        return f"{name} is in service on provisioned throughput, ${hour:.2f} an hour"
    return f"{name} is active, billed by the token"


def _evaluated(value: Value) -> str:
    before, after = means(value, "baseline"), means(value, "candidate")
    scores = "; ".join(f"{name} {before[name]:.3f} -> {after[name]:.3f}" for name in before)
    return f"both models answered {value['items']:,} golden items: {scores}"


def _judged(value: Value) -> str:
    checks = [f"{check['name']}: {check['outcome']}" for check in value["checks"]]
    return f"{value['decision']} ({'; '.join(checks) or value['reason']})"


def _registered(value: Value) -> str:
    return f"{value['model_package_arn']}, {value['approval_status']}"


def _torn_down(value: Value) -> str:
    return f"deleted {deleted(value)}"


def _together(value: Value) -> str:
    return f"all candidates together cost at most ${value['worst_case_usd']:.2f}, allowed are ${value['max_usd']:.2f}"


def _compared(value: Value) -> str:
    return verdict(BackendComparison.load(value))


_LINES: dict[str, Callable[[Value], str]] = {
    "curate": _curated,
    "plan": _planned,
    "advice_deploy_baseline": _served,
    "advise": _advised,
    "advice_teardown": _torn_down,
    "fine_tune": _tuned,
    "deploy_baseline": _served,
    "deploy_candidate": _served,
    "evaluate": _evaluated,
    "gate": _judged,
    "register": _registered,
    "teardown": _torn_down,
    "check_budget": _together,
    "compare": _compared,
}
