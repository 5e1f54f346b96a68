"""What makes a run fail although its teardowns went well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_finetune.serving.ending.operators import GuardOperator


class Run:
    """A task instance that knows the states of its run."""

    dag_id = run_id = "orders"

    def __init__(self, states: Mapping[str, Any]) -> None:
        self.states = states

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, Mapping[str, Any]]:
        return {run_ids[0]: self.states}


def complaint(states: Mapping[str, Any], only: list[str] | None = None) -> str:
    """Return what a guard says; empty where it is content."""
    try:
        GuardOperator(task_id="guard", only=only).execute({"ti": Run(states)})
    except AirflowFailException as error:
        return str(error)
    return ""


@pytest.mark.parametrize("state", ["failed", "upstream_failed"])
def test_any_task_that_failed_counts(state: str) -> None:
    assert "tasks: plan." in complaint({"plan": state, "curate": "success", "guard": None})
    assert complaint({"plan": "success", "gate": "skipped"}) == ""


@pytest.mark.parametrize(
    ("states", "named"),
    [
        ({"a.fine_tune": "failed", "a.teardown": "upstream_failed", "compare": "success"}, ""),
        ({"a.fine_tune": "success", "a.teardown": "failed", "compare": "success"}, "a.teardown"),
        ({"a.fine_tune": "failed", "a.teardown": "upstream_failed", "compare": "failed"}, "compare"),
        ({"a.fine_tune": "failed", "a.teardown": "success", "compare": "skipped"}, "compare"),
        ({"curate": "skipped", "a.fine_tune": "skipped", "a.teardown": "skipped", "compare": "skipped"}, ""),
    ],
    ids=["a candidate failed", "something may be left", "nothing to compare", "marked as failed", "no data"],
)
def test_where_a_task_may_fail_only_those_that_are_named_count(states: Mapping[str, Any], named: str) -> None:
    said = complaint(states, only=["compare", "a.teardown"])
    assert bool(said) == bool(named)
    assert f"tasks: {named}." in said or not named
