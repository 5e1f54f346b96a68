"""A comparison from what the tasks have handed on to a stored table and plot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_finetune.comparison.compare import compared
from airflow_finetune.comparison.page import page
from airflow_finetune.comparison.rows import Entrant, row
from airflow_finetune.errors import DataError
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.report import Judged, read_answer_lines
from airflow_finetune.evaluation.store import Store
from airflow_finetune.values import BackendComparison, EvalReport, Plan, ServedModel, TunedModel, Value

RECORD, PAGE = "comparison.json", "page.html"


def comparison_at(
    given: Mapping[str, Mapping[str, Any]],
    policy: GatePolicy,
    max_usd: float | None,
    folder: str,
    make_client: Callable[[], Any],
    kms_key_id: str | None,
) -> BackendComparison:
    """Compare, and put the result as JSON and as a page into a folder.

    Args:
        given: name of a candidate -> ``backend``, ``base_model``, ``failed``, and the dumped outputs of its tasks.
        policy: of the gate.
        max_usd: what was allowed for all together.
        folder: an ``s3://`` prefix or a folder.
        make_client: gives the boto3 client of S3; called only for what lies there.
        kms_key_id: encrypts what is written; None takes the bucket's own way.

    Raises:
        JobFailed: no candidate has a result.
        DataError: answers cannot be read or do not pair.
        SpecError: a report lacks a metric of the policy.
        RequestRefused, Unavailable: as of S3.
    """
    entrants = [_entrant(name, each) for name, each in given.items()]
    reports = {each.name: each.report for each in entrants if each.report is not None}
    rows = [row(each, policy) for each in entrants]
    made = compared(rows, reports, lambda report: _answers(report, make_client), policy, max_usd)
    store = Store(folder, make_client, kms_key_id)
    addresses = {"record_uri": store.address(RECORD), "page_uri": store.address(PAGE)}
    told = made.model_copy(update=addresses)
    store.write(RECORD, told.model_dump_json(indent=1))
    store.write(PAGE, page(told))
    return told


def _entrant(name: str, each: Mapping[str, Any]) -> Entrant:
    kinds: dict[str, type[Value]] = {"plan": Plan, "tuned": TunedModel, "served": ServedModel, "report": EvalReport}
    told: dict[str, Any] = {key: None if each.get(key) is None else kind.load(each[key]) for key, kind in kinds.items()}
    words: dict[str, Any] = {key: str(each.get(key) or "") for key in ("backend", "base_model", "failed")}
    return Entrant(name=name, **words, **told)


def _answers(report: EvalReport, make_client: Callable[[], Any]) -> Sequence[Judged]:
    folder, _, name = str(report.answers_uri).rpartition("/")
    content = Store(folder, make_client).read(name) if folder else None
    if content is None:
        raise DataError(f"answers {report.answers_uri}", "they are not there.", "Clear evaluate of this candidate.")
    try:
        return read_answer_lines(content.decode())
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(str(report.answers_uri), f"cannot be read: {error}.", "Clear evaluate of it.") from error
