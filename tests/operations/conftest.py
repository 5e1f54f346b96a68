"""The companies that train and that serve, and one who asks what bills."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from airflow_finetune.operations.bills import BillingReport
from tests.execution_api import TaskRun, in_dag

# Fixtures of other folders, used here by their names.
from tests.operators.conftest import company as company
from tests.serving.conftest import hosts as hosts

EXPIRED = {"expires_at": "2026-01-01T00:00:00Z"}
Ask = Callable[..., TaskRun]


@pytest.fixture
def ask() -> Ask:
    """Makes the task; run it with ``try_once``."""
    from airflow_finetune import LeftBillingOperator

    def task(**arguments: Any) -> TaskRun:
        return TaskRun(in_dag(lambda: LeftBillingOperator(task_id="left_billing", **arguments), dag_id="cleanup"))

    return task


@pytest.fixture
def report(ask: Ask) -> Callable[..., BillingReport]:
    """Runs the task and returns what it says."""

    def run(**arguments: Any) -> BillingReport:
        done = ask(**arguments)
        assert done.try_once() == "success", done.error
        return BillingReport.load(done.result)

    return run


def times(item: Any) -> tuple[datetime | None, datetime | None]:
    return item.since, item.expires_at
