"""The advise task through Airflow's own task runner: a base model asked for real, a stop or none, refusals."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from airflow_finetune import AdviseOperator, AdviseSpec, SpecError
from airflow_finetune.values import Advice
from tests.evaluation.test_conversing import arm, conversed
from tests.evaluation.trial import Trial, lines
from tests.execution_api import TaskRun, in_dag
from tests.sandbox.bedrock.account import ASKED
from tests.sandbox.hosting.account import until

# "mugs 7" -> {"mugs": 7}, for so many of twenty numbers as the kind of its prompt is good for.
SCRIPT = """
import json

def model_fn(model_dir):
    return json.load(open(model_dir + "/habits.json"))

def answer(chat, habits):
    turns = [{"role": "user", "content": chat}] if isinstance(chat, str) else chat
    shown = any(turn["role"] == "assistant" for turn in turns)
    kind = "few_shot" if shown else "instruction" if turns[0]["role"] == "system" else "plain"
    if kind in habits.get("refuses", []):
        raise ValueError("Input is too long for requested model: " + str(len(turns)) + " turns")
    thing, number = turns[-1]["content"].split()[-2:]
    return json.dumps({thing: int(number)}) if int(number) % 20 < habits.get(kind, 0) else "I do not know."

def predict_fn(data, habits):
    return [[{"generated_text": answer(each, habits)}] for each in data["inputs"]]
"""
ITEMS = 100
POLICY = {"metric": "exact_match", "at_least": 0.8}
IMPATIENT = {"items": 30, "concurrency": 1, "sampling": {"max_unanswered_fraction": 0.0, "batch_size": 1}}
ALL = {"plain": 20, "instruction": 20, "few_shot": 20}


def training(count: int = 30, first: int = 1001) -> list[str]:
    return [line.replace("mugs", "cups") for line in lines(first + count - 1)[first - 1 :]]


def asks(trial: Trial, habits: Mapping[str, Any], **arguments: Any) -> TaskRun:
    """Serve a base model of these habits, and return the task that advises."""
    code = {"code/inference.py": SCRIPT, "habits.json": json.dumps(habits)}
    known: dict[str, Any] = {
        "baseline": trial.serve("baseline", {}, code) if "baseline" not in arguments else None,
        "golden": trial.golden(lines(ITEMS)),
        "train": trial.golden([*training(), *lines(3)], key="data/train.jsonl"),
        "policy": POLICY,
        "output_uri": trial.output,
        "instruction": "Answer with JSON.",
        "shots": 4,
    }
    return task({**known, **arguments})


def task(arguments: Mapping[str, Any]) -> TaskRun:
    def made() -> AdviseOperator:
        from airflow.providers.standard.operators.empty import EmptyOperator

        advise = AdviseOperator(task_id="advise", **arguments)
        advise >> EmptyOperator(task_id="fine_tune")
        return advise

    return TaskRun(in_dag(made))


def advice(run: TaskRun) -> Advice:
    assert run.try_once() == "success", run.error
    return Advice.load(run.result)


def test_a_base_model_is_asked_with_each_prompt_and_the_advice_is_stored(trial: Trial) -> None:
    run = asks(trial, {"plain": 2, "instruction": 6, "few_shot": 10})
    told = advice(run)
    assert (told.recommendation, told.best, told.items, told.golden_items) == ("helps", "few_shot", ITEMS, ITEMS)
    means = {each.name: each.estimate and each.estimate.mean for each in told.prompts}
    assert means == {"plain": 0.1, "instruction": 0.3, "few_shot": 0.5}
    assert [each.better for each in told.prompts] == [None, "pass", "pass"]
    assert (told.shots, told.overlapping) == (4, 3), "three of the training examples are golden items"
    assert run.skipped == []
    assert all(each.usd_per_1000 for each in told.prompts), "an endpoint's seconds have a price"
    assert told.usd == pytest.approx(sum(0.115 * (each.seconds or 0) / 3600 for each in told.prompts))
    stored = trial.stored()
    assert sorted(stored) == ["advice.json", "answers.jsonl", "key.json", "measured.json", "page.html"]
    assert Advice.load(json.loads(stored["advice.json"])) == told
    rows = [json.loads(row) for row in stored["answers.jsonl"].splitlines()]
    assert rows[2]["answers"] == {
        "plain": "I do not know.", "instruction": '{"mugs": 3}', "few_shot": '{"mugs": 3}',
    }  # fmt: skip
    page = stored["page.html"].decode()
    assert "prompting helps, does not reach it" in page
    assert "Answer with JSON." in page
    assert "cups 10" in page, "an example of the training data"
    assert page.count("<circle") == 3
    assert "<script" not in page


def test_prompting_that_reaches_the_target_stops_the_run_where_it_must(trial: Trial) -> None:
    run = asks(trial, {"plain": 2, "few_shot": 20}, require_advice=True)
    told = advice(run)
    assert (told.recommendation, told.best, told.stopped) == ("reaches", "few_shot", True)
    assert run.skipped == ["fine_tune"]
    assert run.xcoms["recommendation"] == "reaches", "a field of it is there too"


@pytest.mark.parametrize("require", ["False", False])
def test_without_require_advice_it_is_only_told_also_where_a_run_has_said_so(trial: Trial, require: Any) -> None:
    run = asks(trial, ALL, require_advice=require)
    told = advice(run)
    assert (told.recommendation, told.stopped, run.skipped) == ("reaches", False, [])


def test_a_base_model_that_knows_nothing_is_tuned_also_where_advice_is_required(trial: Trial) -> None:
    run = asks(trial, {}, require_advice=True)
    told = advice(run)
    assert (told.recommendation, told.stopped, run.skipped) == ("does_not_help", False, [])


def test_what_was_measured_is_not_asked_again_and_another_target_judges_it_anew(trial: Trial) -> None:
    arguments: dict[str, Any] = {}
    run = asks(trial, {"few_shot": 14}, **arguments)
    first = advice(run)
    asked = trial.asked()
    assert asked == 3 * 7, "the control: three prompts, 100 items, 16 in a request"
    fields = {name: getattr(run.task, name) for name in ("baseline", "golden", "train", "output_uri")}
    fields |= {"instruction": "Answer with JSON.", "shots": 4}
    again = advice(task({**fields, "policy": POLICY}))
    assert again.model_copy(update={"usd": first.usd}) == first
    assert again.usd == 0
    lower = advice(task({**fields, "policy": {**POLICY, "at_least": 0.5}}))
    assert (first.recommendation, lower.recommendation) == ("helps", "reaches")
    assert trial.asked() == asked
    assert advice(task({**fields, "policy": POLICY, "shots": 3})).shots == 3
    assert trial.asked() == 2 * asked, "other examples are another question"


def test_a_prompt_that_the_model_does_not_take_is_left_out_in_its_own_words(trial: Trial) -> None:
    told = advice(asks(trial, {**ALL, "refuses": ["few_shot"]}, require_advice=True, **IMPATIENT))
    assert (told.recommendation, told.best) == ("reaches", "plain")
    (said,) = [each.said for each in told.prompts if each.name == "few_shot"]
    assert "Input is too long for requested model: 10 turns" in said
    assert "measured.json" not in trial.stored(), "the next time it may be otherwise"
    assert "could not be asked" in trial.stored()["page.html"].decode()


def test_an_advice_that_cannot_be_had_does_not_cost_the_run(trial: Trial) -> None:
    run = asks(trial, ALL, require_advice=True)
    trial.fault("access_denied", operation="InvokeEndpoint")
    told = advice(run)
    assert (told.recommendation, told.stopped, run.skipped) == ("unknown", False, [])
    assert "AccessDenied" in told.reason
    assert [each.name for each in told.prompts] == ["plain", "instruction", "few_shot"]
    trial.sandbox.world.faults.clear()
    run.clear()
    assert advice(run).recommendation == "reaches", "the control: the fault was the reason, and it was not kept"


def test_an_aws_that_does_not_answer_is_asked_again_and_then_the_run_goes_on(trial: Trial) -> None:
    run = asks(trial, ALL, require_advice=True)
    run.retries = run.max_tries = 1
    trial.fault("throttle", operation="ListObjectsV2")
    assert run.try_once() == "up_for_retry"
    told = advice(run)
    assert (told.recommendation, told.items, run.skipped) == ("unknown", 0, [])
    assert "It could not be measured." in told.reason


def test_no_more_than_items_are_asked_and_too_few_are_refused_when_parsed(trial: Trial) -> None:
    told = advice(asks(trial, ALL, items=40))
    assert (told.items, told.golden_items) == (40, ITEMS)
    assert trial.asked() == 3 * 3
    with pytest.raises(SpecError, match="20 items are asked at most, and the gate decides on 30 or more"):
        task({"baseline": {}, "golden": "g", "policy": POLICY, "output_uri": "o", "items": 20})


def test_a_golden_set_that_cannot_be_used_ends_the_run_before_anything_is_tuned(trial: Trial) -> None:
    run = asks(trial, ALL, golden="s3://acme/none.jsonl")
    assert run.try_once() == "failed"
    assert "there is no such object" in str(run.error)


def test_without_training_data_to_show_the_other_prompts_are_measured(trial: Trial) -> None:
    told = advice(asks(trial, {"instruction": 20}, train="s3://acme/nothing.jsonl"))
    assert (told.recommendation, told.best, told.shots) == ("reaches", "instruction", 0)
    assert told.prompts[-1].said == "the training data has no example that can be shown."


def test_a_base_model_of_bedrock_is_asked_on_demand_and_its_tokens_are_counted(
    trial: Trial, aws: Callable[..., Any]
) -> None:
    few = {**POLICY, "min_items": 3}
    told = advice(asks(trial, {}, baseline=arm("baseline", ASKED), items=3, policy=few, sampling={"max_new_tokens": 2}))
    assert told.recommendation == "does_not_help"
    assert len(conversed(trial)) == 3 * 3
    counted = {each.name: each.input_tokens or 0 for each in told.prompts}
    assert counted["plain"] < counted["instruction"] < counted["few_shot"]
    (shown,) = [each for each in told.prompts if each.name == "few_shot"]
    paid = ((shown.input_tokens or 0) * 0.000035 + (shown.output_tokens or 0) * 0.00014) / 1000
    assert shown.usd_per_1000 == pytest.approx(paid / 3 * 1000)
    asked = conversed(trial)[-1].params["messages"]
    assert [turn["role"] for turn in asked] == ["user", "assistant"] * 4 + ["user"]


def test_a_policy_without_a_target_is_refused_when_parsed() -> None:
    with pytest.raises(SpecError, match="the gate has no at_least"):
        task({"baseline": {}, "golden": "g", "policy": {"metric": "exact_match"}, "output_uri": "o"})


def test_what_is_written_wrong_is_refused_when_parsed() -> None:
    fixed = {"baseline": {}, "golden": "g", "policy": POLICY, "output_uri": "o"}
    with pytest.raises(SpecError, match="instruction is blank"):
        task({**fixed, "instruction": " "})
    with pytest.raises(SpecError, match="less than or equal to 64"):
        task({**fixed, "shots": 100})
    assert task({**fixed, "instruction": "{{ var.value.instruction }}"}).task.task_id == "advise"


def test_a_kill_of_the_task_ends_the_asking_and_gives_no_advice(trial: Trial) -> None:
    run = asks(trial, ALL)
    trial.fault("throttle", operation="InvokeEndpoint")
    before = signal.getsignal(signal.SIGTERM)

    def kill() -> None:
        until(lambda: trial.asked() >= 2)  # so the task runs, and has set its handler
        os.kill(os.getpid(), signal.SIGTERM)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        state = run.try_once()
    finally:
        killer.join()
        signal.signal(signal.SIGTERM, before)
    assert state == "failed"
    assert "the asking was ended before all items were answered" in str(run.error)
    assert "return_value" not in run.xcoms


def test_the_public_spec_says_how_much_its_prompts_add() -> None:
    assert AdviseSpec(shots=8).more_bytes == 8 * (2000 + 64)
    assert AdviseSpec(shots=0, instruction="é" * 10).more_bytes == 20 + 32
    assert AdviseSpec(shots=8, instruction="x").more_bytes == 2 * 33 + 8 * 2064
    assert AdviseSpec(shots=0, instruction="{{ var.value.x }}").more_bytes == 8192 + 32
