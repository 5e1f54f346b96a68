"""The gate as a task: the verdict travels in every case, and what follows is skipped, failed or let go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, timezone
from airflow.sdk.serde import deserialize

from airflow_finetune import GateOperator, GatePolicy, SpecError
from airflow_finetune.values import EvalReport, GateVerdict
from tests.evaluation.conftest import pairs, report_of
from tests.evaluation.trial import Trial, lines
from tests.execution_api import TaskRun, in_dag

POLICY: dict[str, Any] = {"metric": "exact_match", "at_least": 0.5}
GOOD = report_of(exact_match=pairs(5, 0, 90, 5))
BAD = report_of(exact_match=pairs(5, 0, 0, 95))
THIN = report_of(exact_match=pairs(2, 0, 3, 4))


def gate(report: EvalReport, policy: Any = POLICY, **arguments: Any) -> TaskRun:
    """The gate with two tasks and a teardown after it, and one task after these."""
    with DAG("orders", schedule=None, start_date=timezone.datetime(2026, 1, 1)):
        judges = GateOperator(task_id="gate", report=report.dump(), policy=policy, **arguments)
        register, tell, later = (BaseOperator(task_id=name) for name in ("register", "tell", "later"))
        delete = BaseOperator(task_id="teardown").as_teardown()
        judges >> [register, tell, delete]
        register >> later
    return TaskRun(judges)


def verdict_of(run: TaskRun) -> GateVerdict:
    return GateVerdict.load(run.result)


def test_a_candidate_that_passes_lets_the_run_go_on() -> None:
    run = gate(GOOD)
    assert run.try_once() == "success", run.error
    assert verdict_of(run).decision == "pass"
    assert run.skipped == []


@pytest.mark.parametrize("report", [BAD, THIN], ids=["reject", "inconclusive"])
def test_skip_succeeds_and_skips_what_follows_directly_but_no_teardown(report: EvalReport) -> None:
    run = gate(report)
    assert run.try_once() == "success", run.error
    assert sorted(run.skipped) == ["register", "tell"]
    told = verdict_of(run)
    assert told.decision == ("reject" if report is BAD else "inconclusive")
    assert (told.on_reject, bool(told.reason)) == ("skip", True)
    assert deserialize(run.xcoms["decision"]) == told.decision
    assert deserialize(run.xcoms["skipmixin_key"]) == {"skipped": run.skipped}, "a cleared task is skipped again"


def test_skip_is_fine_where_nothing_follows() -> None:
    run = TaskRun(in_dag(lambda: GateOperator(task_id="gate", report=BAD.dump(), policy=POLICY)))
    assert run.try_once() == "success", run.error
    assert verdict_of(run).decision == "reject"
    assert run.skipped == []


def test_fail_fails_without_a_retry_and_the_verdict_travels_all_the_same() -> None:
    run = gate(BAD, {**POLICY, "on_reject": "fail"})
    run.retries = run.max_tries = 3
    assert run.try_once() == "failed"
    assert "The gate does not let the candidate pass: reject. exact_match" in str(run.error)
    assert (verdict_of(run).decision, verdict_of(run).on_reject) == ("reject", "fail")
    assert run.skipped == []


def test_the_task_has_the_last_word_on_what_happens() -> None:
    failing = gate(BAD, GatePolicy(**POLICY), on_reject="fail")
    assert failing.try_once() == "failed"
    skipping = gate(BAD, {**POLICY, "on_reject": "fail"}, on_reject="{{ 'skip' }}")
    assert skipping.try_once() == "success"
    assert verdict_of(failing).policy_digest == GatePolicy(**POLICY).digest(), "what is asked for is the same"


def test_a_mapped_gate_leaves_its_note_for_the_tasks_of_its_own_index() -> None:
    run = gate(BAD)
    run.map_index = 2
    assert run.try_once() == "success", run.error
    assert run.skipped == [], "Airflow skips mapped tasks by the note"
    assert deserialize(run.xcoms["skipmixin_key"])["skipped"]
    assert verdict_of(run).decision == "reject"


def test_more_items_have_the_price_of_those_before() -> None:
    report = THIN.model_copy(update={"usd": 0.09})
    run = gate(report)
    assert run.try_once() == "success"
    told = verdict_of(run)
    assert told.more_items is not None
    assert told.more_usd == pytest.approx(told.more_items * 0.01)
    unknown = gate(THIN)
    assert unknown.try_once() == "success"
    assert (verdict_of(unknown).more_items, verdict_of(unknown).more_usd) == (told.more_items, None)


def evaluated(trial: Trial, **arms: Any) -> EvalReport:
    fields = {"golden": trial.golden(lines(40)), **trial.both(**arms)}
    return trial.evaluated(**fields, scorers=["exact_match", "json_validity"])


def test_the_verdict_lies_beside_the_report_and_on_its_page(trial: Trial) -> None:
    made = evaluated(trial)
    before = trial.stored()
    assert b'class="card verdict' not in before["page.html"], "the control"
    run = gate(made, {**POLICY, "guards": [{"metric": "json_validity", "margin": 0.1}]})
    assert run.try_once() == "success", run.error
    after = trial.stored()
    assert GateVerdict.load(json.loads(after["verdict.json"])) == verdict_of(run)
    assert b'class="card verdict pass"' in after["page.html"]
    assert b"Items that differ (40)" in after["page.html"], "and everything that it showed before"
    assert {name: after[name] for name in ("report.json", "answers.jsonl")} == {
        name: before[name] for name in ("report.json", "answers.jsonl")
    }
    assert trial.asked() == 2 * 3


def test_a_verdict_that_cannot_be_written_down_still_counts(trial: Trial) -> None:
    made = evaluated(trial)
    trial.fault("access_denied", operation="PutObject")
    run = gate(made)
    assert run.try_once() == "success", run.error
    assert verdict_of(run).decision == "pass"
    assert "verdict.json" not in trial.stored()


def test_garbled_answers_beside_the_report_do_not_stop_the_gate(trial: Trial) -> None:
    made = evaluated(trial)
    key = str(made.answers_uri).removeprefix("s3://acme/")
    trial.aws("s3").put_object(Bucket="acme", Key=key, Body=b'{"line": 1}\nnonsense')
    run = gate(made)
    assert run.try_once() == "success", run.error
    assert "verdict.json" in trial.stored()
    assert b'class="card verdict' not in trial.stored()["page.html"]


def test_somebody_elses_page_is_not_touched(trial: Trial) -> None:
    trial.aws("s3").put_object(Bucket="acme", Key="theirs/index.html", Body=b"theirs")
    run = gate(GOOD.model_copy(update={"report_uri": "s3://acme/theirs/index.html"}))
    assert run.try_once() == "success"
    assert [row["Key"] for row in trial.aws("s3").list_objects_v2(Bucket="acme")["Contents"]] == ["theirs/index.html"]


def test_the_same_weights_twice_are_rejected_though_they_lie_at_two_addresses(trial: Trial) -> None:
    fields = {"golden": trial.golden(lines(4)), **trial.both()}
    source = {"Bucket": "acme", "Key": "models/baseline/model.tar.gz"}
    trial.aws("s3").copy_object(Bucket="acme", Key="models/candidate/model.tar.gz", CopySource=source)
    made = trial.evaluated(**fields)
    assert made.baseline.sha256 == made.candidate.sha256
    assert made.baseline.uri != made.candidate.uri
    run = gate(made)
    assert run.try_once() == "success"
    assert "are the same weights" in verdict_of(run).reason


def test_a_candidate_that_answers_garbage_is_rejected(trial: Trial) -> None:
    made = evaluated(trial, baseline={"wrong_every": 2}, candidate={"says": "\ud83d garbage"})
    run = gate(made)
    assert run.try_once() == "success"
    assert verdict_of(run).decision == "reject"
    assert sorted(run.skipped) == ["register", "tell"]


def test_a_policy_may_lie_in_a_file_relative_to_the_dag(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("metric: exact_match\non_reject: fail\n")
    run = gate(BAD, str(tmp_path / "policy.yaml"))
    assert run.try_once() == "failed"
    run = gate(GOOD, "../../include/policies/labels.yaml")
    assert run.try_once() == "success", run.error
    assert verdict_of(run).metric == "exact_match"
    later = gate(GOOD, "{{ '" + str(tmp_path) + "/policy.yaml' }}")
    assert later.try_once() == "success", later.error


@pytest.mark.parametrize(
    ("policy", "arguments", "said"),
    [
        ({"metrik": "exact_match"}, {}, "did you mean 'metric'"),
        ({"metric": "exact_mach"}, {}, "did you mean 'exact_match'"),
        ({"metric": "exact_match", "alpha": 2}, {}, "alpha"),
        ({"metric": "exact_match", "better_than_baseline": False}, {}, "every candidate passes"),
        ("nowhere.yaml", {}, "cannot be read"),
        (3, {}, "neither a mapping nor the path"),
        (POLICY, {"on_reject": "stop"}, "neither 'skip' nor 'fail'"),
    ],
)
def test_a_policy_that_cannot_work_is_said_when_the_dag_is_parsed(policy: Any, arguments: Any, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        gate(GOOD, policy, **arguments)
    assert gate(GOOD), "the control"


def _report(**changes: Any) -> Callable[[], Any]:
    return lambda: {**GOOD.dump(), **changes}


@pytest.mark.parametrize(
    ("report", "policy", "said"),
    [
        (_report(), {"metric": "field_f1"}, "the report has no field_f1; it has exact_match"),
        (_report(), {**POLICY, "guards": [{"metric": "json_validity", "margin": 0.1}]}, "has no json_validity"),
        (_report(items="many"), POLICY, "is no dumped EvalReport"),
        (lambda: None, POLICY, "is no dumped EvalReport"),
        (_report(), {**POLICY, "alpha": "{{ 2 }}"}, "alpha"),
        (_report(), "{{ '/nowhere/policy.yaml' }}", "cannot be read"),
        (_report(), {"metric": "exact_match", "on_reject": "{{ 'stop' }}"}, "on_reject"),
    ],
)
def test_a_report_that_a_policy_cannot_judge_fails_at_once(report: Callable[[], Any], policy: Any, said: str) -> None:
    run = TaskRun(in_dag(lambda: GateOperator(task_id="gate", report=report(), policy=policy)))
    run.retries = run.max_tries = 3
    assert run.try_once() == "failed"
    assert said in str(run.error)


def test_an_older_report_without_seconds_and_dollars_is_judged() -> None:
    old = {name: value for name, value in THIN.dump().items() if name not in ("seconds", "usd", "sampling")}
    run = TaskRun(in_dag(lambda: GateOperator(task_id="gate", report=old, policy=POLICY)))
    assert run.try_once() == "success", run.error
    assert verdict_of(run).more_usd is None
