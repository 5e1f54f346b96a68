"""Names are claims: the same question gets the same name, in this release and in all later ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_finetune.lifecycle.claim import MAX_NAME_LENGTH, Claim

IDS = st.text(min_size=1, max_size=250)
CLAIMS = st.builds(
    Claim,
    deployment=IDS,
    dag_id=IDS,
    run_id=IDS,
    task_id=IDS,
    map_index=st.integers(-1, 100_000),
    generation=st.integers(0, 99_999),
)
RUN = "scheduled__2026-11-20T00:00:00+00:00"


# Never change a line here: a changed name means that every retry which spans the upgrade pays for a second job.
@pytest.mark.parametrize(
    ("claim", "attempt", "name"),
    [
        (Claim("default", "orders", RUN, "fine_tune", -1, 0), 1, "orders-fine-tune-6a731681a6848cf4-g0-a1"),
        (Claim("default", "orders", RUN, "fine_tune", -1, 5), 12, "orders-fine-tune-6a731681a6848cf4-g5-a12"),
        (Claim("default", "orders", RUN, "fine_tune", 7, 0), 1, "orders-fine-tune-47ea4a1920e30f6d-g0-a1"),
        (Claim("prod", "orders", RUN, "fine_tune", -1, 0), 1, "orders-fine-tune-0f045f5b592d7b04-g0-a1"),
        (
            Claim("default", "a.b", "manual__2026-11-20T10:11:12+02:00", "g.fine_tune", -1, 2),
            1,
            "a-b-g-fine-tune-771f9d8dac7fd819-g2-a1",
        ),
        (Claim("default", "große_Bestellungen", "r", "訓練", -1, 2), 1, "gro-e-bestellungen-774061b048ce6c87-g2-a1"),
        (Claim("default", "…", "r", "…", -1, 2), 1, "finetune-1e068a2032405daf-g2-a1"),
        (
            Claim("default", "d" * 250, "r" * 250, "t" * 250, 99_999, 99_999),
            99,
            "ddddddddddddddddddddddddddddddddddd-e86ba076c965a97b-g99999-a99",
        ),
    ],
)
def test_the_formula_is_frozen(claim: Claim, attempt: int, name: str):
    assert claim.name(attempt) == name


@given(CLAIMS, st.integers(1, 99))
def test_every_name_fits_what_aws_allows(claim: Claim, attempt: int):
    name = claim.name(attempt)
    assert len(name) <= MAX_NAME_LENGTH
    assert re.fullmatch(r"[a-z0-9](-*[a-z0-9])*", name)
    assert re.fullmatch(r"([0-9a-z][_-]?){1,63}", name), "Bedrock allows no two dashes in a row"


@given(CLAIMS, st.integers(1, 99))
def test_a_name_tells_its_generation_and_attempt(claim: Claim, attempt: int):
    assert claim.place(claim.name(attempt)) == (claim.generation, attempt)


@given(CLAIMS, CLAIMS)
def test_different_tasks_never_share_a_key(one: Claim, other: Claim):
    def identity(claim: Claim) -> tuple[object, ...]:
        return (claim.deployment, claim.dag_id, claim.run_id, claim.task_id, claim.map_index)

    assert (one.key == other.key) == (identity(one) == identity(other))
    if one.key != other.key:
        assert other.place(one.name(1)) is None


def test_ids_that_only_differ_where_they_are_joined_do_not_meet():
    assert Claim("d", "a", "bc", "t", -1, 0).key != Claim("d", "ab", "c", "t", -1, 0).key
    assert Claim("d", "a\x00b", "c", "t", -1, 0).key != Claim("d", "a", "b\x00c", "t", -1, 0).key


def test_a_name_of_somebody_else_has_no_place():
    claim = Claim("d", "a", "b", "t", -1, 0)
    assert claim.place("orders-2026") is None
    assert claim.place(claim.name(1) + "-copy") is None
