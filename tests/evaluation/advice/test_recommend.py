"""The recommendation follows from lower bounds: exact, for all prompts together, never from what was observed alone."""

from __future__ import annotations

import random

import pytest

from airflow_finetune.evaluation.advice.recommend import Measured, recommend
from airflow_finetune.evaluation.evidence.binomial import clopper_pearson
from airflow_finetune.evaluation.policy import GatePolicy

POLICY = GatePolicy(metric="exact_match", at_least=0.8)
ITEMS = 200


def measured(name: str, right: int, items: int = ITEMS, **more: float) -> Measured:
    """A prompt with its first answers right."""
    return Measured(name=name, scores=(1.0,) * right + (0.0,) * (items - right), **more)  # type: ignore[arg-type]  # dollars


@pytest.mark.parametrize(
    ("plain", "instruction", "few_shot", "recommendation", "best"),
    [
        (190, 190, 190, "reaches", "plain"),
        (20, 180, 190, "reaches", "few_shot"),
        (20, 180, 40, "reaches", "instruction"),
        (20, 100, 150, "helps", "few_shot"),
        (20, 20, 60, "helps", "few_shot"),
        (20, 20, 20, "does_not_help", "instruction"),
        (0, 0, 0, "does_not_help", "instruction"),
        (150, 152, 20, "does_not_help", "instruction"),
    ],
)
def test_each_recommendation(plain: int, instruction: int, few_shot: int, recommendation: str, best: str) -> None:
    told = recommend(
        [measured("plain", plain), measured("instruction", instruction), measured("few_shot", few_shot)], POLICY
    )
    assert (told.recommendation, told.best) == (recommendation, best), told.reason
    assert told.best in told.reason


def test_the_target_is_reached_by_the_lower_bound_at_alpha_shared_by_the_prompts() -> None:
    for right in range(160, 190):
        told = recommend([measured("plain", 20), measured("few_shot", right)], POLICY)
        low = clopper_pearson(right, ITEMS, POLICY.alpha / 2).low
        assert (told.recommendation == "reaches") == (low >= 0.8), right
        assert told.prompts[1].estimate is not None
        assert told.prompts[1].estimate.low == pytest.approx(low)
    alone = [recommend([measured("plain", right)], POLICY).recommendation == "reaches" for right in range(160, 190)]
    shared = [
        recommend([measured("plain", 20), measured("few_shot", right)], POLICY).recommendation == "reaches"
        for right in range(160, 190)
    ]
    assert sum(alone) > sum(shared), "the control: two chances to be lucky need more"


def test_what_is_only_observed_is_not_said_to_reach_the_target() -> None:
    told = recommend([measured("plain", 100), measured("few_shot", 165)], POLICY)
    assert told.prompts[1].estimate is not None
    assert told.prompts[1].estimate.mean > 0.8
    assert (told.recommendation, told.prompts[1].reaches) == ("helps", "inconclusive")


def test_prompts_of_a_model_just_below_the_target_are_seldom_said_to_reach_it() -> None:
    draw, runs = random.Random(7), 200
    said = sum(
        recommend(
            [
                measured(name, sum(draw.random() < 0.8 for _ in range(ITEMS)))
                for name in ("plain", "instruction", "few_shot")
            ],
            POLICY,
        ).recommendation
        == "reaches"
        for _ in range(runs)
    )
    assert said <= 0.05 * runs + 3 * (0.05 * 0.95 * runs) ** 0.5


def test_fewer_items_than_the_gate_decides_on_are_no_advice() -> None:
    told = recommend([measured("plain", 20, 20), measured("few_shot", 20, 20)], POLICY)
    assert told.recommendation == "unknown"
    assert "20 golden items were asked; the policy decides on 30 or more" in told.reason
    assert recommend([measured("plain", 30, 30)], POLICY).recommendation == "reaches", "the control"


def test_a_prompt_that_could_not_be_asked_is_left_out_with_the_words_that_say_why() -> None:
    refused = Measured(name="few_shot", said="AWS answered ValidationException: Input is too long.")
    told = recommend([measured("plain", 190), refused], POLICY)
    assert told.recommendation == "reaches"
    assert "few_shot could not be asked: AWS answered ValidationException: Input is too long." in told.reason
    assert told.prompts[1].estimate is None
    low = recommend([measured("plain", 20), refused], POLICY)
    assert low.recommendation == "unknown", "nothing was compared with the plain prompt"
    without_plain = recommend([Measured(name="plain", said="it is gone."), measured("few_shot", 190)], POLICY)
    assert (without_plain.recommendation, without_plain.best) == ("reaches", "few_shot")
    nobody = recommend([Measured(name="plain", said="it is gone."), refused], POLICY)
    assert (nobody.recommendation, nobody.test) == ("unknown", None)
    assert "it is gone." in nobody.reason


def test_fractions_are_judged_by_their_own_exact_bound() -> None:
    policy = GatePolicy(metric="field_f1", at_least=0.6)
    scores = tuple(0.5 + 0.5 * (n % 2) for n in range(ITEMS))
    told = recommend([Measured(name="plain", scores=(0.1,) * ITEMS), Measured(name="few_shot", scores=scores)], policy)
    assert (told.recommendation, told.test) == ("reaches", "betting bound of the mean")
    higher = policy.model_copy(update={"at_least": 0.74})
    lower = recommend([Measured(name="plain", scores=(0.1,) * ITEMS), Measured(name="few_shot", scores=scores)], higher)
    assert lower.recommendation == "helps"


def test_a_policy_that_asks_for_an_improvement_does_not_change_what_helps() -> None:
    policy = GatePolicy(metric="exact_match", at_least=0.8, min_improvement=0.5)
    assert recommend([measured("plain", 20), measured("few_shot", 60)], policy).recommendation == "helps"


def test_a_thousand_answers_have_a_price_where_one_is_known() -> None:
    told = recommend([measured("plain", 20, usd=0.4), measured("few_shot", 20)], POLICY)
    assert [each.usd_per_1000 for each in told.prompts] == [pytest.approx(2.0), None]
