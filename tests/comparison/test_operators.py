"""A comparison's tasks in Airflow's own runner: the budget, and what they do where there is nothing to compare."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.comparison.operators import REASON, CheckBudgetOperator, CompareOperator, tell_why
from airflow_finetune.errors import SpecError
from tests.comparison.test_comparison import plan
from tests.execution_api import TaskRun, in_dag

POLICY = {"metric": "exact_match"}


def budget(max_usd: Any, **plans: float | None) -> TaskRun:
    dumped = {name: None if usd is None else plan(usd).dump() for name, usd in plans.items()}
    return TaskRun(in_dag(lambda: CheckBudgetOperator(task_id="check_budget", plans=dumped, max_usd=max_usd)))


def test_worst_cases_are_added_up_and_a_plan_that_failed_costs_nothing() -> None:
    task = budget("{{ 10 }}", a=4.0, b=6.0, c=None)
    assert task.try_once() == "success", task.error
    assert task.result == {"worst_case_usd": 10.0, "max_usd": 10.0}


def test_too_much_together_is_refused_with_every_part() -> None:
    task = budget(9.99, a=4.0, b=6.0)
    assert task.try_once() == "failed"
    assert "their worst cases are $10.00 together (a $4.00; b $6.00)" in str(task.error)


def test_a_policy_that_cannot_work_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(SpecError, match="did you mean"):
        in_dag(lambda: CompareOperator(task_id="c", candidates={}, policy={"metric": "exact_macht"}, output_uri="x"))


def test_a_task_that_fails_keeps_why_without_what_looks_like_a_secret() -> None:
    kept: dict[str, str] = {}

    class Ti:
        def xcom_push(self, key: str, value: str) -> None:
            kept[key] = value

    tell_why({"ti": Ti(), "exception": RuntimeError("no quota; AKIAIOSFODNN7EXAMPLE was asked")})
    assert "no quota" in kept[REASON]
    assert "AKIAIOSFODNN7EXAMPLE" not in kept[REASON]
    tell_why({"ti": Ti()})
    assert kept[REASON] == "it was ended from outside."
