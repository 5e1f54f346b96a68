"""The evaluate task through Airflow's own task runner: two endpoints asked for real, one stored report, refusals."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune import EvaluateOperator, SamplingSpec, SpecError
from airflow_finetune.values import EvalReport
from tests.evaluation.trial import RIGHT, Trial, lines
from tests.execution_api import in_dag
from tests.sandbox.hosting.account import until


def test_both_models_are_asked_every_item_in_order_and_the_report_is_stored(trial: Trial) -> None:
    golden = trial.golden(lines(40))
    arms = trial.both(candidate={"wrong_every": 10})
    made = trial.evaluated(golden=golden, **arms, scorers=["exact_match", "json_validity", "field_f1"])
    assert (made.items, made.golden.sha256) == (40, golden["sha256"])
    told = made.metrics["exact_match"]
    assert (told.baseline.mean, told.candidate.mean) == (0.0, 0.9)
    assert made.metrics["json_validity"].candidate.mean == 1.0
    assert (made.unanswered_baseline, made.unanswered_candidate) == (0, 0)
    stored = trial.stored()
    assert sorted(stored) == ["answers.jsonl", "key.json", "page.html", "report.json"]
    rows = [json.loads(line) for line in stored["answers.jsonl"].splitlines()]
    assert [row["line"] for row in rows] == list(range(1, 41))
    assert [json.loads(row["candidate"])["mugs"] for row in rows[:10]] == [1, 2, 3, 4, 5, 6, 7, 8, 9, -1]
    assert {row["baseline"] for row in rows} == {"I do not know."}
    assert b"Baseline and candidate on 40 golden items" in stored["page.html"]
    assert EvalReport.load(json.loads(stored["report.json"])) == made
    assert made.report_uri is not None
    assert made.report_uri.endswith("/page.html")
    assert made.seconds is not None
    assert made.usd == pytest.approx(2 * 0.115 * made.seconds / 3600)


def test_what_was_judged_is_returned_without_a_question_also_when_the_endpoints_are_gone(trial: Trial) -> None:
    fields = {"golden": trial.golden(lines(20)), **trial.both()}
    first = trial.evaluated(**fields)
    assert trial.asked() == 4, "the control: 2 models, 20 items, 16 in a request"
    for name in ("baseline", "candidate"):
        trial.gone(name)
    trial.sandbox.world.calls.clear()
    assert trial.evaluated(**fields) == first
    assert trial.asked() == 0
    over = datetime.now(UTC) - timedelta(hours=1)
    late = {name: {**fields[name], "expires_at": over.isoformat()} for name in ("baseline", "candidate")}
    assert trial.evaluated(**{**fields, **late}) == first, "nor does the end of the lease matter"


def test_anything_that_could_change_an_answer_is_another_evaluation(trial: Trial) -> None:
    arms = trial.both()
    fields: dict[str, Any] = {"golden": trial.golden(lines(4)), **arms}
    first = trial.evaluated(**fields)
    changed: list[dict[str, Any]] = [
        {"golden": trial.golden(lines(5), key="golden/other.jsonl")},
        {"scorers": ["exact_match", "field_f1"]},
        {"sampling": {"max_new_tokens": 99}},
        {"candidate": {**arms["candidate"], "digest": "0" * 16}},
        {"candidate": arms["baseline"], "baseline": arms["candidate"]},
    ]
    found = [trial.evaluated(**{**fields, **change}).report_uri for change in changed]
    assert len({first.report_uri, *found}) == 6
    trial.aws("s3").put_object(Bucket="acme", Key="models/candidate/model.tar.gz", Body=b"others")
    assert trial.evaluated(**fields).report_uri not in [first.report_uri, *found], "other weights at the same address"
    moved = trial.golden(lines(4), key="golden/moved.jsonl")
    trial.sandbox.world.calls.clear()
    trial.aws("s3").put_object(Bucket="acme", Key="models/candidate/model.tar.gz", Body=b"others")
    assert trial.evaluated(**{**fields, "golden": moved}).items == 4
    assert trial.asked() == 0, "the control: an equal golden set at another address is the same one"


def test_weights_that_cannot_be_listed_are_known_in_their_scope_only(trial: Trial) -> None:
    fields: dict[str, Any] = {"golden": trial.golden(lines(4)), **trial.both()}
    trial.fault("access_denied", operation="ListObjectsV2", match={"prefix": "models/candidate/*"})
    first = trial.evaluated(**fields)
    assert (first.candidate.sha256, bool(first.baseline.sha256)) == (None, True)
    trial.sandbox.world.calls.clear()
    assert trial.evaluated(**fields) == first
    assert trial.asked() == 0
    elsewhere = {**fields, "candidate": {**fields["candidate"], "scope_id": "f" * 16}}
    assert trial.evaluated(**elsewhere).report_uri != first.report_uri
    assert trial.asked() > 0


def test_a_try_that_ends_before_the_report_leaves_nothing_that_counts(trial: Trial) -> None:
    fields = {"golden": trial.golden(lines(4)), **trial.both()}
    trial.fault("access_denied", operation="PutObject", match={"Key": "*/report.json"})
    run = trial.evaluate(**fields)
    assert run.try_once() == "failed"
    assert "s3:PutObject" in str(run.error)
    assert sorted(trial.stored()) == ["answers.jsonl", "key.json", "page.html"]
    trial.sandbox.world.faults.clear()
    assert trial.evaluated(**fields).metrics["exact_match"].candidate.mean == 1.0
    assert "report.json" in trial.stored()


def test_a_stored_report_that_cannot_be_read_is_made_again(trial: Trial) -> None:
    fields = {"golden": trial.golden(lines(4)), **trial.both()}
    made = trial.evaluated(**fields)
    key = str(made.report_uri).removeprefix("s3://acme/").replace("page.html", "report.json")
    trial.aws("s3").put_object(Bucket="acme", Key=key, Body=b'{"items": "many"')
    assert trial.evaluated(**fields).metrics == made.metrics
    assert json.loads(trial.stored()["report.json"])["items"] == 4


def test_a_key_encrypts_what_is_written(trial: Trial) -> None:
    made = trial.evaluated(golden=trial.golden(lines(2)), **trial.both(), kms_key_id="alias/mine")
    folder = str(made.report_uri).removeprefix("s3://acme/").removesuffix("page.html")
    for name in ("page.html", "answers.jsonl", "report.json"):
        head = trial.aws("s3").head_object(Bucket="acme", Key=folder + name)
        assert head["ServerSideEncryption"] == "aws:kms", name


def test_a_golden_file_and_a_results_folder_may_be_local(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text("\n".join(lines(3)) + "\n")
    trial.output = str(tmp_path / "results")
    fields = {"golden": str(tmp_path / "set.jsonl"), **trial.both()}
    made = trial.evaluated(**fields)
    assert sorted(trial.stored()) == ["answers.jsonl", "key.json", "page.html", "report.json"]
    trial.sandbox.world.calls.clear()
    assert trial.evaluated(**fields) == made
    assert trial.asked() == 0


def test_chats_with_a_system_text_and_several_turns_are_sent_whole(trial: Trial) -> None:
    turns = [
        ("system", "SPEAK"),
        ("user", "mugs 8"),
        ("assistant", "8"),
        ("user", "and mugs 9"),
        ("assistant", "SPEAK"),
    ]
    chat = json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]})
    fields = {"golden": trial.golden([*lines(2), chat]), **trial.both()}
    for form in ("inputs", "messages"):
        made = trial.evaluated(**fields, sampling=SamplingSpec(format=form))
        assert made.metrics["exact_match"].candidate.mean == 1.0, form
    run = trial.evaluate(**fields, sampling={"format": "text"})
    assert run.try_once() == "failed"
    assert "line 3: more than one user's turn" in str(run.error)
    plain = trial.evaluated(**{**fields, "golden": trial.golden(lines(2), "plain")}, sampling={"format": "text"})
    assert plain.metrics["exact_match"].candidate.mean == 1.0


def test_answers_may_be_labels_in_plain_words(trial: Trial) -> None:
    row = json.dumps({"prompt": "where is my card 1", "completion": "card_arrival"})
    arms = trial.both({"says": "Card_Arrival"}, {"says": " card_arrival\n"})
    made = trial.evaluated(golden=trial.golden([row]), **arms)
    told = made.metrics["exact_match"]
    assert (told.baseline.mean, told.candidate.mean) == (0.0, 1.0), "case counts, white space around does not"


def test_throttling_and_server_errors_pass(trial: Trial) -> None:
    fields = {"golden": trial.golden(lines(12)), **trial.both(), "sampling": {"batch_size": 4}}
    trial.fault("throttle", operation="InvokeEndpoint", count=2)
    trial.fault("server_error", operation="InvokeEndpoint", count=1)
    trial.fault("reset", operation="InvokeEndpoint", count=1)
    made = trial.evaluated(**fields)
    assert (made.unanswered_baseline, made.unanswered_candidate) == (0, 0)
    assert made.metrics["exact_match"].candidate.mean == 1.0
    assert trial.asked() > 2 * 3, "the control: some were asked again"


def test_a_server_that_dies_in_the_middle_and_comes_back_has_answered_everything(trial: Trial) -> None:
    made = trial.evaluated(
        golden=trial.golden(lines(24)), **trial.both(candidate={"dies_once_at": 14}), sampling={"batch_size": 4}
    )
    assert made.unanswered_candidate == 0
    assert made.metrics["exact_match"].candidate.mean == 1.0
    assert trial.asked("candidate") > trial.asked("baseline") == 6, "the control: it has died"


def test_an_item_that_the_model_refuses_is_unanswered_and_its_neighbours_are_not(trial: Trial) -> None:
    made = trial.evaluated(golden=trial.golden(lines(20)), **trial.both(candidate={"refuses": [7]}))
    assert (made.unanswered_baseline, made.unanswered_candidate) == (0, 1)
    assert made.metrics["exact_match"].candidate.mean == 0.95
    rows = [json.loads(line) for line in trial.stored()["answers.jsonl"].splitlines()]
    assert [row["line"] for row in rows if row["candidate"] is None] == [7]


def test_a_model_that_refuses_everything_fails_the_task_with_its_words(trial: Trial) -> None:
    run = trial.evaluate(golden=trial.golden(lines(2)), **trial.both(candidate={"refuses_all": True}))
    assert run.try_once() == "failed"
    assert "candidate (endpoint candidate): no answer to 2 of 2 items. The last one: AWS answered" in str(run.error)
    assert "this prompt is too long" in str(run.error)
    assert list(trial.stored()) == ["key.json"]


@pytest.mark.parametrize("whole", ["I am a web page", [[{"text": "a"}], [{"text": "b"}]]])
def test_a_server_of_another_kind_fails_the_task_and_its_answer_is_quoted(trial: Trial, whole: Any) -> None:
    run = trial.evaluate(golden=trial.golden(lines(2)), **trial.both(candidate={"whole": whole}))
    assert run.try_once() == "failed"
    assert "in the format 'inputs'; it begins: " in str(run.error)
    assert json.dumps(whole)[:10] in str(run.error)


def test_garbage_and_empty_answers_are_answers_that_score_nothing(trial: Trial) -> None:
    says = ["", "   ", "\ud83d", "garbage " * 500, "</script><b>", '{"mugs": ', "[]", "null", '{"mugs": NaN}', "\0"]
    made = trial.evaluated(
        golden=trial.golden(lines(len(says))),
        **trial.both(RIGHT, {"says_each": says}),
        scorers=["exact_match", "json_validity", "field_f1"],
    )
    assert made.unanswered_candidate == 0
    assert {metric.candidate.mean for metric in made.metrics.values()} == {0.0}
    assert {metric.baseline.mean for metric in made.metrics.values()} == {1.0}, "the control"
    assert b"<b>" not in trial.stored()["page.html"].split(b"Items that differ")[1]


def test_an_endpoint_that_was_deleted_is_an_error_that_says_what_to_clear(trial: Trial) -> None:
    fields = {"golden": trial.golden(lines(4)), **trial.both()}
    trial.gone("candidate")
    run = trial.evaluate(**fields)
    run.retries = run.max_tries = 3
    assert run.try_once() == "failed", "a retry could not help"
    assert "candidate (endpoint candidate): AWS answered ValidationError: Endpoint candidate of account" in str(
        run.error
    )
    assert "Clear open_scope too: that clears deploy" in str(run.error)


def test_an_endpoint_that_is_deleted_in_the_middle_is_the_same_error_and_no_report(trial: Trial) -> None:
    arms = trial.both()
    message = "Endpoint candidate of account 123456789012 not found."
    trial.fault(
        "server_error",
        operation="InvokeEndpoint",
        match={"EndpointName": "candidate"},
        every=3,
        params={"code": "ValidationError", "status": 400, "message": message},
    )
    run = trial.evaluate(golden=trial.golden(lines(40)), **arms, sampling={"batch_size": 4}, concurrency=1)
    assert run.try_once() == "failed"
    assert "Clear open_scope too" in str(run.error)
    assert list(trial.stored()) == ["key.json"]
    assert trial.asked() < 20, "nobody is asked on"


def test_after_the_lease_nobody_is_asked(trial: Trial) -> None:
    arms = trial.both()
    over = {**arms["candidate"], "expires_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}
    run = trial.evaluate(golden=trial.golden(lines(4)), **{**arms, "candidate": over})
    assert run.try_once() == "failed"
    assert "its lease ended at" in str(run.error)
    assert "Clear open_scope too" in str(run.error)
    assert trial.asked("candidate") == 0


def test_last_months_candidate_may_be_the_baseline_and_is_called_so(trial: Trial) -> None:
    arms = trial.both()
    champion = {**arms["baseline"], "arm": "candidate"}
    trial.gone("baseline")
    run = trial.evaluate(golden=trial.golden(lines(2)), **{**arms, "baseline": champion})
    assert run.try_once() == "failed"
    assert str(run.error).startswith("baseline (endpoint baseline): AWS answered ValidationError")


def test_a_kill_of_the_task_ends_the_asking(trial: Trial) -> None:
    fields = {"golden": trial.golden(lines(2)), **trial.both()}
    trial.fault("throttle", operation="InvokeEndpoint")
    before = signal.getsignal(signal.SIGTERM)

    def kill() -> None:
        until(lambda: trial.asked() >= 4)  # so the task runs, and has set its handler
        os.kill(os.getpid(), signal.SIGTERM)

    killer = threading.Thread(target=kill)
    killer.start()
    run = trial.evaluate(**fields)
    try:
        state = run.try_once()
    finally:
        killer.join()
        signal.signal(signal.SIGTERM, before)
    assert state == "failed"
    assert "the asking was ended before all items were answered" in str(run.error)
    assert trial.asked() < 18, "patience would have asked each endpoint nine times"


def test_without_the_permission_to_ask_the_task_fails_at_once_and_names_it(trial: Trial) -> None:
    arms = trial.both()
    trial.fault("access_denied", operation="InvokeEndpoint")
    run = trial.evaluate(golden=trial.golden(lines(4)), **arms)
    assert run.try_once() == "failed"
    assert "AccessDenied" in str(run.error)
    assert "sagemaker:InvokeEndpoint" in str(run.error)


Case = tuple[Callable[[Trial], Any], str]
GOLDEN: dict[str, Case] = {
    "missing in S3": (lambda _: "s3://acme/golden/nothing.jsonl", "there is no such object"),
    "wrong bucket": (lambda _: "s3://nobody/golden.jsonl", "NoSuchBucket"),
    "no S3 address": (lambda _: "gs://acme/golden.jsonl", "neither S3 nor a file"),
    "missing on disk": (lambda _: "/nowhere/golden.jsonl", "No such file"),
    "a folder": (lambda _: "/", "Is a directory"),
    "none made": (lambda _: None, "have curation make one"),
    "empty": (lambda trial: trial.golden([]), "it holds no record"),
    "broken line": (lambda trial: trial.golden(lines(5, line_3='{"messages": [')), "line 3: it is no JSON"),
    "twice": (lambda trial: trial.golden([*lines(3), lines(1)[0]]), "line 4: the prompt stands in line 1 already"),
    "no target": (lambda trial: trial.golden(['{"prompt": "mugs 1"}']), "it needs messages, or prompt and completion"),
    "changed": (lambda trial: {**trial.golden(lines(3)), "sha256": "0" * 64}, "it was changed since"),
    "no reference": (lambda _: {"url": "s3://acme/x"}, "neither an address nor a dumped DatasetReference"),
    "no JSON targets": (
        lambda trial: trial.golden([*lines(2), json.dumps({"prompt": "mugs 3", "completion": "three"})]),
        "line 3: the target is no JSON object or array, and json_validity can only judge these",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_set_that_cannot_be_used_is_refused_before_a_model_is_asked(trial: Trial, name: str) -> None:
    make, said = GOLDEN[name]
    trial.output = "s3://acme/results"
    arm = {
        "endpoint_arn": "arn",
        "region": "us-east-1",
        "model": {"uri": "s3://acme/models/x/"},
        "scope_id": "a",
        "expires_at": "2099-01-01T00:00:00Z",
        "digest": "b",
        "instance_type": "ml.m5.large",
    }
    arms = {name: {**arm, "arm": name, "endpoint_name": name} for name in ("baseline", "candidate")}
    run = trial.evaluate(golden=make(trial), **arms, scorers=["exact_match", "json_validity"])
    run.retries = run.max_tries = 3
    assert run.try_once() == "failed"
    assert said in str(run.error)
    assert "golden" in str(run.error)
    assert trial.asked() == 0


def test_a_golden_set_that_we_may_not_read_names_the_permission(trial: Trial) -> None:
    golden, arms = trial.golden(lines(2)), trial.both()
    trial.fault("access_denied", operation="GetObject")
    run = trial.evaluate(golden=golden, **arms)
    assert run.try_once() == "failed"
    assert "AccessDenied" in str(run.error)
    assert "s3:GetObject" in str(run.error)
    assert trial.asked() == 0


def test_a_wrong_place_for_the_results_is_found_before_a_model_is_asked(trial: Trial) -> None:
    fields = {"golden": trial.golden(lines(2)), **trial.both()}
    run = trial.evaluate(**fields, output_uri="s3://nobody/results")
    assert run.try_once() == "failed"
    assert "NoSuchBucket" in str(run.error)
    trial.fault("access_denied", operation="PutObject")
    run = trial.evaluate(**fields)
    assert run.try_once() == "failed"
    assert "s3:PutObject" in str(run.error)
    assert trial.asked() == 0


def parsed(**arguments: Any) -> EvaluateOperator:
    fields: dict[str, Any] = {"baseline": "{{ x }}", "candidate": "{{ y }}", "golden": "g", "output_uri": "s3://acme/r"}
    task = in_dag(lambda: EvaluateOperator(task_id="evaluate", **{**fields, **arguments}))
    assert isinstance(task, EvaluateOperator)
    return task


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scorers": ["exact_mach"]}, "did you mean 'exact_match'"),
        ({"scorers": []}, "scorers"),
        ({"sampling": {"max_new_token": 3}}, "did you mean 'max_new_tokens'"),
        ({"sampling": {"max_new_tokens": 0}}, "max_new_tokens"),
        ({"sampling": {"max_new_tokens": "{{ 3 }}", "format": "chat"}}, "format"),
        ({"sampling": {"top_p": 0.5}}, "top_p does nothing at temperature 0"),
        ({"sampling": {"stop": [""]}}, "an empty text"),
        ({"sampling": {"parameters": {"temperature": 1}}}, "a field of its own"),
        ({"concurrency": 0}, "concurrency"),
        ({"output_uri": ""}, "output_uri"),
    ],
)
def test_a_constant_fault_is_said_when_the_dag_is_parsed(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        parsed(**arguments)
    assert parsed(), "the control"


def test_what_is_known_only_when_the_task_runs_is_checked_then(trial: Trial) -> None:
    arms = trial.both()
    fields: dict[str, Any] = {"golden": trial.golden(lines(2)), **arms}
    run = trial.evaluate(**fields, sampling={"max_new_tokens": "{{ 0 }}"})
    assert run.try_once() == "failed"
    assert "max_new_tokens" in str(run.error)
    for wrong, said in ((None, "no dumped ServedModel"), ({"arm": "baseline"}, "no dumped ServedModel")):
        run = trial.evaluate(**{**fields, "baseline": wrong})
        assert run.try_once() == "failed"
        assert said in str(run.error)
    run = trial.evaluate(**{**fields, "baseline": arms["candidate"]})
    assert run.try_once() == "failed"
    assert "both are the endpoint candidate" in str(run.error)
    assert trial.asked() == 0
    good = trial.evaluate(
        **fields,
        sampling={"max_new_tokens": "{{ 8 * 8 }}"},
        scorers="{{ ['exact_match', 'field_f1'] }}",
        concurrency="{{ 2 }}",
    )
    assert good.try_once() == "success", good.error
    assert list(EvalReport.load(good.result).metrics) == ["exact_match", "field_f1"]
    assert EvalReport.load(good.result).sampling == {"max_new_tokens": 64}
