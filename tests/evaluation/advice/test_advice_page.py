"""The page and the words of an advice: everything escaped and masked, every number there, nothing loaded or run."""

from __future__ import annotations

from airflow_finetune.curation.canonical import Message
from airflow_finetune.evaluation.advice.answers import Answered, answer_lines, read_answer_lines
from airflow_finetune.evaluation.advice.page import page
from airflow_finetune.evaluation.advice.prompts import Prompt
from airflow_finetune.evaluation.advice.recommend import Measured, recommend
from airflow_finetune.evaluation.advice.told import in_words
from airflow_finetune.evaluation.golden import GoldenItem
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.values import Advice, DatasetReference, ModelReference

HOSTILE = "<script>alert(1)</script> write to anna@example.com \ud800"
POLICY = GatePolicy(metric="exact_match", at_least=0.8)
ITEM = GoldenItem(3, (Message("user", f"ask {HOSTILE}"),), "wanted")


def made(*measured: Measured, **changed: object) -> Advice:
    known = {
        "metric": "exact_match", "at_least": 0.8, "alpha": 0.05, "items": 200, "golden_items": 300,
        "golden": DatasetReference(uri="s3://acme/golden.jsonl", sha256="c" * 64),
        "model": ModelReference(uri="s3://acme/<script>"), "shots": 1, "shots_wanted": 8, "overlapping": 4,
        "policy_digest": POLICY.digest(), "report_uri": "s3://acme/page.html",
    }  # fmt: skip
    return Advice(**recommend(measured, POLICY)._asdict(), **{**known, **changed})  # type: ignore[arg-type]  # of a test


PLAIN = Measured(name="plain", scores=(1.0,) * 50 + (0.0,) * 150, unanswered=2, seconds=30.0, usd=0.25)
SHOWN = Measured(name="few_shot", scores=(1.0,) * 120 + (0.0,) * 80, seconds=60.0, input_tokens=900, output_tokens=70)
REFUSED = Measured(name="instruction", said=f"AWS answered ValidationException: {HOSTILE}")


def test_the_page_shows_every_prompt_and_escapes_and_masks_everything() -> None:
    prompts = [
        Prompt("plain"),
        Prompt("few_shot", HOSTILE, [(Message("user", f"q {HOSTILE}"), Message("assistant", f"a {HOSTILE}"))]),
    ]
    answered = [
        Answered(ITEM, {"plain": None, "few_shot": f"said {HOSTILE}"}, {"plain": 0.0, "few_shot": 1.0}),
        Answered(ITEM._replace(line=4), {"plain": "same", "few_shot": "same"}, {"plain": 0.0, "few_shot": 0.0}),
    ]
    text = page(made(PLAIN, REFUSED, SHOWN), prompts, answered)
    assert text.encode()
    assert "<script" not in text
    assert "anna@example.com" not in text
    assert "prompting helps, does not reach it" in text
    for said in (
        "could not be asked: AWS answered ValidationException", "No answer with plain: 2 items", "$1.25", "unknown",
        "900", "not counted", "The broken line is the target, 0.8", "200 items of the 300 that there are",
        "asked in 90 s",
        "1 examples, from the training data", "Items that differ (1)", "no answer", "1 of 8 examples were shown",
        "4 training examples that ask what a golden item asks", "default-src 'none'",
    ):  # fmt: skip
        assert said in text, said
    assert text.count("<circle") == 2
    assert "line 3" in text
    assert "line 4" not in text


def test_a_page_of_one_prompt_or_of_none_says_so() -> None:
    text = page(made(PLAIN, shots_wanted=0), [Prompt("plain")], [])
    assert "What was put before the questions" not in text
    assert "every prompt scores the same on every item" in text
    assert "no advice" in page(made(REFUSED), [Prompt("instruction", "x")], [])


def test_the_words_for_the_log_have_the_numbers() -> None:
    told = list(in_words(made(PLAIN, REFUSED, SHOWN)))
    assert told[0] == "plain: exact_match 0.250 (0.192 to 0.316), $1.25 for 1,000 answers."
    assert told[1].startswith("instruction: could not be asked: AWS answered ValidationException")
    assert "900 tokens asked and 70 answered, an unknown price for 1,000 answers" in told[2]
    assert told[3].startswith("Prompting helps, does not reach it. few_shot is shown to be better")
    assert told[4] == "The page: s3://acme/page.html"


def test_answers_are_stored_with_masks_and_read_again() -> None:
    rows = [Answered(ITEM, {"plain": None, "few_shot": HOSTILE}, {"plain": 0.0, "few_shot": 1.0})]
    text = answer_lines(rows)
    assert "anna@example.com" not in text
    (read,) = read_answer_lines(text)
    assert (read.item.line, read.item.target, read.answers["plain"], read.scores) == (3, "wanted", None, rows[0].scores)
    assert answer_lines([read]) == text
