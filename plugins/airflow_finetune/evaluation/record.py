"""The gate's verdict, and its place beside the evaluation that it judged: for machines, and on the page for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_finetune.errors import DataError
from airflow_finetune.evaluation.gate import verdict as verdict_of
from airflow_finetune.evaluation.page import dollars, page
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.report import Judged, read_answer_lines
from airflow_finetune.evaluation.store import ANSWERS, PAGE, VERDICT, Store
from airflow_finetune.values import EvalReport, GateVerdict


def judged(report: EvalReport, policy: GatePolicy) -> GateVerdict:
    """Return the verdict, with the price of what more items cost: what the ones before have cost.

    Raises:
        SpecError: the report lacks a metric that the policy names.
    """
    usd_per_item = report.usd / report.items if report.usd is not None and report.items else None
    return verdict_of(report, policy, usd_per_item)


def in_words(verdict: GateVerdict) -> list[str]:
    """Return the verdict for a log, line by line."""
    lines = [f"{verdict.decision.upper()}: {verdict.reason}"]
    if verdict.interval is not None:
        told, share = verdict.interval, 1 - 2 * verdict.alpha
        gain = f"{told.mean:+.3f}, {share:.0%} interval {told.low:+.3f} to {told.high:+.3f}"
        lines.append(f"Candidate's {verdict.metric} minus the baseline's, on {verdict.items} items: {gain}.")
    if verdict.more_items is not None:
        price = "at an unknown price" if verdict.more_usd is None else f"for about {dollars(verdict.more_usd)}"
        lines.append(f"{verdict.more_items} more golden items, {price} of asking both models, could decide.")
    return lines


def record(
    report: EvalReport, verdict: GateVerdict, make_client: Callable[[], Any], kms_key_id: str | None = None
) -> str | None:
    """Write ``verdict.json`` and the page with the verdict beside a report; return where the verdict lies.

    The latest verdict stays, if several policies judge one report. None for a report that lies nowhere.

    Args:
        report: with its page's address.
        verdict: of it.
        make_client: gives the boto3 client of S3; called only where the report is on S3.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.

    Raises:
        DataError: the answers beside the report cannot be read, or its folder not be written.
        RequestRefused, Unavailable: as of S3.
    """
    if report.report_uri is None:
        return None
    folder, _, name = report.report_uri.rpartition("/")
    if name != PAGE or not folder:
        return None  # somebody else's page: nothing of it is touched
    store = Store(folder, make_client, kms_key_id)
    address = store.write(VERDICT, verdict.model_dump_json(indent=1))
    store.write(PAGE, page(report, _items(store), verdict))
    return address


def _items(store: Store) -> tuple[Judged, ...]:
    content = store.read(ANSWERS)
    try:
        return read_answer_lines((content or b"").decode())
    except (ValueError, LookupError, TypeError) as error:
        said = f"cannot be read: {error}."
        raise DataError(store.address(ANSWERS), said, "Evaluate again to have the page.") from error
