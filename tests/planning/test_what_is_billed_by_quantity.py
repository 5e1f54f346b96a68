"""A plan of a job without instances: tokens, model units and stored models, by the prices of the embedded AWS."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_finetune.backends.backend import Charge, Wrong
from airflow_finetune.errors import SpecError
from airflow_finetune.planning.limits import Limits
from airflow_finetune.planning.worst_case import dollars, told
from airflow_finetune.sandbox.state import FoundationModels
from airflow_finetune.values import CostItem, Plan
from tests.execution_api import TaskRun, in_dag
from tests.planning.conftest import Company
from tests.planning.needs import LITE_TITAN, MICRO, needs, stored, trained

MICRO_ID, MICRO_ASKED = "amazon.nova-micro-v1:0:128k", "amazon.nova-micro-v1:0"
TITAN_ID = "amazon.titan-text-lite-v1:0:4k"
USD = FoundationModels().all[MICRO_ID].usd
TITAN_USD = FoundationModels().all[TITAN_ID].usd
UNITS = {"hosting": "provisioned_throughput", "model": MICRO_ID, "hours": 1}
ON_DEMAND = {"hosting": "on_demand_deployment", "model": MICRO_ID}


def usd_of(plan: Plan, name: str) -> float:
    [item] = [item for item in plan.items if name in item.name]
    assert item.usd == pytest.approx(item.quantity * item.unit_usd)
    return item.usd


def test_tokens_are_paid_for_each_job_that_may_be_made_and_storage_for_one_model(company: Company) -> None:
    plan = company.plan_of(needs())
    assert usd_of(plan, "customization, 3 jobs at most") == pytest.approx(3 * 1000 * USD["training_1k_tokens"])
    assert usd_of(plan, "custom model, one month") == pytest.approx(USD["model_month"])
    assert plan.worst_case_usd == pytest.approx(3 * 1000 * USD["training_1k_tokens"] + USD["model_month"])
    assert (plan.rungs, plan.image_uri, plan.prices, plan.hosting, plan.most_jobs) == ((), "", (), None, 3)
    assert {(price.usage, price.model, price.source) for price in plan.unit_prices} == {
        ("customization", MICRO, "AWS Pricing API"),
        ("model_storage", MICRO, "AWS Pricing API"),
    }
    assert plan.max_runtime_seconds == plan.max_wait_seconds > 0
    assert not [check for check in plan.checks if check.name == "image"], "there is none to look at"
    assert {check.outcome for check in plan.checks} == {"ok"}
    assert Plan.load(plan.dump()) == plan
    assert company.plan_of(needs(), most_jobs=1).most_jobs == 1


def test_a_job_that_is_bought_by_instance_is_not_counted(company: Company) -> None:
    plan = company.plan()
    assert (plan.most_jobs, plan.unit_prices) == (None, ())


def test_time_is_not_shortened_where_it_saves_nothing(company: Company) -> None:
    plan = company.plan_of(needs(), shortest_wait=60, max_wait=timedelta(hours=3))
    assert plan.max_wait_seconds == 3 * 3600
    assert "most_jobs" in company.refusal_of(needs(), shortest_wait=60, max_usd=4)


def test_a_limit_that_is_too_small_names_the_jobs_that_fit_and_they_fit(company: Company) -> None:
    said = company.refusal_of(needs(), max_usd=4)
    assert "max_usd: is 4, and the worst case is $4.95" in said
    assert "most_jobs=2 fits, 3 are counted" in said
    assert company.plan_of(needs(), max_usd=4, most_jobs=2).worst_case_usd == pytest.approx(3.95)


def test_a_limit_below_one_job_names_the_share_of_the_data_that_fits_and_it_fits(company: Company) -> None:
    said = company.refusal_of(needs(), max_usd=2.45)
    assert "50% of one job fits with most_jobs=1" in said
    half = needs(trained(500), stored())
    assert company.plan_of(half, max_usd=2.45, most_jobs=1).worst_case_usd == pytest.approx(2.45)
    assert "no training at all fits" in company.refusal_of(needs(), max_usd=1)
    free = needs(trained(1000, usd=0.0), stored())
    assert "ask and serve less" in company.refusal_of(free, max_usd=1)


def test_model_units_are_paid_for_the_lease_and_until_the_next_cleanup_by_whole_hours(company: Company) -> None:
    plan = company.plan_of(needs(), hosting={**UNITS, "model_units": 2, "arms": 2})
    hours = 2 * 2 * 2
    assert usd_of(plan, "provisioned throughput, lease and cleanup") == pytest.approx(hours * USD["model_unit_hour"])
    assert plan.lease_seconds == 3600
    assert plan.hosting is not None
    assert plan.hosting.dump()["model"] == MICRO
    assert Plan.load(plan.dump()) == plan


@pytest.mark.parametrize(("commitment", "days"), [("OneMonth", 31), ("SixMonths", 184)])
def test_of_a_commitment_the_whole_term_is_paid(company: Company, commitment: str, days: int) -> None:
    hosting = {**UNITS, "commitment": commitment}
    said = company.refusal_of(needs(), hosting=hosting)
    assert f"the whole term of {commitment}" in said
    plan = company.plan_of(needs(), hosting=hosting, max_usd=10**6)
    assert usd_of(plan, commitment) == pytest.approx(days * 24 * USD["model_unit_hour"])


def test_a_deployment_that_is_paid_by_token_costs_nothing_by_itself(company: Company) -> None:
    plan = company.plan_of(needs(), hosting=ON_DEMAND)
    assert plan.worst_case_usd == company.plan_of(needs()).worst_case_usd
    assert plan.lease_seconds == 2 * 3600


def test_tokens_never_become_hours_without_a_word(company: Company) -> None:
    by_hour = needs(trained(1, LITE_TITAN), deploys_on_demand=False)
    hosting = {**ON_DEMAND, "model": TITAN_ID, "hours": 2}
    said = company.refusal_of(by_hour, hosting=hosting)
    assert f"AWS serves custom models of {LITE_TITAN} by model units and hours only" in said
    assert f"{dollars(TITAN_USD['model_unit_hour'])} an hour each" in said
    worst = TITAN_USD["model_unit_hour"] * 3
    assert f"at most {dollars(worst)} for the lease" in said
    assert "serving.hosting: provisioned_throughput" in said
    paid = company.plan_of(by_hour, hosting={**hosting, "hosting": "provisioned_throughput"})
    assert usd_of(paid, "provisioned throughput") == pytest.approx(worst)
    for known in (True, None):
        assert company.plan_of(needs(trained(1, LITE_TITAN), deploys_on_demand=known), hosting=hosting).lease_seconds


def test_that_refusal_stands_also_where_nobody_may_read_prices(company: Company) -> None:
    company.denied("GetProducts")
    by_hour = needs(trained(1, LITE_TITAN, usd=0.1), deploys_on_demand=False)
    said = company.refusal_of(by_hour, hosting={**ON_DEMAND, "model": TITAN_ID})
    assert "a price that AWS's list does not say" in said
    assert "serving.hosting: provisioned_throughput" in said


def test_a_price_list_without_an_answer_names_the_key_that_gives_one(company: Company) -> None:
    said = company.refusal_of(needs(trained(1, "Nova Nano")))
    assert "price of customization of Nova Nano: AWS's price list has no single answer for us-east-1" in said
    assert "in the key prices: of the spec, as {customization: ...} per thousand tokens" in said
    plan = company.plan_of(needs(trained(1, "Nova Nano", usd=0.5)), most_jobs=1)
    assert (plan.worst_case_usd, plan.unit_prices[0].source) == (0.5, "given by the user")


def test_prices_that_we_may_not_read_are_all_named_and_can_all_be_given(company: Company) -> None:
    company.denied("GetProducts")
    asked = {"golden": 10, "models": [MICRO_ID]}
    said = company.refusal_of(needs(trained(1)), hosting=UNITS, evaluation=asked)
    assert "4 faults" in said
    assert "price of customization of Nova Micro: AWS answered AccessDenied" in said
    assert "prices: of hosting, as {model_unit: ...} per model unit hour" in said
    assert "prices: of evaluation, as {output_tokens: ...} per thousand tokens" in said
    plan = company.plan_of(
        needs(trained(1, usd=1.0)),
        hosting={**UNITS, "prices": {"model_unit": 2}},
        evaluation={**asked, "prices": {"input_tokens": 0.1, "output_tokens": 0.2}},
        most_jobs=2,
    )
    assert {price.source for price in plan.unit_prices} == {"given by the user"}
    questions_and_answers = 10 * 8192 / 1000 * 0.1 + 10 * 256 / 1000 * 0.2
    assert plan.worst_case_usd == pytest.approx(2 * 1.0 + 2 * 2 + questions_and_answers)


def test_what_a_backend_has_found_is_told_beside_the_rest(company: Company) -> None:
    found = (Wrong("record 7", "is too long.", "Shorten it."), Wrong("epochs", "are 9.", "Ask for 5."))
    said = company.refusal_of(needs(wrong=found, role_arn="arn:aws:iam::123456789012:role/nobody"), max_usd=0.01)
    assert "4 faults: record 7, epochs, role arn:aws:iam::123456789012:role/nobody, max_usd:" in said
    assert "record 7: is too long." in said
    assert "Ask for 5." in said
    assert "max_usd: is 0.01" in said
    checks = company.plan_of(needs(said={"records": "1000, none too long."})).checks
    assert ("records", "ok", "1000, none too long.") in [(each.name, each.outcome, each.said) for each in checks]


GOLDEN = b'{"messages": [{"role": "user", "content": "a book"}]}\n' * 20


def asked_usd(questions_bytes: int, answers: int, arms: int) -> float:
    tokens_in, tokens_out = questions_bytes * arms / 1000, answers * arms / 1000
    return tokens_in * USD["input_1k_tokens"] + tokens_out * USD["output_1k_tokens"]


@pytest.mark.parametrize("golden", ["s3://acme/golden.jsonl", {"uri": "s3://acme/golden.jsonl", "examples": 20}])
def test_what_is_asked_costs_at_most_its_bytes_and_the_longest_answers(company: Company, golden: Any) -> None:
    company.client("s3").put_object(Bucket="acme", Key="golden.jsonl", Body=GOLDEN)
    asked = {"golden": golden, "models": [MICRO_ASKED, MICRO_ID], "max_new_tokens": 64}
    plan = company.plan_of(needs(), evaluation=asked)
    paid = usd_of(plan, "questions to Nova Micro, 2 arms") + usd_of(plan, "answers of Nova Micro, 2 arms")
    assert paid == pytest.approx(asked_usd(len(GOLDEN), 20 * 64, arms=2))
    assert {check.outcome for check in plan.checks} == {"ok"}


def test_arms_of_two_models_are_priced_apart(company: Company) -> None:
    plan = company.plan_of(needs(), evaluation={"golden": 10, "models": [MICRO_ASKED, "amazon.nova-pro-v1:0"]})
    assert usd_of(plan, "questions to Nova Pro") > usd_of(plan, "questions to Nova Micro") > 0


def test_a_golden_set_that_cannot_be_read_is_assumed_and_that_is_said(company: Company) -> None:
    company.denied("ListObjectsV2")
    golden = {"uri": "s3://acme/golden.jsonl", "examples": 20}
    asked = {"golden": golden, "models": [MICRO_ID], "max_new_tokens": 64, "bytes_per_item": 1000}
    plan = company.plan_of(needs(inputs=()), evaluation=asked)
    assert usd_of(plan, "questions") == pytest.approx(20 * USD["input_1k_tokens"])
    [unknown] = [check for check in plan.checks if check.name == "golden set"]
    assert unknown.outcome == "unknown"
    assert "bytes_per_item is taken for each question: AWS answered AccessDenied" in unknown.said
    said = company.refusal_of(needs(inputs=()), evaluation={**asked, "golden": golden["uri"]})
    assert "golden set: nobody knows how many questions it has: AWS answered AccessDenied" in said


def test_a_golden_set_that_is_not_there_is_a_fault_where_nobody_has_counted_it(company: Company) -> None:
    said = company.refusal_of(needs(), evaluation={"golden": "s3://acme/nothing.jsonl", "models": [MICRO_ID]})
    assert "golden set: nobody knows how many questions it has: nothing is there." in said


@pytest.mark.parametrize(
    ("limits", "thing"),
    [({"hosting": {**UNITS, "model": "amazon.nova-nano-v1:0"}}, "amazon.nova-nano-v1:0"),
     ({"evaluation": {"golden": 5, "models": ["amazon.nova-nano-v1:0"]}}, "amazon.nova-nano-v1:0")],
)  # fmt: skip
def test_a_model_that_aws_does_not_know_is_refused(company: Company, limits: dict[str, Any], thing: str) -> None:
    assert f"model {thing}: AWS answered ValidationException" in company.refusal_of(needs(), **limits)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (
            {"hosting": {"hosting": "on_demand", "model": "x"}},
            "hosting.hosting: Input should be 'on_demand_deployment'",
        ),
        ({"hosting": {"hosting": "provisioned_throughput"}}, "hosting.model: Field required"),
        ({"hosting": {**UNITS, "instance_type": "ml.g5.xlarge"}}, "hosting.instance_type: Extra inputs"),
        ({"hosting": {**ON_DEMAND, "commitment": "OneMonth"}}, "a commitment is for provisioned_throughput"),
        ({"hosting": {"instance_type": "g5"}}, "hosting.instance_type"),
        ({"evaluation": {"golden": 0, "models": ["x"]}}, "evaluation.golden"),
        ({"evaluation": {"golden": 5, "models": []}}, "evaluation.models"),
        ({"evaluation": {"golden": 5, "models": ["x"], "prices": {"model_unit": 1}}}, "evaluation.prices"),
        ({"most_jobs": 0}, "most_jobs"),
    ],
)
def test_limits_that_cannot_work_are_refused_by_their_place(limits: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as refused:
        Limits.load({"max_usd": 1, **limits}, rendered=True, thing="plan")
    assert said in str(refused.value)


def test_a_number_of_questions_may_come_out_of_jinja() -> None:
    limits = Limits.load({"max_usd": 1, "evaluation": {"golden": "30", "models": ["x"]}}, rendered=True, thing="plan")
    assert limits.evaluation is not None
    assert limits.evaluation.golden == 30


@pytest.mark.parametrize(
    ("quantity", "unit", "unit_usd", "words"),
    [
        (3000, "thousand tokens", 0.001, "$3.00: it, 3000.00 thousand tokens at $0.001."),
        (2, "thousand tokens", 0.000035, "$0.00007: it, 2.00 thousand tokens at $0.000035."),
        (1, "month", 1.95, "$1.95: it, 1.00 months at $1.95."),
        (2.5, "instance hour", 1.515, "$3.79: it, 2.50 instance hours at $1.515."),
        (1.5, "model unit hour", 20.5, "$30.75: it, 1.50 model unit hours at $20.5."),
        (1, "run", 0.0, "$0.00: it, 1.00 runs at $0."),
    ],
)
def test_a_line_of_the_worst_case_reads_well(quantity: float, unit: str, unit_usd: float, words: str) -> None:
    usd = quantity * unit_usd
    assert told(CostItem(name="it", quantity=quantity, unit=unit, unit_usd=unit_usd, usd=usd)) == words


def test_the_task_plans_what_is_paid_by_the_token_beside_instances(company: Company) -> None:
    company.client("s3").put_object(Bucket="acme", Key="golden.jsonl", Body=GOLDEN)
    asked = {"golden": "s3://{{ 'acme' }}/golden.jsonl", "models": [MICRO_ASKED], "max_new_tokens": "{{ 64 }}"}
    task = company.task(hosting={"instance_type": "ml.g5.xlarge", "arms": 1, "hours": 1}, evaluation=asked)
    assert task.try_once() == "success", task.error
    plan = Plan.load(task.result)
    assert usd_of(plan, "answers of Nova Micro") == pytest.approx(20 * 64 / 1000 * USD["output_1k_tokens"])
    assert usd_of(plan, "endpoints") > 0


def test_the_task_that_is_given_the_plan_makes_no_more_jobs_than_it_counts(company: Company) -> None:
    from airflow_finetune import FineTuneOperator

    for most in (1, None):
        dumped = company.plan().model_copy(update={"most_jobs": most}).dump()
        run = TaskRun(in_dag(lambda: FineTuneOperator(task_id="fine_tune", spec=company.spec(), plan=dumped)))  # noqa: B023 - called at once
        assert run.task.spec_policy().most_jobs == most


def test_what_has_no_name_for_the_price_list_is_not_asked_for_and_never_left_out(company: Company) -> None:
    charge = Charge("customization", 1, "thousand tokens", "customization", "")
    wrong = Wrong("model x", "AWS does not know it.", "Correct its id.")
    told = company.refusal_of(needs(charges=(charge,), wrong=(wrong,)))
    assert told == "model x: AWS does not know it. Correct its id.", "the fault itself"
    assert "price of customization: the model has no name" in company.refusal_of(needs(charges=(charge,)))
    assert (
        usd_of(company.plan_of(needs(charges=(charge._replace(unit_usd=2.0),))), "customization, 3 jobs at most") == 6
    )
