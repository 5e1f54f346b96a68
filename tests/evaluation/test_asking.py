"""How endpoints are asked: what is sent to which server, what is asked again and how often, and when it ends."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_finetune.curation.canonical import Message
from airflow_finetune.errors import RequestRefused, SpecError, Unavailable
from airflow_finetune.evaluation.asking import Patience
from airflow_finetune.evaluation.asking.formats import answered, asked
from airflow_finetune.evaluation.sampling import SamplingSpec
from airflow_finetune.evaluation.store import weights_digest
from tests.evaluation.trial import WRONG, Trial, lines
from tests.sandbox.hosting.account import until

ONE = (Message("user", "a"),)
LONG = (Message("system", "s"), Message("user", "a"), Message("assistant", "b"), Message("user", "c"))


def sent(sampling: SamplingSpec, *chats: Any) -> Any:
    return json.loads(asked(chats, sampling))


def test_our_own_server_gets_several_chats_and_a_plain_text_where_that_is_the_whole_chat() -> None:
    body = sent(SamplingSpec(max_new_tokens=9, stop=("x",)), ONE, LONG)
    assert body["inputs"][0] == "a"
    assert [turn["role"] for turn in body["inputs"][1]] == ["system", "user", "assistant", "user"]
    assert body["parameters"] == {"max_new_tokens": 9, "temperature": 0.0, "stop": ["x"]}


def test_a_chat_completion_says_its_temperature_as_servers_have_other_defaults() -> None:
    spec = SamplingSpec(format="messages", parameters={"seed": 7})
    body = sent(spec, LONG)
    assert [turn["content"] for turn in body.pop("messages")] == ["s", "a", "b", "c"]
    assert body == {"max_tokens": 256, "temperature": 0.0, "seed": 7}
    drawn = sent(SamplingSpec(format="messages", temperature=0.5, top_p=0.9), ONE)
    assert (drawn["temperature"], drawn["top_p"]) == (0.5, 0.9)


def test_a_raw_text_asks_for_greedy_without_a_temperature_of_0() -> None:
    body = sent(SamplingSpec(format="text"), ONE)
    assert body["inputs"] == "a"
    assert body["parameters"] == {"max_new_tokens": 256, "return_full_text": False, "do_sample": False}
    drawn = sent(SamplingSpec(format="text", temperature=0.5), ONE)["parameters"]
    assert (drawn["do_sample"], drawn["temperature"]) == (True, 0.5)


@pytest.mark.parametrize(
    ("form", "answer", "texts"),
    [
        ("inputs", [[{"generated_text": "x"}], [{"generated_text": ""}]], ["x", ""]),
        ("inputs", [{"generated_text": "x"}, {"generated_text": "y"}], ["x", "y"]),
        ("messages", {"choices": [{"message": {"content": "x"}}]}, ["x"]),
        ("messages", {"choices": [{"message": {"content": None}}]}, [""]),
        ("text", [{"generated_text": "x"}], ["x"]),
        ("text", {"generated_text": "x"}, ["x"]),
        ("inputs", [[{"generated_text": "x"}]], None),
        ("inputs", {"generated_text": "x"}, None),
        ("messages", {"choices": []}, None),
        ("messages", {"error": "overloaded"}, None),
        ("text", [], None),
        ("text", [{"generated_text": 3}], None),
    ],
)
def test_an_answer_is_read_in_its_format_or_quoted(form: Any, answer: Any, texts: list[str] | None) -> None:
    count = 2 if form == "inputs" else 1
    sampling = SamplingSpec(format=form)
    if texts is not None:
        assert answered(json.dumps(answer).encode(), count, sampling) == texts
        return
    with pytest.raises(ValueError, match="it begins: "):
        answered(json.dumps(answer).encode(), count, sampling)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_quoted(body: bytes) -> None:
    with pytest.raises(ValueError, match="in the format 'inputs'; it begins: "):
        answered(body, 1, SamplingSpec())


def test_greedy_is_the_default_and_a_setting_that_does_nothing_is_refused() -> None:
    assert SamplingSpec().deterministic
    assert not SamplingSpec(temperature=0.1).deterministic
    with pytest.raises(SpecError, match="top_p does nothing"):
        SamplingSpec.load({"top_p": 0.5}, rendered=True, thing="x")


def test_what_looks_like_a_secret_is_in_no_report() -> None:
    token = "hf_" + "a" * 34
    spec = SamplingSpec(max_new_tokens=9, parameters={"seed": 7, "api_key": "abcdefgh12", "user": token})
    assert spec.told() == {"max_new_tokens": 9, "parameters": {"seed": 7, "api_key": "***", "user": "***"}}
    assert token in asked([ONE], spec).decode(), "the control: the server gets it"


def test_the_digest_of_weights_is_of_their_files_in_any_order_and_of_nothing_else() -> None:
    files = [("config.json", 3, '"abc"'), ("model.safetensors", 900, '"def-2"')]
    digest = weights_digest(files)
    assert digest == weights_digest(files[::-1]) == weights_digest([(*each[:2], each[2].strip('"')) for each in files])
    assert digest is not None
    assert len(digest) == 64
    others = (
        [files[0]],
        [("other.json", 3, '"abc"'), files[1]],
        [("config.json", 4, '"abc"'), files[1]],
        [("config.json", 3, '"abd"'), files[1]],
    )
    assert len({digest, *map(weights_digest, others)}) == 5
    assert weights_digest([]) is None


def test_progress_is_said_every_tenth_of_the_way(trial: Trial) -> None:
    said: list[str] = []
    trial.at(trial.golden(lines(40)), trial.both(), said.append, sampling={"batch_size": 1}, concurrency=2)
    far = [line for line in said if " asked, " in line]
    assert 8 <= len(far) <= 10
    assert far[-1].startswith("baseline: 40 of 40 asked, 40 answered; candidate: 40 of 40 asked, 40 answered; ")


def test_a_batch_on_which_the_model_fails_is_halved_until_the_item_is_found(trial: Trial) -> None:
    made = trial.at(trial.golden(lines(16)), trial.both(candidate={"refuses": [5]}))
    assert made.unanswered_candidate == 1
    assert made.metrics["exact_match"].candidate.mean == pytest.approx(15 / 16)
    assert trial.asked("candidate") == 1 + 2 * 4 + 1, "by halves, and the item itself twice"
    assert trial.asked("baseline") == 1


def test_more_unanswered_items_than_are_allowed_fail_also_for_the_baseline(trial: Trial) -> None:
    golden, arms = trial.golden(lines(20)), trial.both({"refuses": [3, 4, 5]})
    with pytest.raises(
        RequestRefused, match=r"no answer to 3 of 20 items, and 2 are allowed \(max_unanswered_fraction"
    ):
        trial.at(golden, arms)
    assert trial.at(golden, arms, sampling={"max_unanswered_fraction": 0.5}).unanswered_baseline == 3, "the control"


def test_a_server_that_dies_for_good_fails_with_what_aws_says_and_leaves_no_report(trial: Trial) -> None:
    arms = trial.both(candidate={"dies_from": 6})
    with pytest.raises((Unavailable, RequestRefused), match="candidate") as caught:
        trial.at(trial.golden(lines(20)), arms, sampling={"batch_size": 1}, concurrency=1)
    assert "AWS answered" in str(caught.value)
    assert list(trial.stored()) == ["key.json"]


def test_throttling_without_end_ends_as_unavailable_after_the_tries_that_patience_allows(trial: Trial) -> None:
    arms = trial.both()
    trial.fault("throttle", operation="InvokeEndpoint", match={"EndpointName": "baseline"})
    with pytest.raises(Unavailable, match=r"baseline \(endpoint baseline\): AWS answered ThrottlingException"):
        trial.at(trial.golden(lines(2)), arms, concurrency=1)
    assert trial.asked("baseline") == 3


def test_the_end_of_the_lease_ends_the_asking_in_the_middle(trial: Trial) -> None:
    arms = trial.both()
    began = datetime.now(UTC)
    arms["candidate"]["expires_at"] = (began + timedelta(seconds=5)).isoformat()

    def clock() -> datetime:
        return began + timedelta(seconds=trial.asked("candidate"))

    with pytest.raises(RequestRefused, match=r"candidate .* its lease ended at .* Clear open_scope too"):
        trial.at(trial.golden(lines(40)), arms, sampling={"batch_size": 1}, concurrency=1, clock=clock)
    assert trial.asked("candidate") == 5


def test_a_kill_ends_the_asking_also_during_a_pause(trial: Trial) -> None:
    arms, end = trial.both(WRONG), threading.Event()
    trial.fault("throttle", operation="InvokeEndpoint")
    ended: list[BaseException] = []

    def run() -> None:
        try:
            trial.at(trial.golden(lines(2)), arms, end=end, patience=Patience(calls=99, pause_seconds=3600.0))
        except Unavailable as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: trial.asked() >= 2)
    end.set()
    thread.join(60)
    assert not thread.is_alive()
    assert "ended before all items were answered" in str(ended[0])


def test_pauses_double_and_stay_bounded() -> None:
    pauses = Patience(pause_seconds=0.5, longest_seconds=30.0).pauses()
    assert [next(pauses) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
