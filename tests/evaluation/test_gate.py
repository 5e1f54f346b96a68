"""The verdict: three ways it ends, what it refuses, and how often luck gets through."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_finetune.errors import SpecError
from airflow_finetune.evaluation.gate import verdict
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.values import EvalReport, GateVerdict
from tests.evaluation.conftest import Scores, pairs, report_of, swapped

BETTER = GatePolicy(metric="exact_match", min_items=1)
COUNTS = st.tuples(st.integers(0, 60), st.integers(0, 25), st.integers(0, 25), st.integers(1, 60))
MIRRORED = {"pass": "reject", "reject": "pass", "inconclusive": "inconclusive"}


def test_a_candidate_that_is_shown_to_be_good_enough_and_better_passes() -> None:
    policy = GatePolicy(metric="exact_match", at_least=0.8)
    told = verdict(report_of(exact_match=pairs(20, 2, 250, 28)), policy)
    assert (told.decision, told.more_items) == ("pass", None)
    assert [check.outcome for check in told.checks] == ["pass", "pass"]
    assert told.interval is not None
    assert 0 < told.interval.low < told.interval.mean < told.interval.high
    assert "exact_match of at least 0.8: shown, observed 0.900" in told.reason


def test_a_candidate_that_is_shown_to_be_too_bad_is_rejected_though_it_is_better() -> None:
    policy = GatePolicy(metric="exact_match", at_least=0.8, on_reject="fail")
    told = verdict(report_of(exact_match=pairs(10, 0, 100, 190)), policy)
    assert (told.decision, told.on_reject) == ("reject", "fail")
    assert "at least 0.8: shown not to hold, observed 0.367" in told.reason
    assert told.p_value is not None
    assert told.p_value < 1e-9


def test_what_cannot_be_told_is_inconclusive_with_items_and_their_price() -> None:
    told = verdict(report_of(exact_match=pairs(70, 10, 15, 5)), BETTER, usd_per_item=0.002)
    assert told.decision == "inconclusive"
    assert told.more_items is not None
    assert told.more_usd == pytest.approx(told.more_items * 0.002)
    assert f"About {told.more_items:,} more items would show it" in told.reason
    assert told.test == "McNemar's exact test"


def test_without_a_price_there_is_none() -> None:
    assert verdict(report_of(exact_match=pairs(70, 10, 15, 5)), BETTER).more_usd is None


@pytest.mark.parametrize("scores", [pairs(50, 0, 0, 50), pairs(50, 5, 5, 40), pairs(50, 6, 5, 39)])
def test_no_number_of_items_shows_a_gain_that_was_not_observed(scores: Scores) -> None:
    told = verdict(report_of(exact_match=scores), BETTER)
    assert (told.decision, told.more_items) == ("inconclusive", None)
    assert "no number of items" in told.reason


def test_too_few_items_decide_nothing() -> None:
    told = verdict(report_of(exact_match=pairs(0, 0, 20, 0)), GatePolicy(metric="exact_match", min_items=50))
    assert (told.decision, told.more_items) == ("inconclusive", 30)
    assert told.reason == "20 golden items; the policy decides on 50 or more."
    assert verdict(report_of(exact_match=pairs(0, 0, 20, 0)), BETTER).decision == "pass"


def test_the_same_weights_twice_are_refused() -> None:
    won = pairs(0, 0, 100, 0)
    told = verdict(report_of(candidate="a" * 64, exact_match=won), BETTER)
    assert (told.decision, told.checks) == ("reject", ())
    assert "one model was evaluated twice" in told.reason
    assert verdict(report_of(exact_match=won), BETTER).decision == "pass"


def test_without_digests_the_same_address_is_the_same_model() -> None:
    report = report_of(exact_match=pairs(0, 0, 100, 0))
    bare = report.candidate.model_copy(update={"sha256": None})
    other = report.model_copy(update={"candidate": bare})
    same = other.model_copy(update={"baseline": bare})
    assert verdict(other, BETTER).decision == "pass"
    assert verdict(same, BETTER).decision == "reject"


def test_another_golden_set_than_the_policys_is_refused() -> None:
    report = report_of(exact_match=pairs(0, 0, 100, 0))
    told = verdict(report, GatePolicy(metric="exact_match", golden_sha256="d" * 64))
    assert told.decision == "reject"
    assert "the policy counts only dddd" in told.reason
    assert verdict(report, GatePolicy(metric="exact_match", golden_sha256="c" * 64)).decision == "pass"


def test_counts_that_do_not_add_up_are_refused() -> None:
    report = report_of(exact_match=pairs(0, 0, 100, 0))
    told = verdict(report.model_copy(update={"items": 101}), BETTER)
    assert (told.decision, told.reason) == (
        "reject",
        "The counts of exact_match do not add up to 101 items. Nothing was judged.",
    )


def test_a_metric_that_was_not_evaluated_is_an_error() -> None:
    with pytest.raises(SpecError, match="the report has no field_f1; it has exact_match"):
        verdict(report_of(exact_match=pairs(1, 1, 1, 1)), GatePolicy(metric="field_f1"))


def test_a_guard_that_fails_rejects_what_would_have_passed() -> None:
    guarded = GatePolicy(metric="exact_match", guards=({"metric": "json_validity", "margin": 0.05},))
    better, kept, broken = pairs(100, 5, 100, 95), pairs(296, 2, 2, 0), pairs(200, 80, 0, 20)
    assert verdict(report_of(exact_match=better, json_validity=kept), guarded).decision == "pass"
    told = verdict(report_of(exact_match=better, json_validity=broken), guarded)
    assert told.decision == "reject"
    assert told.reason.startswith("json_validity not lower by 0.05 or more: shown not to hold")


def test_an_improvement_by_an_amount_needs_more_than_an_improvement() -> None:
    report = report_of(exact_match=pairs(150, 10, 40, 100))
    assert verdict(report, BETTER).decision == "pass"
    assert verdict(report, BETTER.model_copy(update={"min_improvement": 0.08})).decision == "inconclusive"
    assert verdict(report, BETTER.model_copy(update={"min_improvement": 0.4})).decision == "reject"


def test_a_verdict_travels() -> None:
    told = verdict(report_of(exact_match=pairs(0, 0, 100, 0)), BETTER)
    assert GateVerdict.load(told.dump()) == told
    report = report_of(exact_match=pairs(0, 0, 100, 0), field_f1=[(0.25, 1.0)] * 100)
    assert EvalReport.load(report.dump()) == report


@given(COUNTS)
def test_swapping_the_arms_mirrors_the_verdict(counts: tuple[int, int, int, int]) -> None:
    scores = pairs(*counts)
    one, other = (verdict(report_of(exact_match=each), BETTER) for each in (scores, swapped(scores)))
    assert other.decision == MIRRORED[one.decision]
    assert one.interval is not None
    assert other.interval is not None
    assert (other.interval.low, other.interval.high) == pytest.approx((-one.interval.high, -one.interval.low))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=1))
def test_swapping_the_arms_mirrors_the_verdict_on_fractions(scores: list[tuple[float, float]]) -> None:
    policy = GatePolicy(metric="field_f1", min_items=1)
    one, other = (verdict(report_of(field_f1=each), policy) for each in (scores, swapped(scores)))
    assert other.decision == MIRRORED[one.decision]


@given(COUNTS, st.integers(1, 40), st.booleans())
def test_pairs_that_agree_never_change_mcnemars_p(counts: tuple[int, int, int, int], more: int, right: bool) -> None:
    scores = pairs(*counts)
    before = verdict(report_of(exact_match=scores), BETTER)
    after = verdict(report_of(exact_match=[*scores, *[(float(right), float(right))] * more]), BETTER)
    assert (after.p_value, after.decision) == (before.p_value, before.decision)


@settings(max_examples=40)
@given(COUNTS)
def test_an_item_won_never_worsens_a_verdict(counts: tuple[int, int, int, int]) -> None:
    order = ["reject", "inconclusive", "pass"]
    policy = BETTER.model_copy(update={"at_least": 0.5})
    both, lost, won, neither = counts
    before = verdict(report_of(exact_match=pairs(both, lost, won, neither)), policy).decision
    after = verdict(report_of(exact_match=pairs(both, lost, won + 1, neither - 1)), policy).decision
    assert order.index(after) >= order.index(before)


def drawn(rng: random.Random, items: int) -> list[tuple[float, float]]:
    """Two models that are equally good: .70 right both, and one item in four tells them apart, either way."""
    return rng.choices([(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)], (0.575, 0.125, 0.125, 0.175), k=items)


@pytest.mark.parametrize("items", [40, 150, 400])
def test_luck_promotes_at_most_alpha_and_comparing_means_promotes_half(items: int) -> None:
    rng, rounds, promoted, naive = random.Random(7), 500, 0, 0
    policy = GatePolicy(metric="exact_match", min_items=30)
    for _ in range(rounds):
        report = report_of(exact_match=drawn(rng, items))
        promoted += verdict(report, policy).decision == "pass"
        told = report.metrics["exact_match"]
        naive += told.candidate.mean >= told.baseline.mean
    assert promoted <= 0.05 * rounds
    assert 0.45 * rounds <= naive <= 0.65 * rounds


def test_luck_promotes_at_most_alpha_through_a_threshold_and_guards_too() -> None:
    # Everything holds but one guard, which is exactly at its margin: the hardest case for the gate.
    rng, rounds, promoted = random.Random(8), 80, 0
    guards = ({"metric": "json_validity", "margin": 0.1}, {"metric": "field_f1", "margin": 0.2})
    policy = GatePolicy(metric="exact_match", at_least=0.5, guards=guards)
    for _ in range(rounds):
        at_margin = rng.choices([(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)], (0.8, 0.15, 0.05), k=200)
        report = report_of(exact_match=pairs(100, 5, 60, 35), json_validity=at_margin, field_f1=[(0.5, 0.6)] * 200)
        promoted += verdict(report, policy).decision == "pass"
    assert promoted <= 0.05 * rounds
    kept = report_of(exact_match=pairs(100, 5, 60, 35), json_validity=[(1.0, 1.0)] * 200, field_f1=[(0.5, 0.6)] * 200)
    assert verdict(kept, policy).decision == "pass"  # negative control: nothing else stood in the way
