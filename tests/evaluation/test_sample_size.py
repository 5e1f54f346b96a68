"""The numbers of items that are promised do what they promise, by simulation with fixed seeds."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from airflow_finetune.evaluation.evidence.binomial import share_at_least
from airflow_finetune.evaluation.evidence.bounded import Sample, mean_above
from airflow_finetune.evaluation.evidence.paired import mcnemar, sign_flip
from airflow_finetune.evaluation.evidence.sample_size import betting_items, mcnemar_items, mean_items, share_items

ALPHA, POWER, ROUNDS = 0.05, 0.8, 400
# Four standard errors of a simulated power: a wrong formula is off by more.
NOISE = 4 * math.sqrt(POWER * (1 - POWER) / ROUNDS)


def mcnemar_power(wins: float, losses: float, items: int, rng: random.Random) -> float:
    found = 0
    for _ in range(ROUNDS):
        drawn = Counter(rng.choices("wl=", (wins, losses, 1 - wins - losses), k=items))
        found += mcnemar(drawn["w"], drawn["l"]) <= ALPHA
    return found / ROUNDS


def test_the_items_for_three_points_are_the_published_ones() -> None:
    # Miller 2024, arXiv:2411.00640, section 5: 969 items for 3 points, variance 1/9, two-sided 5 %, power 80 %.
    assert mean_items(0.03, 1 / 3, 0.025, 0.8) == 969


def test_the_items_of_mcnemars_test_without_its_steps_are_connors() -> None:
    # Connor 1987 in closed form: (1.6449 sqrt(.25) + .8416 sqrt(.25 - .0025))^2 / .0025, plus 1 / .05.
    connor = (1.6448536 * 0.5 + 0.8416212 * math.sqrt(0.2475)) ** 2 / 0.0025
    assert mcnemar_items(0.05, 0.25, ALPHA, POWER) == math.ceil(connor + 20)


@pytest.mark.parametrize(("wins", "losses"), [(0.15, 0.10), (0.20, 0.05), (0.5, 0.3), (0.03, 0.0)])
def test_mcnemars_test_finds_a_difference_as_often_as_asked(wins: float, losses: float) -> None:
    items, rng = mcnemar_items(wins - losses, wins + losses, ALPHA, POWER), random.Random(1)
    assert mcnemar_power(wins, losses, items, rng) >= POWER - NOISE
    assert mcnemar_power(wins, losses, items // 2, rng) < POWER - NOISE  # and half of them do not do


@pytest.mark.parametrize(("share", "threshold"), [(0.85, 0.8), (0.6, 0.5), (0.98, 0.9)])
def test_an_exact_bound_shows_a_share_as_often_as_asked(share: float, threshold: float) -> None:
    def power(items: int) -> float:
        least = next(k for k in range(items + 1) if share_at_least(k, items, threshold) <= ALPHA)
        return share_at_least(least, items, share)

    items = share_items(share, threshold, ALPHA, POWER)
    assert POWER - 0.04 <= power(items) <= POWER + 0.1
    assert power(items // 2) < POWER - 0.1


def test_the_randomisation_test_finds_a_mean_as_often_as_asked() -> None:
    values, weights = (-50, -10, 0, 20, 60), (0.05, 0.1, 0.6, 0.15, 0.1)
    mean = sum(value * weight for value, weight in zip(values, weights, strict=True))
    sd = math.sqrt(sum(weight * (value - mean) ** 2 for value, weight in zip(values, weights, strict=True)))

    def power(items: int) -> float:
        rng = random.Random(2)
        return sum(sign_flip(Counter(rng.choices(values, weights, k=items))) <= ALPHA for _ in range(ROUNDS)) / ROUNDS

    items = mean_items(mean, sd, ALPHA, POWER)
    assert POWER - NOISE <= power(items) <= POWER + NOISE
    assert power(items // 2) < POWER - NOISE


def test_the_betting_bound_shows_a_mean_at_least_as_often_as_asked() -> None:
    values, weights = (-1.0, 0.0, 1.0), (0.04, 0.92, 0.04)
    items = betting_items(Sample({-1.0: 4, 0.0: 92, 1.0: 4}, -1.0, 1.0), -0.05, ALPHA, POWER)
    assert items is not None

    def power(drawn: int) -> float:
        rng, found = random.Random(3), 0
        for _ in range(ROUNDS):
            sample = Sample(Counter(rng.choices(values, weights, k=drawn)), -1.0, 1.0)
            found += mean_above(sample, -0.05) <= ALPHA
        return found / ROUNDS

    assert power(items) >= POWER - NOISE
    assert power(items // 3) < POWER - NOISE


def test_no_number_of_items_shows_what_is_not_so() -> None:
    below = Sample({-1.0: 10, 0.0: 90}, -1.0, 1.0)
    assert betting_items(below, -0.05, ALPHA, POWER) is None
    assert betting_items(below, -1.0, ALPHA, POWER) is None
    assert betting_items(below, -0.2, ALPHA, POWER) is not None
