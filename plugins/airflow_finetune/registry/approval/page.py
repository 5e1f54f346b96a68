"""What an approver is shown: the evidence in numbers, as Markdown in which data stays data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote, urlencode

from airflow_finetune.redact import redacted_text
from airflow_finetune.registry.evidence import Evidence
from airflow_finetune.resources.custom_model import is_custom_model
from airflow_finetune.values import DatasetReference, Estimate, EvalReport, MetricReport, ModelVersion, TunedModel

_UNKNOWN = "not recorded"


def page(version: ModelVersion, evidence: Evidence | None, region: str) -> str:
    """Return what a person needs to decide on a version.

    Args:
        version: as AWS describes it.
        evidence: what it was registered on; None if nobody has recorded that.
        region: of the version.
    """
    parts = [_facts(version, evidence)]
    if evidence is None:
        parts.append("No evaluation is recorded with this version: it was not registered by airflow-finetune.")
    else:
        parts += [_scores(evidence.report), _verdict(evidence), _checks(evidence)]
    parts.append(_links(version, region))
    return "\n\n".join(part for part in parts if part)


def code(text: str | None) -> str:
    """Return a text as Markdown code that fits into a table, whatever the text holds."""
    if not text:
        return _UNKNOWN
    line = re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", redacted_text(text)).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def escaped(text: str) -> str:
    """Return a text as Markdown in which nothing is markup."""
    line = re.sub(r"\s+", " ", redacted_text(text)).strip()
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", line)


def _facts(version: ModelVersion, evidence: Evidence | None) -> str:
    model = None if evidence is None else evidence.model
    golden = version.golden if evidence is None else evidence.report.golden
    cost = version.cost_usd if model is None else model.cost_usd
    rows = [
        ("version", f"{version.model_version} of {code(version.group)}, {code(version.approval_status)}"),
        ("weights", code(version.model_uri)),
        ("served by", "Amazon Bedrock, which needs no image")
        if is_custom_model(version.model_uri)
        else _image(version),
        ("tuned from", code(version.base_model if model is None else model.base_model)),
        ("by the job", code(version.job_name if model is None else model.job_name)),
        ("which cost", _UNKNOWN if cost is None else f"${cost:.4f}"),
        *_kept(model),
        ("on the dataset", _set(version.dataset if model is None else model.dataset)),
        ("judged on the golden set", _set(golden)),
    ]
    return _table(("", ""), rows)


def _image(version: ModelVersion) -> tuple[str, str]:
    return "image", code(version.image_uri)


def _kept(model: TunedModel | None) -> Iterator[tuple[str, str]]:
    """Yield what AWS bills for keeping the model, where it bills that."""
    if model is not None and model.monthly_usd is not None:
        yield "kept for", f"${model.monthly_usd:.2f} a month, until it is deleted"


def _set(reference: DatasetReference | None) -> str:
    if reference is None:
        return _UNKNOWN
    count = "" if reference.examples is None else f", {reference.examples} examples"
    return f"{code(reference.uri)}, SHA-256 {code(reference.sha256)}{count}"


def _scores(report: EvalReport) -> str:
    head = (f"{report.items} items", "baseline", "candidate")
    rows = [(code(name), *_arms(metric, report.items)) for name, metric in sorted(report.metrics.items())]
    told = f"In brackets: what each can be at {report.confidence:.0%} confidence."
    silent = report.unanswered_baseline + report.unanswered_candidate
    if silent:
        told += (
            f" Without an answer: {report.unanswered_baseline} of the baseline, "
            f"{report.unanswered_candidate} of the candidate; they count as wrong."
        )
    return f"{_table(head, rows)}\n\n{told}"


def _arms(metric: MetricReport, items: int) -> Iterator[str]:
    pairs, right = metric.pairs, [-1, -1]
    if pairs is not None:
        right = [pairs.both_right + pairs.only_baseline, pairs.both_right + pairs.only_candidate]
    for count, estimate in zip(right, (metric.baseline, metric.candidate), strict=True):
        yield ("" if count < 0 else f"{count} of {items}: ") + f"{estimate.mean:.4f} {_interval(estimate)}"


def _verdict(evidence: Evidence) -> str:
    verdict = evidence.verdict
    told = f"The gate's verdict: **{verdict.decision}**. {escaped(verdict.reason)}"
    if verdict.interval is not None:
        gain = verdict.interval
        told += f"\n\nGain in {code(verdict.metric)}: {gain.mean:+.4f} {_interval(gain)}"
        told += "" if verdict.p_value is None else f", p = {verdict.p_value:.3g} at alpha = {verdict.alpha:g}"
        told += f" ({escaped(verdict.test)})." if verdict.test else "."
    return told


def _checks(evidence: Evidence) -> str:
    rows = [
        (code(each.name), each.outcome, f"{each.estimate.mean:.4f} {_interval(each.estimate)}", f"{each.p_value:.3g}")
        for each in evidence.verdict.checks
    ]
    return _table(("the policy asks for", "outcome", "observed", "p"), rows) if rows else ""


def _links(version: ModelVersion, region: str) -> str:
    rows = (("Report", version.report_uri), ("Evidence", version.evidence_uri))
    return "\n\n".join(f"{name}: {_link(uri, region)}" for name, uri in rows if uri)


def _link(uri: str, region: str) -> str:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not key:
        return code(uri)
    query = urlencode({"region": region, "prefix": key}, quote_via=quote)
    return f"[open in S3](https://console.aws.amazon.com/s3/object/{quote(bucket, safe='')}?{query}), {code(uri)}"


def _interval(estimate: Estimate) -> str:
    return f"[{estimate.low:.4f}, {estimate.high:.4f}]"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
