"""The written rules: each can put a candidate out or leave it in; order does not count, a person's word goes first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_finetune.errors import SpecError
from airflow_finetune.planning.choice.choose import choose
from airflow_finetune.planning.choice.page import in_words, page
from airflow_finetune.planning.choice.rules import RULES, Offer, outcomes
from airflow_finetune.planning.choice.spec import Wishes
from airflow_finetune.planning.choice.traffic import HOURS_A_MONTH, month_usd
from airflow_finetune.values import (
    BackendChoice,
    DatasetReference,
    Plan,
    PlannedBedrockHosting,
    PlannedHosting,
    PlannedRung,
    UnitPrice,
)

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ENDPOINT = PlannedHosting(
    instance_type="ml.g5.xlarge", instance_count=2, arms=2, lease_seconds=7200, usd_per_hour=1.5
)  # fmt: skip
TOKENS = PlannedBedrockHosting(
    hosting="on_demand_deployment", model="Nova Micro", model_units=0, arms=1, lease_seconds=7200
)  # fmt: skip
UNITS = TOKENS.model_copy(update={"hosting": "provisioned_throughput", "model_units": 3})
PRICES = {"input_tokens": 0.04, "output_tokens": 0.16, "model_unit": 20.0}


def plan(usd: float = 5.0, hours: float = 8.0, by_instance: bool = True, hosting: Any = ENDPOINT) -> Plan:
    rung = PlannedRung(
        market="spot", instance_type="ml.g5.xlarge", instance_count=1, max_runtime_seconds=3600, usd_per_hour=1.0
    )
    return Plan(
        backend="any",
        spec_digest="0" * 16,
        region="us-east-1",
        image_uri="",
        dataset=DatasetReference(uri="s3://acme/train.jsonl", examples=1000),
        rungs=(rung,) if by_instance else (),
        hosting=hosting,
        items=(),
        worst_case_usd=usd,
        max_usd=50,
        max_runtime_seconds=3600,
        max_wait_seconds=hours * 3600,
        unit_prices=tuple(
            UnitPrice(usage=usage, model="Nova Micro", unit="x", usd=each, source="a test", asked_at=NOW)
            for usage, each in PRICES.items()
        ),
    )


def offer(name: str = "spot", **changes: Any) -> Offer:
    fields: dict[str, Any] = {
        "backend": "spot_training",
        "base_model": "s3://acme/llama/",
        "plan": plan(),
        "settable": frozenset({"epochs", "lora_rank", "source_dir"}),
    }
    return Offer(name=name, **{**fields, **changes})


def said(changes: dict[str, Any], examples: int | None = 1000, **wishes: Any) -> dict[str, tuple[str, str]]:
    """Return rule -> what it says of a candidate with changes."""
    return {each.rule: (each.outcome, each.said) for each in outcomes(offer(**changes), Wishes(**wishes), examples)}


def test_without_wishes_only_the_preflight_speaks() -> None:
    assert list(said({})) == ["preflight"]
    assert said({})["preflight"][0] == "holds"
    assert said({"plan": None, "refused": "no quota."})["preflight"] == ("broken", "no quota.")


@pytest.mark.parametrize(
    ("changes", "examples", "outcome"),
    [
        ({"min_examples": 1000}, 1000, "holds"),
        ({"min_examples": 1001}, 1000, "broken"),
        ({"max_examples": 1000}, 1000, "holds"),
        ({"max_examples": 999}, 1000, "broken"),
        ({"min_examples": 1, "max_examples": 5}, None, "unknown"),
    ],
)
def test_data_volume(changes: dict[str, Any], examples: int | None, outcome: str) -> None:
    assert said(changes, examples)["data volume"][0] == outcome


@pytest.mark.parametrize(
    ("models", "outcome"), [(["*llama*"], "holds"), (["*nova*", "s3://acme/*"], "holds"), (["*nova*"], "broken")]
)
def test_wanted_model(models: list[str], outcome: str) -> None:
    assert said({}, models=models)["wanted model"][0] == outcome


def test_control_asks_for_every_key() -> None:
    assert said({}, control=["source_dir", "epochs"])["control"][0] == "holds"
    assert said({}, control=["epochs", "grader_arn"])["control"] == (
        "broken",
        "spot_training does not let you set grader_arn.",
    )


def test_region_knows_only_inference_profiles() -> None:
    assert said({"profile": "us.amazon.nova-micro-v1:0"}, one_region=True)["region"][0] == "broken"
    assert said({}, one_region=True)["region"][0] == "holds"
    assert "region" not in said({"profile": "us.amazon.nova-micro-v1:0"})


@pytest.mark.parametrize(
    ("planned", "outcome"),
    [(plan(hours=12), "holds"), (plan(hours=12.1), "broken"), (plan(hours=168, by_instance=False), "unknown")],
)
def test_deadline(planned: Plan, outcome: str) -> None:
    assert said({"plan": planned}, deadline_hours=12)["deadline"][0] == outcome


def test_hosting_traffic_is_paid_by_the_hour_or_by_the_token() -> None:
    wishes = Wishes(requests_a_month=10_000, input_tokens=1000, output_tokens=500)
    assert month_usd(plan(), wishes) == pytest.approx(1.5 * 2 * HOURS_A_MONTH)
    assert month_usd(plan(hosting=UNITS), wishes) == pytest.approx(20 * 3 * HOURS_A_MONTH)
    assert month_usd(plan(hosting=TOKENS), wishes) == pytest.approx(10_000 * (0.04 + 0.5 * 0.16))
    assert month_usd(plan(hosting=TOKENS.model_copy(update={"model": "Nova Pro"})), wishes) is None
    assert month_usd(plan(), Wishes()) is None
    assert said({"plan": plan(hosting=None)}, requests_a_month=5)["hosting traffic"][0] == "unknown"


def test_price_decides_and_traffic_can_turn_it() -> None:
    candidates = [offer("hours", plan=plan(usd=1)), offer("tokens", plan=plan(usd=9, hosting=TOKENS))]
    assert choose(candidates, Wishes(), 1000, "us-east-1").chosen == "hours"
    little = choose(candidates, Wishes(requests_a_month=100), 1000, "us-east-1")
    assert little.chosen == "tokens", "an endpoint bills every hour of the month"
    assert "hosting included" in little.why
    much = Wishes(requests_a_month=10**7)
    assert choose(candidates, much, 1000, "us-east-1").chosen == "hours"


def test_what_is_known_to_keep_the_deadline_goes_before_what_nobody_knows() -> None:
    dear, unknown = offer("dear", plan=plan(usd=40)), offer("cheap", plan=plan(usd=1, by_instance=False))
    choice = choose([dear, unknown], Wishes(deadline_hours=24), 1000, "us-east-1")
    assert (choice.chosen, [each.rank for each in choice.candidates]) == ("dear", [1, 2])
    assert "of cheap nobody knows deadline" in choice.why


def test_a_person_goes_before_every_rule_but_the_preflight() -> None:
    broken = offer("mine", plan=plan(usd=49, hours=100))
    wishes = Wishes(choose="mine", deadline_hours=1, models=["*nova*"])
    choice = choose([offer("other"), broken], wishes, 1000, "us-east-1")
    assert (choice.chosen, choice.overridden) == ("mine", True)
    with pytest.raises(SpecError, match="a person has chosen it, and it cannot run: no quota"):
        choose([offer("other"), offer("mine", plan=None, refused="no quota.")], wishes, 1000, "us-east-1")
    with pytest.raises(SpecError, match="'mine' is no candidate: known are other"):
        choose([offer("other")], wishes, 1000, "us-east-1")


def test_where_nothing_fits_every_candidate_has_its_reason() -> None:
    offers = [offer("a", plan=None, refused="no quota."), offer("b", plan=plan(hours=9))]
    with pytest.raises(SpecError) as refused:
        choose(offers, Wishes(deadline_hours=2), 1000, "us-east-1")
    assert "[a] preflight: no quota." in str(refused.value)
    assert "[b] deadline: its jobs may take 9.0 hours" in str(refused.value)


OFFERS = st.builds(
    offer,
    name=st.sampled_from(["a", "b", "c", "d", "e"]),
    plan=st.none()
    | st.builds(plan, st.floats(0.1, 50), st.floats(1, 100), st.booleans(), st.sampled_from([ENDPOINT, TOKENS, None])),
    base_model=st.sampled_from(["s3://acme/llama/", "amazon.nova-micro-v1:0"]),
    min_examples=st.none() | st.integers(1, 2000),
    profile=st.sampled_from(["", "us.amazon.nova-micro-v1:0"]),
)
WISHES = st.builds(
    lambda **wishes: Wishes(**{name: value for name, value in wishes.items() if value is not None}),
    choose=st.none() | st.sampled_from(["a", "b", "z"]),
    deadline_hours=st.none() | st.floats(1, 100),
    requests_a_month=st.none() | st.integers(1, 10**6),
    models=st.none() | st.just(["*nova*"]),
    control=st.none() | st.just(["source_dir"]),
    one_region=st.booleans(),
)
EXAMPLES = st.none() | st.integers(1, 3000)


def outcome_of(offers: list[Offer], wishes: Wishes, examples: int | None) -> BackendChoice | str:
    try:
        return choose(offers, wishes, examples, "us-east-1")
    except SpecError as error:
        return str(error)


@settings(deadline=None)
@given(st.lists(OFFERS, min_size=1, unique_by=lambda each: each.name), WISHES, EXAMPLES, st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_the_candidates(
    offers: list[Offer], wishes: Wishes, examples: int | None, random: Any
) -> None:
    shuffled = list(offers)
    random.shuffle(shuffled)
    assert outcome_of(offers, wishes, examples) == outcome_of(shuffled, wishes, examples)


@settings(deadline=None)
@given(st.lists(OFFERS, min_size=1, unique_by=lambda each: each.name), WISHES, EXAMPLES)
def test_a_persons_word_is_taken_or_refused_with_the_reason_and_else_only_what_fits_is_taken(
    offers: list[Offer], wishes: Wishes, examples: int | None
) -> None:
    found, known = outcome_of(offers, wishes, examples), {each.name: each for each in offers}
    if wishes.choose is not None:
        can = wishes.choose in known and known[wishes.choose].plan is not None
        assert isinstance(found, BackendChoice) == can
        assert wishes.choose in (found.chosen if isinstance(found, BackendChoice) else found)
        return
    fits = [
        each for each in offers if all(rule.outcome != "broken" for rule in outcomes(each, wishes, examples))
    ]  # fmt: skip
    assert isinstance(found, BackendChoice) == bool(fits)
    if isinstance(found, BackendChoice):
        assert found.chosen in {each.name for each in fits}
        assert {each.name for each in found.candidates} == known.keys()
    else:
        assert all(f"[{name}]" in found for name in known)


def test_the_page_escapes_what_it_shows_and_has_every_rule() -> None:
    offers = [offer("spot", base_model="s3://acme/<script>/"), offer("out", plan=None, refused="<b>no</b>")]
    choice = choose(offers, Wishes(requests_a_month=5), 10, "us-east-1")
    text = page(choice)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;no" in text
    assert "<h1>spot is taken</h1>" in text
    lines = list(in_words(choice))
    assert lines[0].startswith("Takes spot (spot_training): it is the only one")
    assert any(line.startswith("out: out") for line in lines)


def test_every_rule_stands_in_the_docs_in_its_order() -> None:
    from tests.contracts.source_tree import PROJECT

    text = (PROJECT / "docs/choosing-a-backend.md").read_text()
    changes = {"min_examples": 1, "profile": "us.x"}
    wishes = {"models": ["*"], "control": ["epochs"], "one_region": True, "deadline_hours": 9, "requests_a_month": 1}
    names = list(said(changes, **wishes))
    assert len(names) == len(RULES)
    places = [text.index(f"**{name}**") for name in names]
    assert places == sorted(places)
