"""Reports from counts or scores, as if two models had answered; and two that answer on the embedded AWS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from airflow_finetune.evaluation.report import metric_report
from airflow_finetune.evaluation.scorers import named
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.values import DatasetReference, EvalReport, ModelReference
from tests.evaluation.trial import Trial

GOLDEN = "c" * 64
Scores = Sequence[tuple[float, float]]


def pairs(both: int, only_baseline: int, only_candidate: int, neither: int) -> list[tuple[float, float]]:
    """Return right-or-wrong scores, baseline first."""
    counted = (((1.0, 1.0), both), ((1.0, 0.0), only_baseline), ((0.0, 1.0), only_candidate), ((0.0, 0.0), neither))
    return [pair for pair, times in counted for _ in range(times)]


def report_of(baseline: str = "a" * 64, candidate: str = "b" * 64, **scores: Scores) -> EvalReport:
    """Return a report; a metric is named by its keyword, and each has the same number of scores."""
    metrics = {name: metric_report(named([name])[0], each) for name, each in scores.items()}
    items = len(next(iter(scores.values())))
    return EvalReport(
        items=items,
        golden=DatasetReference(uri="s3://bucket/golden.jsonl", sha256=GOLDEN, examples=items),
        baseline=ModelReference(uri="s3://bucket/baseline/", sha256=baseline),
        candidate=ModelReference(uri="s3://bucket/candidate/", sha256=candidate),
        metrics=metrics,
    )


def swapped(scores: Scores) -> list[tuple[float, float]]:
    return [(candidate, baseline) for baseline, candidate in scores]


@pytest.fixture
def trial(sandbox: Sandbox, aws: Callable[..., Any], connected: None) -> Trial:
    """Both tasks with the user's connection as the only way to an empty embedded AWS."""
    clients = {service: aws(service) for service in ("s3", "sagemaker", "sagemaker-runtime")}
    clients["s3"].create_bucket(Bucket="acme")
    sandbox.world.calls.clear()
    return Trial(sandbox, clients.__getitem__)
