"""Models of Bedrock under evaluation: asked by Converse, billed by the token, the same report and the same gate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_finetune.curation.canonical import Message
from airflow_finetune.errors import DataError, RequestRefused, SpecError, Unavailable
from airflow_finetune.evaluation.asking import SERVICES
from airflow_finetune.evaluation.asking.conversing import conversation
from airflow_finetune.evaluation.asking.costs import Tokens, asking_usd
from airflow_finetune.evaluation.asking.services import Reply
from airflow_finetune.evaluation.page import dollars, page
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.record import in_words, judged
from airflow_finetune.evaluation.sampling import SamplingSpec
from airflow_finetune.values import ModelReference, ServedModel
from tests.evaluation.trial import WRONG, Trial, lines
from tests.sandbox.bedrock.account import ASKED, Account

LITE = "amazon.nova-lite-v1:0"


def arm(name: str, model_id: str, **more: Any) -> dict[str, Any]:
    """A model that Bedrock serves on demand: a base model, unless ``more`` says otherwise."""
    fields: dict[str, Any] = {
        "arm": name,
        "service": "bedrock",
        "endpoint_name": model_id,
        "endpoint_arn": "",
        "region": "us-east-1",
        "model": ModelReference(uri=model_id),
        "scope_id": "0123456789abcdef",
        "expires_at": datetime.now(UTC) + timedelta(hours=6),
        "digest": "feedfacefeedface",
        "hourly_usd": 0.0,
        "input_usd": 0.000035,
        "output_usd": 0.00014,
    }
    return ServedModel(**{**fields, **more}).dump()


def both(**candidate: Any) -> dict[str, Any]:
    return {"baseline": arm("baseline", ASKED), "candidate": arm("candidate", LITE, **candidate)}


@pytest.fixture
def bedrock(trial: Trial, aws: Callable[..., Any]) -> Trial:
    made, before = {each: aws(each) for each in ("bedrock-runtime", "bedrock")}, trial.aws
    trial.aws = lambda service: made[service] if service in made else before(service)
    return trial


def conversed(trial: Trial) -> list[Any]:
    return trial.sandbox.world.calls.records(operation="Converse")


def test_a_chat_becomes_a_conversation_with_its_system_texts_apart_and_alternating_turns() -> None:
    chat = (
        Message("system", "s"),
        Message("user", "a"),
        Message("user", "half \ud83d"),
        Message("assistant", "b"),
        Message("user", "c"),
    )
    spec = SamplingSpec(max_new_tokens=9, temperature=0.5, top_p=0.9, stop=("x",), parameters={"top_k": 3})
    assert conversation(ASKED, chat, spec) == {
        "modelId": ASKED,
        "system": [{"text": "s"}],
        "messages": [
            {"role": "user", "content": [{"text": "a"}, {"text": "half ?"}]},
            {"role": "assistant", "content": [{"text": "b"}]},
            {"role": "user", "content": [{"text": "c"}]},
        ],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"]},
        "additionalModelRequestFields": {"top_k": 3},
    }
    plain = conversation(ASKED, chat[1:2], SamplingSpec())
    assert sorted(plain) == ["inferenceConfig", "messages", "modelId"]
    assert plain["inferenceConfig"] == {"maxTokens": 256, "temperature": 0.0}


def test_both_models_are_conversed_with_and_the_report_counts_and_prices_their_tokens(bedrock: Trial) -> None:
    made = bedrock.evaluated(
        golden=bedrock.golden(lines(4)), **both(), sampling={"max_new_tokens": 8, "format": "messages"}
    )
    assert (made.items, made.unanswered_baseline, made.unanswered_candidate) == (4, 0, 0)
    asked = conversed(bedrock)
    assert sorted({call.params["modelId"] for call in asked}) == sorted([ASKED, LITE])
    assert len(asked) == 8
    bill = {}
    for line in bedrock.sandbox.world.billing.lines():
        bill[line.arn.rpartition("/")[2], line.kind] = line.quantity
    assert made.input_tokens_baseline == bill[ASKED, "input_tokens"]
    assert made.output_tokens_baseline == bill[ASKED, "output_tokens"]
    assert made.input_tokens_candidate == bill[LITE, "input_tokens"]
    tokens = (made.input_tokens_baseline or 0) + (made.input_tokens_candidate or 0)
    answered = (made.output_tokens_baseline or 0) + (made.output_tokens_candidate or 0)
    assert made.usd == pytest.approx((tokens * 0.000035 + answered * 0.00014) / 1000)
    assert 0 < answered <= 64
    text = bedrock.stored()["page.html"].decode()
    assert f'<tr><td>baseline</td><td class="count">{made.input_tokens_baseline}</td>' in text
    assert f"which cost {dollars(made.usd or 0)} of tokens" in text


def test_the_models_are_known_by_their_names_in_any_scope_and_however_they_are_served(bedrock: Trial) -> None:
    fields = {"golden": bedrock.golden(lines(3)), "sampling": {"max_new_tokens": 4}}
    first = bedrock.evaluated(**fields, **both())
    bedrock.sandbox.world.calls.clear()
    later = {"scope_id": "f" * 16, "digest": "0" * 16, "expires_at": datetime.now(UTC) - timedelta(hours=1)}
    hosted = "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl"
    again = {
        "baseline": arm("baseline", ASKED, **later),
        "candidate": arm("candidate", hosted, model=ModelReference(uri=LITE), endpoint_arn=hosted, **later),
    }
    assert bedrock.evaluated(**fields, **again) == first
    assert not conversed(bedrock)
    other = {**both(), "candidate": arm("candidate", LITE, model=ModelReference(uri=f"{LITE}:300k"))}
    assert bedrock.evaluated(**fields, **other).report_uri != first.report_uri, "the control"


def test_the_arms_may_be_on_different_services(bedrock: Trial) -> None:
    arms = {"baseline": bedrock.serve("baseline", WRONG), "candidate": arm("candidate", LITE)}
    made = bedrock.at(bedrock.golden(lines(4)), arms, sampling={"max_new_tokens": 4})
    assert (bedrock.asked("baseline"), len(conversed(bedrock))) == (1, 4)
    assert (made.input_tokens_baseline, made.output_tokens_baseline) == (None, None)
    assert made.input_tokens_candidate
    assert made.seconds is not None
    by_token = (made.input_tokens_candidate * 0.000035 + (made.output_tokens_candidate or 0) * 0.00014) / 1000
    assert made.usd == pytest.approx(0.115 * made.seconds / 3600 + by_token)
    assert "of endpoint time and tokens" in page(made, [])


def test_what_a_format_cannot_mean_for_converse_is_said(bedrock: Trial) -> None:
    said: list[str] = []
    turns = (("system", "s"), ("user", "a 1"), ("assistant", "x"))
    chat = json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]})
    fields = {"sampling": {"format": "text", "max_new_tokens": 2}}
    bedrock.at(bedrock.golden([chat]), both(), said.append, **fields)
    assert any("format text is for endpoints" in line for line in said)
    assert conversed(bedrock)[0].params["system"] == [{"text": "s"}]


REFUSALS: dict[str, tuple[dict[str, Any], type[Exception], str, int]] = {
    "throttled": ({"code": "ThrottlingException", "status": 429}, Unavailable, "Airflow's retry asks again", 3),
    "not ready": ({"code": "ModelNotReadyException", "status": 429}, Unavailable, "ModelNotReadyException", 3),
    "unavailable": ({"code": "ServiceUnavailableException", "status": 503}, Unavailable, "Airflow's retry", 3),
    "fails": ({"code": "ModelErrorException", "status": 424}, RequestRefused, "no answer to 1 of 1 items", 2),
    "too slow": ({"code": "ModelTimeoutException", "status": 408}, RequestRefused, "no answer to 1 of 1 items", 2),
    "denied": ({"code": "AccessDeniedException", "status": 403}, RequestRefused, "bedrock:InvokeModel", 1),
    "gone": ({"code": "ResourceNotFoundException", "status": 404}, RequestRefused, "Clear open_scope too", 1),
    "this prompt": ({"code": "ValidationException", "status": 400}, RequestRefused, "no answer to 1 of 1 items", 1),
    "this model": (
        {"code": "ValidationException", "status": 400, "message": "The provided model identifier is invalid."},
        RequestRefused,
        "model identifier is invalid. Correct the field",
        1,
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_bedrock_says_is_asked_again_as_it_deserves(bedrock: Trial, name: str) -> None:
    params, error, said, times = REFUSALS[name]
    bedrock.fault("server_error", operation="Converse", params=params, match={"modelId": LITE})
    arms = both(endpoint_arn="arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl")
    sampling = {"max_new_tokens": 1, "max_unanswered_fraction": 0.0}
    with pytest.raises(error, match=re.escape(said)) as caught:
        bedrock.at(bedrock.golden(lines(1)), arms, sampling=sampling)
    assert str(caught.value).startswith(f"candidate (model {LITE}): ")
    assert sum(call.params["modelId"] == LITE for call in conversed(bedrock)) == times
    assert list(bedrock.stored()) == ["key.json"]


def test_a_base_model_that_is_not_there_is_no_matter_of_the_scope_and_has_no_lease(bedrock: Trial) -> None:
    over = {"expires_at": datetime.now(UTC) - timedelta(hours=1)}
    golden = bedrock.golden(lines(1))
    with pytest.raises(RequestRefused, match="model identifier is invalid"):
        bedrock.at(golden, {**both(), "candidate": arm("candidate", "amazon.nova-lite-v9:0", **over)})
    assert bedrock.at(golden, both(**over), sampling={"max_new_tokens": 1}).items == 1, "the control"
    bedrock.fault("server_error", operation="Converse", params={"code": "ResourceNotFoundException", "status": 404})
    with pytest.raises(RequestRefused, match=r"Check the model's id") as caught:
        bedrock.at(golden, both(), sampling={"max_new_tokens": 2})
    assert "open_scope" not in str(caught.value)


def test_a_prompt_that_this_model_does_not_take_is_one_unanswered_item(bedrock: Trial) -> None:
    bedrock.fault(
        "server_error",
        operation="Converse",
        params={"code": "ValidationException", "status": 400, "message": "Input is too long for requested model."},
        match={"modelId": LITE, "messages.0.content.0.text": "mugs 2"},
    )
    made = bedrock.at(bedrock.golden(lines(4)), both(), sampling={"max_new_tokens": 1})
    assert (made.unanswered_baseline, made.unanswered_candidate) == (0, 1)
    rows = [json.loads(line) for line in bedrock.stored()["answers.jsonl"].splitlines()]
    assert [row["candidate"] is None for row in rows] == [False, True, False, False]


def test_what_converse_would_refuse_is_refused_before_anybody_is_asked(bedrock: Trial) -> None:
    wrong = json.dumps({"messages": [{"role": r, "content": r[0]} for r in ("assistant", "user", "assistant")]})
    golden = bedrock.golden([*lines(2), wrong])
    with pytest.raises(DataError, match="line 3: Bedrock's Converse refuses it: a conversation must begin"):
        bedrock.at(golden, both())
    with pytest.raises(SpecError, match=r"temperature is 1\.5, and Bedrock's Converse takes 0 to 1"):
        bedrock.at(bedrock.golden(lines(2)), both(), sampling={"temperature": 1.5})
    with pytest.raises(SpecError, match=f"both are the model {LITE}"):
        bedrock.at(bedrock.golden(lines(2)), {"baseline": arm("baseline", LITE), "candidate": arm("candidate", LITE)})
    with pytest.raises(SpecError, match="they are served in us-east-1 and in us-west-2"):
        bedrock.at(bedrock.golden(lines(2)), both(region="us-west-2"))
    assert not conversed(bedrock)


@pytest.mark.parametrize(("reason", "counts"), [("end_turn", True), ("max_tokens", True), ("content_filtered", False)])
def test_an_answer_that_was_cut_counts_and_one_that_a_filter_stopped_does_not(reason: str, counts: bool) -> None:
    """A real filter is AWS's alone; the answer is the one that botocore's shape describes."""
    told = {
        "output": {"message": {"role": "assistant", "content": [{"text": "half an "}, {"text": "answer"}]}},
        "stopReason": reason,
        "usage": {"inputTokens": 5, "outputTokens": 3, "totalTokens": 8},
        "metrics": {"latencyMs": 1},
    }
    reply = SERVICES["bedrock"].ask(Canned(told), LITE, [(Message("user", "a"),)], SamplingSpec())
    assert isinstance(reply, Reply)
    assert (reply.texts, reply.input_tokens, reply.output_tokens) == (["half an answer" if counts else None], 5, 3)
    assert (reason in reply.said) is not counts


class Canned:
    """A client that answers this."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told

    def converse(self, **request: Any) -> dict[str, Any]:
        return self._told


def test_tokens_and_hours_are_priced_apart_and_an_unknown_price_is_none() -> None:
    token = ServedModel.load(arm("candidate", LITE))
    hour = ServedModel.load(arm("baseline", LITE, hourly_usd=36.0, input_usd=None, output_usd=None))
    unknown = ServedModel.load(arm("baseline", LITE, output_usd=None))
    counted = Tokens(2000, 1000)
    assert asking_usd([(token, counted), (token, counted)], 100.0) == pytest.approx(2 * (0.00007 + 0.00014))
    assert asking_usd([(hour, counted), (token, counted)], 100.0) == pytest.approx(1.0 + 0.00021)
    assert asking_usd([(unknown, counted), (token, counted)], 100.0) is None


@pytest.mark.parametrize(
    ("usd", "said"), [(12.345, "$12.35"), (0.28, "$0.28"), (0.0123, "$0.012"), (0.0000421, "$0.000042"), (0.0, "$0.00")]
)
def test_small_amounts_are_said_so_that_they_say_something(usd: float, said: str) -> None:
    assert dollars(usd) == said


def test_more_items_cost_what_the_tokens_of_these_have_cost(bedrock: Trial) -> None:
    made = bedrock.at(bedrock.golden(lines(4)), both(), sampling={"max_new_tokens": 4})
    verdict = judged(made, GatePolicy(metric="exact_match", min_items=30))
    assert (verdict.decision, verdict.more_items) == ("inconclusive", 26)
    assert verdict.more_usd == pytest.approx((made.usd or 0) / 4 * 26)
    assert any(
        f"for about {dollars(verdict.more_usd or 0)} of asking both models" in line for line in in_words(verdict)
    )


def test_a_tuned_model_answers_through_its_deployment(bedrock: Trial) -> None:
    account = Account(bedrock.sandbox, bedrock.aws)
    model = account.model(base="amazon.nova-lite-v1:0:300k")
    hosted = account.deployed("candidate", model)
    candidate = arm("candidate", hosted, endpoint_arn=hosted, model=ModelReference(uri=model))
    arms = {"baseline": arm("baseline", ASKED), "candidate": candidate}
    golden = bedrock.golden(lines(2))
    made = bedrock.at(golden, arms, sampling={"max_new_tokens": 2})
    assert made.candidate == ModelReference(uri=model)
    account.bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier="candidate")
    assert bedrock.at(golden, arms, sampling={"max_new_tokens": 2}) == made
    with pytest.raises(RequestRefused, match="Clear open_scope too"):
        bedrock.at(golden, arms, sampling={"max_new_tokens": 3})
