"""A comparison is a function of what the tasks handed on: ranked by quality, tested in pairs, failures as rows."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.comparison.compare import compared
from airflow_finetune.comparison.page import page
from airflow_finetune.comparison.record import comparison_at
from airflow_finetune.comparison.rows import Entrant, row
from airflow_finetune.comparison.words import in_words
from airflow_finetune.curation.canonical import Message
from airflow_finetune.errors import DataError, JobFailed
from airflow_finetune.evaluation.golden import GoldenItem, GoldenSet
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.report import Arm, Judged, answer_lines, report
from airflow_finetune.evaluation.scorers import named
from airflow_finetune.values import (
    BackendComparison,
    CostItem,
    DatasetReference,
    EvalReport,
    ModelReference,
    Plan,
    ServedModel,
    TunedModel,
)

POLICY = GatePolicy(metric="exact_match", at_least=0.5)
ITEMS = 60
GOLDEN = GoldenSet(
    tuple(GoldenItem(line, (Message("user", f"question {line}"),), "right") for line in range(1, ITEMS + 1)), "a" * 64
)


def evaluation(name: str, right: Sequence[int], golden: GoldenSet = GOLDEN) -> tuple[EvalReport, tuple[Judged, ...]]:
    """Return what a model that is right on these lines would get, beside a baseline that is never right."""
    answers = ["right" if item.line in right else "wrong" for item in golden.items]
    never = ["wrong"] * len(golden.items)
    arms = Arm(ModelReference(uri=f"base-{name}"), never), Arm(ModelReference(uri=name), answers)
    made, judged = report(golden, "s3://acme/golden.jsonl", *arms, named(["exact_match"]))
    told = {"seconds": 36.0, "input_tokens_candidate": 6000, "output_tokens_candidate": 600}
    return made.model_copy(update=told), judged


def served(**changes: Any) -> ServedModel:
    fields: dict[str, Any] = {
        "arm": "candidate",
        "endpoint_name": "x",
        "endpoint_arn": "x",
        "region": "us-east-1",
        "model": ModelReference(uri="x"),
        "scope_id": "0" * 16,
        "expires_at": datetime(2026, 11, 20, tzinfo=UTC),
        "digest": "0" * 16,
        "hourly_usd": 2.0,
    }
    return ServedModel(**{**fields, **changes})


def tuned(name: str, cost_usd: float | None = 1.0) -> TunedModel:
    return TunedModel(
        backend="spot_training",
        job_name=name,
        job_arn="arn",
        model_uri=f"s3://acme/{name}/",
        base_model="s3://acme/base/",
        dataset=DatasetReference(uri="s3://acme/train.jsonl"),
        spec_digest="0" * 16,
        cost_usd=cost_usd,
    )


def plan(usd: float = 3.0) -> Plan:
    items = (
        CostItem(name="customization, 2 passes, 3 jobs at most", quantity=30, unit="x", unit_usd=0.05, usd=1.5),
        CostItem(name="custom model, one month", quantity=1, unit="month", unit_usd=1.5, usd=1.5),
    )
    return Plan(
        backend="spot_training",
        spec_digest="0" * 16,
        region="us-east-1",
        image_uri="",
        dataset=DatasetReference(uri="s3://acme/train.jsonl"),
        rungs=(),
        items=items,
        worst_case_usd=usd,
        max_usd=20,
        max_runtime_seconds=60,
        max_wait_seconds=60,
        most_jobs=3,
    )


class Trial:
    """Candidates with the lines that each gets right."""

    def __init__(self, **right: Sequence[int]) -> None:
        self.found = {name: evaluation(name, lines) for name, lines in right.items()}
        self.reports = {name: made for name, (made, _) in self.found.items()}
        self.failed: list[Entrant] = []

    def compared(self) -> BackendComparison:
        done = [
            Entrant(name, "spot_training", "s3://acme/base/", plan(), tuned(name), served(), made)
            for name, made in self.reports.items()
        ]
        rows = [row(each, POLICY) for each in [*done, *self.failed]]
        judged = {id(made): each for made, each in self.found.values()}
        return compared(rows, self.reports, lambda made: judged[id(made)], POLICY, 20)


EVERY = range(1, ITEMS + 1)


def test_the_best_comes_first_and_a_lead_is_tested_in_pairs() -> None:
    told = Trial(weak=range(1, 31), strong=EVERY).compared()
    assert [each.name for each in told.rows] == ["strong", "weak"]
    assert (told.best, told.second, told.settled) == ("strong", "weak", True)
    assert told.p_value == pytest.approx(2 * 0.5**30), "twice McNemar's one-sided p of 30 wins and no loss"
    assert told.gain is not None
    assert told.gain.mean == pytest.approx(0.5)
    assert told.worst_case_usd == 6.0


def test_a_lead_that_may_be_luck_is_said_to_be_one() -> None:
    told = Trial(a=range(1, 33), b=range(1, 31)).compared()
    assert (told.best, told.settled, told.p_value) == ("a", False, 0.5)
    assert "leads, and that may be luck, over b" in list(in_words(told))[-1]
    even = Trial(b=range(1, 31), a=range(31, 61)).compared()
    assert (even.best, even.p_value, even.settled) == ("a", 1.0, False), "equal ones by name"


def test_only_the_best_two_are_tested_whatever_the_number() -> None:
    told = Trial(a=EVERY, b=range(1, 51), c=range(1, 3)).compared()
    assert [each.name for each in told.rows] == ["a", "b", "c"]
    assert told.p_value == pytest.approx(2 * math.comb(10, 10) / 2**10)


def test_one_that_failed_is_a_row_with_its_reason_and_the_last() -> None:
    trial = Trial(a=EVERY)
    trial.failed = [Entrant("zz", "bedrock", "nova", failed="zz.plan: no quota."), Entrant("b", "bedrock", "nova")]
    told = trial.compared()
    assert [each.name for each in told.rows] == ["a", "b", "zz"]
    assert (told.second, told.p_value) == (None, None)
    assert [each.failed for each in told.rows] == ["", "it has no report.", "zz.plan: no quota."]
    assert "zz failed: zz.plan: no quota." in list(in_words(told))
    assert "nothing to compare it with" in list(in_words(told))[-1]


def test_where_all_failed_every_reason_is_told() -> None:
    trial = Trial()
    trial.failed = [Entrant(name, "bedrock", "nova", failed=f"{name} broke.") for name in ("b", "a")]
    with pytest.raises(JobFailed, match=r"\[a\] a broke. \[b\] b broke."):
        trial.compared()


def test_other_golden_sets_and_other_items_are_not_compared() -> None:
    trial = Trial(a=EVERY, b=range(1, 31))
    trial.reports["b"] = trial.reports["b"].model_copy(
        update={"golden": DatasetReference(uri="s3://acme/other.jsonl", sha256="b" * 64)}
    )
    with pytest.raises(DataError, match="their golden sets differ"):
        trial.compared()
    trial = Trial(a=EVERY, b=range(1, 31))
    made, judged = trial.found["b"]
    trial.found["b"] = (made, judged[:-1])
    with pytest.raises(DataError, match="60 and 59 items, of which 59 are the same"):
        trial.compared()


def test_a_thousand_answers_cost_hours_or_tokens() -> None:
    made, _ = evaluation("a", EVERY)
    hour = row(Entrant("a", "x", "y", served=served(), report=made), POLICY)
    assert (hour.answers_by, hour.answers_usd) == ("hour", pytest.approx(2.0 * 36 / 3600 / ITEMS * 1000))
    by_token = {"service": "bedrock", "hourly_usd": 0.0, "input_usd": 0.04, "output_usd": 0.16}
    token = row(Entrant("a", "x", "y", served=served(**by_token), report=made), POLICY)
    assert (token.answers_by, token.answers_usd) == ("token", pytest.approx((6 * 0.04 + 0.6 * 0.16) / ITEMS * 1000))
    unknown = row(Entrant("a", "x", "y", served=served(**{**by_token, "input_usd": None}), report=made), POLICY)
    assert unknown.answers_usd is None
    assert row(Entrant("a", "x", "y", report=made), POLICY).answers_by == ""


def test_what_aws_does_not_say_that_tuning_cost_is_at_most_what_the_plan_says_of_one_job() -> None:
    made, _ = evaluation("a", EVERY)
    told = row(Entrant("a", "x", "y", plan(), tuned("a", cost_usd=None), served(), made), POLICY)
    assert (told.tuning_usd, told.tuning_is_bound) == (0.5, True)
    known = row(Entrant("a", "x", "y", plan(), tuned("a"), served(), made), POLICY)
    assert (known.tuning_usd, known.tuning_is_bound) == (1.0, False)


def test_the_page_has_a_table_two_plots_and_escapes_what_it_shows() -> None:
    trial = Trial(weak=range(1, 31), strong=EVERY)
    trial.failed = [Entrant("zz", "<script>", "nova", failed="<img src=x>")]
    told = trial.compared()
    text = page(told)
    assert "<script>" not in text
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text
    assert text.count("<svg") == 2
    assert text.count("<circle") == 4, "two models in each plot"
    assert all(0 <= float(each) <= 720 for each in re.findall(r'cx="([^"]+)"', text))
    assert "default-src 'none'" in text


def test_a_comparison_is_stored_for_people_and_machines(tmp_path: Path) -> None:
    given: dict[str, dict[str, Any]] = {}
    for name, right in (("weak", range(1, 31)), ("strong", EVERY)):
        made, judged = evaluation(name, right)
        (tmp_path / name).mkdir()
        (tmp_path / name / "answers.jsonl").write_text(answer_lines(judged))
        stored = made.model_copy(update={"answers_uri": str(tmp_path / name / "answers.jsonl")})
        given[name] = {"backend": "x", "base_model": "y", "tuned": tuned(name).dump(), "report": stored.dump()}
    given["gone"] = {"backend": "x", "base_model": "y", "failed": "gone.fine_tune: broke."}
    folder = str(tmp_path / "out")
    told = comparison_at(given, POLICY, 20.0, folder, lambda: pytest.fail("nothing lies on S3"), None)
    assert BackendComparison.load(json.loads((tmp_path / "out/comparison.json").read_text())) == told
    assert told.page_uri == f"{folder}/page.html"
    assert (tmp_path / "out/page.html").is_file()
    (tmp_path / "weak/answers.jsonl").unlink()
    with pytest.raises(DataError, match="they are not there"):
        comparison_at(given, POLICY, 20.0, folder, lambda: None, None)
