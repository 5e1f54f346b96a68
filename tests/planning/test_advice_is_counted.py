"""What the advice may cost stands in the worst case, so that `max_usd` holds for the whole run."""

from __future__ import annotations

import pytest

from airflow_finetune.planning.quantities import CLEANUP_SECONDS
from tests.planning.conftest import Company
from tests.planning.needs import needs
from tests.planning.test_what_is_billed_by_quantity import MICRO_ID, USD, usd_of

HOSTING = {"instance_type": "ml.m5.large", "hours": 2, "usd_per_hour": 0.5}
GOLDEN = b'{"messages": []}\n' * 100


def test_an_endpoint_is_counted_for_its_lease_and_until_the_next_cleanup(company: Company) -> None:
    without, plan = company.plan(hosting=HOSTING), company.plan(hosting=HOSTING, advice={})
    hours = 2 + CLEANUP_SECONDS / 3600
    assert usd_of(plan, "advice: an endpoint") == pytest.approx(hours * 0.5)
    assert plan.worst_case_usd - without.worst_case_usd == pytest.approx(hours * 0.5)
    assert plan.hosting == without.hosting


def test_its_price_is_the_one_that_was_asked_for_the_endpoints(company: Company) -> None:
    hosting = {**HOSTING, "usd_per_hour": None, "instance_count": 2}
    plan = company.plan(hosting=hosting, advice={})
    (price,) = [each for each in plan.prices if each.usage == "hosting"]
    assert usd_of(plan, "advice: an endpoint") == pytest.approx((2 + 1 / 6) * 2 * price.usd_per_hour)
    names = [check.name for check in plan.checks]
    assert names.count("hosting price of ml.m5.large") == 1
    assert not [name for name in names if "price of hosting" in name]


def test_tokens_are_counted_for_every_prompt_and_no_more_items_than_are_asked(company: Company) -> None:
    company.client("s3").put_object(Bucket="acme", Key="golden.jsonl", Body=GOLDEN)
    asked = {"model": MICRO_ID, "golden": "s3://acme/golden.jsonl", "prompts": 3, "more_bytes": 500, "most_items": 40}
    plan = company.plan_of(needs(), advice={**asked, "max_new_tokens": 10})
    questions = (3 * len(GOLDEN) + 40 * 500) / 1000
    assert usd_of(plan, "advice: questions") == pytest.approx(questions * USD["input_1k_tokens"])
    assert usd_of(plan, "advice: answers") == pytest.approx(40 * 3 * 10 / 1000 * USD["output_1k_tokens"])
    known = company.plan_of(needs(), advice={**asked, "golden": 30, "bytes_per_item": 100})
    assert usd_of(known, "advice: questions") == pytest.approx(
        (3 * 30 * 100 + 30 * 500) / 1000 * USD["input_1k_tokens"]
    )


def test_a_limit_that_the_advice_exceeds_is_refused_by_name(company: Company) -> None:
    total = company.plan(hosting=HOSTING, max_usd=1000).worst_case_usd
    said = company.refusal(hosting=HOSTING, advice={}, max_usd=total + 0.01)
    assert "advice: an endpoint, lease and cleanup $1.08" in said
    assert company.plan(hosting=HOSTING, max_usd=total + 0.01).worst_case_usd == total, "the control"


def test_a_model_by_the_token_without_a_golden_set_is_refused(company: Company) -> None:
    assert "needs golden" in company.refusal_of(needs(), advice={"model": MICRO_ID})
    company.denied("GetProducts")
    said = company.refusal_of(needs(), advice={"model": MICRO_ID, "golden": 10})
    assert "in the key prices: of advice" in said
