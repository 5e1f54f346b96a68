"""The names of a scope are computed and frozen; whoever comes later computes the same ones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_finetune.aws.shapes import service_model
from airflow_finetune.errors import RequestRefused
from airflow_finetune.serving.inventory import KINDS
from airflow_finetune.serving.scope import ARMS, Scope, ScopeClaim, is_of_a_scope, open_scope
from tests.execution_api import TaskRun, in_dag

IDS = st.text(min_size=1, max_size=250)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
GOLDEN = {
    ScopeClaim("default", "orders", "manual__2026-11-20", "served"): "orders-scope-b56e3d61c81cc771-candidate",
    ScopeClaim("prod", "Größe & Co.", "r", "a.b", 3): "gr-e-co-scope-42a3f03a7aaec5f3-candidate",
}


@pytest.mark.parametrize(("claim", "name"), GOLDEN.items(), ids=str)
def test_the_formula_is_frozen(claim: ScopeClaim, name: str):
    assert claim.name("candidate") == name


@given(deployment=IDS, dag=IDS, run=IDS, group=IDS, map_index=st.integers(-1, 10**5))
def test_hostile_ids_fit_every_pattern_of_a_name(deployment: str, dag: str, run: str, group: str, map_index: int):
    claim = ScopeClaim(deployment, dag, run, group, map_index)
    for arm in ARMS:
        name = claim.name(arm)
        assert len(name) <= 63
        assert is_of_a_scope(name)
        for resource in KINDS:
            shape = service_model(resource.service).operation_model(resource.operations.create).input_shape
            assert re.fullmatch(shape.members[resource.key].metadata["pattern"], name)


def test_each_part_of_the_claim_changes_every_name():
    claim = ScopeClaim("d", "a", "r", "g", 0)
    others = [
        claim._replace(**{field: value})
        for field, value in {"deployment": "x", "dag_id": "x", "run_id": "x", "group": "x", "map_index": 1}.items()
    ]
    assert len({each.id for each in [claim, *others]}) == 6
    assert len({name for each in [claim, *others] for name in each.names.values()}) == 12


def test_a_scope_travels_and_ends():
    scope = open_scope(ScopeClaim("d", "a", "r", "g"), timedelta(hours=2), NOW)
    assert Scope.load(scope.dump()) == scope
    scope.check_lease(NOW + timedelta(hours=1))
    with pytest.raises(RequestRefused, match="02:00"):
        scope.check_lease(NOW + timedelta(hours=2))


def test_names_of_others_have_not_the_form():
    assert not is_of_a_scope("orders-scope-of-theirs")
    assert not is_of_a_scope("orders-scope-0123456789abcdef-champion")
    assert is_of_a_scope("orders-scope-0123456789abcdef-baseline")


def opened(**run: object) -> str:
    """Open a scope; return the state of the task."""
    from airflow_finetune import OpenScopeOperator

    return TaskRun(in_dag(lambda: OpenScopeOperator(task_id="open_scope")), **run).try_once()


@pytest.mark.parametrize(
    ("paused", "said"),
    [
        ({"cleanup_expired": True}, "The DAG cleanup_expired is paused. What this run leaves behind bills"),
        ({}, "There is no DAG cleanup_expired in this Airflow. What this run leaves behind bills"),
        ({"cleanup_expired": False}, None),
        ({"cleanup_expired": "an answer of a later release"}, None),
    ],
    ids=["paused", "missing", "on", "not to be understood"],
)
def test_whoever_opens_a_scope_is_told_when_nothing_would_clean_up(
    paused: dict[str, Any], said: str | None, capsys: pytest.CaptureFixture[str]
):
    assert opened(paused=paused) == "success", "it is no reason to fail"
    out = capsys.readouterr().out
    assert ("leaves behind bills" in out) is (said is not None)
    assert (said or "") in out


def test_another_dag_can_be_named_as_the_one_that_cleans_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__CLEANUP_DAG", "ours")
    opened(paused={"ours": True, "cleanup_expired": False})
    assert "The DAG ours is paused." in capsys.readouterr().out
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__CLEANUP_DAG", "")
    opened(paused={"cleanup_expired": True})
    assert "leaves behind bills" not in capsys.readouterr().out, "somebody cleans up in another way"
