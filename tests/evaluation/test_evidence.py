"""The statistics against published numbers, against each other, and against counting by brute force."""

from __future__ import annotations

import itertools
import math
import random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_finetune.evaluation.checks import holm
from airflow_finetune.evaluation.evidence.binomial import (
    beta_below,
    clopper_pearson,
    share_at_least,
    student_quantile,
    wilson,
)
from airflow_finetune.evaluation.evidence.bounded import Sample, mean_above, mean_bounds
from airflow_finetune.evaluation.evidence.paired import EXACT_ITEMS, mcnemar, sign_flip, tango_bounds, tango_score

COUNTS = st.integers(0, 60)


@pytest.mark.parametrize(
    ("right", "items", "exact", "score"),
    [  # Newcombe 1998, Statistics in Medicine 17:857, table I: methods 5 (Clopper-Pearson) and 3 (Wilson), 95 %
        (81, 263, (0.2527, 0.3676), (0.2553, 0.3662)),
        (15, 148, (0.0578, 0.1617), (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1684), (0.0, 0.1611)),
        (1, 29, (0.0009, 0.1776), (0.0061, 0.1718)),
    ],
)
def test_bounds_of_a_share_are_the_published_ones(
    right: int, items: int, exact: tuple[float, float], score: tuple[float, float]
) -> None:
    assert clopper_pearson(right, items, 0.025) == pytest.approx(exact, abs=5e-5)
    assert wilson(right, items, 0.025) == pytest.approx(score, abs=5e-5)


@pytest.mark.parametrize(
    ("wins", "losses", "two_sided"),
    [  # Fagerland, Lydersen & Laake 2013, BMC Medical Research Methodology 13:91: exact conditional test
        (7, 1, 0.070),  # airway hyper-responsiveness
        (16, 6, 0.052),  # complete response
    ],
)
def test_mcnemars_p_is_the_published_one(wins: int, losses: int, two_sided: float) -> None:
    assert 2 * mcnemar(wins, losses) == pytest.approx(two_sided, abs=5e-4)


def test_tangos_score_is_the_published_one() -> None:
    # Tango 1998, Statistics in Medicine 17:891: soft contact lenses, 44 pairs, 43 both, margin 0.1: Z = 1.709.
    assert tango_score(0, 1, 44, -0.1) == pytest.approx(1.709, abs=5e-4)


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.706), (10, 2.228), (30, 2.042), (120, 1.980)])
def test_students_quantiles_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_quantile(0.975, degrees) == pytest.approx(quantile, abs=5e-4)


@given(st.integers(1, 40), st.integers(0, 41), st.floats(0.01, 0.99))
def test_the_tail_of_a_binomial_is_its_sum(items: int, right: int, share: float) -> None:
    summed = sum(math.comb(items, k) * share**k * (1 - share) ** (items - k) for k in range(right, items + 1))
    assert share_at_least(right, items, share) == pytest.approx(summed, rel=1e-9, abs=1e-13)


@given(st.floats(0, 1), st.floats(0.5, 500), st.floats(0.5, 500))
def test_the_beta_function_mirrors(x: float, a: float, b: float) -> None:
    assert beta_below(x, a, b) + beta_below(1 - x, b, a) == pytest.approx(1.0, abs=1e-9)


@given(COUNTS, COUNTS)
def test_mcnemar_by_counting(wins: int, losses: int) -> None:
    differing = wins + losses
    assert mcnemar(wins, losses) == pytest.approx(
        sum(math.comb(differing, k) for k in range(wins, differing + 1)) / 2**differing
    )
    mirrored = math.comb(differing, wins) / 2**differing  # what both tails count
    assert mcnemar(wins, losses) + mcnemar(losses, wins) == pytest.approx(1 + mirrored)


@given(COUNTS, COUNTS)
def test_a_win_lowers_mcnemars_p_and_a_loss_raises_it(wins: int, losses: int) -> None:
    one_more_win, before, one_more_loss = mcnemar(wins + 1, losses), mcnemar(wins, losses), mcnemar(wins, losses + 1)
    assert one_more_win <= before <= one_more_loss
    assert one_more_win < before or before > 1 - 1e-9


@given(COUNTS, COUNTS, st.integers(1, 200))
def test_the_randomisation_test_of_equal_differences_is_mcnemars(wins: int, losses: int, size: int) -> None:
    assert sign_flip({size: wins, -size: losses, 0: 7}) == pytest.approx(mcnemar(wins, losses))


@given(st.lists(st.integers(-30, 30), max_size=9))
def test_the_randomisation_test_by_trying_every_sign(differences: list[int]) -> None:
    sums = [
        sum(sign * abs(each) for sign, each in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    tally = {size: differences.count(size) for size in differences}
    assert sign_flip(tally) == pytest.approx(sum(each >= sum(differences) for each in sums) / len(sums))


@pytest.mark.parametrize("mean", [0, 6])
def test_beyond_the_exact_count_the_normal_limit_agrees(mean: int) -> None:
    rng = random.Random(5)
    sizes = [rng.randint(-100, 100) + mean for _ in range(EXACT_ITEMS)]
    exact = sign_flip({size: sizes.count(size) for size in sizes if size})
    spread = math.sqrt(sum(size * size for size in sizes))
    assert exact == pytest.approx(1 - NormalDist().cdf((sum(sizes) - 1) / spread), abs=1e-3)
    doubled = {size: 2 * sizes.count(size) for size in sizes}
    assert sign_flip(doubled) == pytest.approx(1 - NormalDist().cdf((2 * sum(sizes) - 1) / spread / 2**0.5), abs=1e-9)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 40))
def test_where_mcnemar_finds_a_difference_the_interval_excludes_0(wins: int, losses: int, equal: int) -> None:
    items = wins + losses + equal
    if items:
        bounds = tango_bounds(wins, losses, items, 0.05)
        assert -1 <= bounds.low <= (wins - losses) / items <= bounds.high <= 1
        assert bounds == pytest.approx([-each for each in reversed(tango_bounds(losses, wins, items, 0.05))])
        if mcnemar(wins, losses) <= 0.05:
            assert bounds.low > 0


@pytest.mark.parametrize(("items", "margin"), [(20, 0.1), (60, 0.05), (200, 0.02)])
def test_a_rare_disaster_that_was_not_seen_is_not_ruled_out_too_early(items: int, margin: float) -> None:
    # One item in 1/margin loses everything and none was seen: chance (1 - margin)^items. Student's t would be sure.
    unseen = Sample({0.0: items}, -1.0, 1.0)
    assert mean_above(unseen, -margin) >= (1 - margin) ** items


@pytest.mark.parametrize(
    ("values", "weights"),
    [((-1.0, 0.0), (0.05, 0.95)), ((-1.0, 0.0, 1.0), (0.1, 0.85, 0.05)), ((-0.55, 0.45), (0.5, 0.5))],
    ids=["rare losses", "ties", "coins"],
)
def test_at_the_threshold_the_betting_bound_is_wrong_at_most_as_often_as_it_says(
    values: tuple[float, ...], weights: tuple[float, ...]
) -> None:
    threshold = sum(value * weight for value, weight in zip(values, weights, strict=True))
    rng, wrong, rounds = random.Random(11), 0, 400
    for _ in range(rounds):
        drawn = rng.choices(values, weights, k=200)
        sample = Sample({value: drawn.count(value) for value in values}, -1.0, 1.0)
        wrong += mean_above(sample, threshold) <= 0.05
    assert wrong <= 0.05 * rounds
    sure = Sample({values[-1]: 200}, -1.0, 1.0)  # negative control: it does say yes where that is true
    assert mean_above(sure, threshold) < 0.05


@given(st.dictionaries(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), st.integers(1, 30), min_size=1))
def test_betting_bounds_hold_the_mean_and_mirror(counts: dict[float, int]) -> None:
    sample = Sample(counts, -1.0, 1.0)
    mean = sum(value * items for value, items in counts.items()) / sample.items
    low, high = mean_bounds(sample, 0.05)
    assert -1 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1
    assert mean_bounds(sample.mirrored(), 0.05) == pytest.approx((-high, -low))
    assert mean_above(sample, low - 0.01) <= 0.05 or low <= -0.99


def test_holms_p_values_by_hand() -> None:
    # In order .005 x 4, .01 x 3, .03 x 2, .04 x 1 = .02, .03, .06, .04; none may be below the one before: .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
