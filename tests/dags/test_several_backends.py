"""Runs over one of several backends and over all: chosen, refused, compared; nothing bills after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.values import BackendChoice, BackendComparison
from tests.clients.embedded import PROJECT, Endpoint, serving
from tests.dags.call_rules import check_calls
from tests.dags.test_dags import Airflow
from tests.dags.tickets import IMAGE, pipeline, prepare, write_dag
from tests.dags.whole_runs import Run, run_all

pytestmark = pytest.mark.long  # several whole runs

BUCKET = "acme-several"
BASE = f"s3://{BUCKET}/models/base/"
SMALL = {
    "backend": "spot_training",
    "model": {"base": BASE, "max_steps": 10},
    "compute": {"instance_type": "ml.m5.large", "max_runtime_seconds": 3600, "max_wait_seconds": 7200},
    "serving": {"instance_type": "ml.m5.large", "our_code": False},
}
LARGE = {**SMALL, "compute": {**SMALL["compute"], "instance_type": "ml.g4dn.xlarge"}}  # type: ignore[dict-item]  # mypy sees only one of the kinds
GARBAGE = {**SMALL, "model": {"base": BASE, "hyperparameters": {"behaves": "garbage"}}}
ON_BEDROCK = {
    "backend": "bedrock",
    "model": {"base": "amazon.nova-micro-v1:0:128k", "customization": "fine_tuning", "epochs": 1},
    "serving": {"hosting": "on_demand_deployment", "baseline": "amazon.nova-micro-v1:0"},
}
NO_QUOTA = {**SMALL, "compute": {**SMALL["compute"], "instance_type": "ml.p4d.24xlarge"}}  # type: ignore[dict-item]  # likewise
NO_MODEL = {**ON_BEDROCK, "model": {"base": "amazon.nova-nano-v1:0", "customization": "fine_tuning", "epochs": 1}}


@dataclass(frozen=True)
class Case:
    """A run.

    Attributes:
        backend: ``auto`` or ``all``.
        candidates: of the file.
        sections: of the file, beside them.
        state: in which it ends.
    """

    backend: str
    candidates: Mapping[str, Any]
    sections: Mapping[str, Any] = field(default_factory=dict)
    state: str = "success"


REGISTERED = {"register": {"group": "tickets", "approval": False}}
TWO = {"large": LARGE, "small": SMALL}
CASES: dict[str, Case] = {
    "by_rules": Case("auto", {**TWO, "bedrock": ON_BEDROCK}, {"auto": {"control": ["source_dir"]}, **REGISTERED}),
    "nothing_fits": Case("auto", {"no_quota": NO_QUOTA, "no_model": NO_MODEL}, state="failed"),
    "compared": Case("all", {"small": SMALL, "garbage": GARBAGE, "breaks": SMALL, "no_model": NO_MODEL}),
    "all_fail": Case("all", {"no_quota": NO_QUOTA, "no_model": NO_MODEL}, state="failed"),
    "too_dear": Case("all", TWO, {"max_usd": 5}, state="failed"),
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """All runs, and the AWS that they have left."""

    aws: Endpoint
    runs: Mapping[str, Run]

    def created(self, dag_id: str) -> list[str]:
        """Return the creates of a run."""
        calls = [call for call in self.aws.admin("GET", "calls")["calls"] if call["operation"].startswith("Create")]
        return [call["operation"] for call in calls if dag_id.replace("_", "-") in json.dumps(call["params"])]

    def stored(self, dag_id: str, folder: str, name: str) -> Any:
        """Return a file that a run has left in S3."""
        s3 = self.aws.client("s3")
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{dag_id}/{folder}/")["Contents"]
        (key,) = [each["Key"] for each in found if each["Key"].endswith(f"/{name}")]
        body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        s3.close()
        return body


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("several")
    (dags := folder / "dags").mkdir()
    for dag_id, case in CASES.items():
        data = {"source": f"s3://{BUCKET}/raw/"}
        sections = {**pipeline(BUCKET, data=data), "backend": case.backend, "candidates": case.candidates}
        for name in ("model", "compute", "serving"):
            del sections[name]
        write_dag(dags, dag_id, {**sections, **case.sections})
    with serving(folder / "sandbox.log", image=IMAGE) as aws:
        prepare(aws, BUCKET, date(2026, 1, 1), 1)
        aws.admin("POST", "faults", {"kind": "algorithm_error", "target": "compared-breaks-*"})
        airflow = Airflow(folder)
        variables = aws.airflow_environment | {"PYTHONPATH": str(PROJECT / "plugins")}
        more = {"AIRFLOW_VAR_FINETUNE_BUCKET": BUCKET, "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        runs = run_all(airflow, dags, {dag_id: {} for dag_id in CASES}, **variables, **more)
        yield World(aws, runs)


@pytest.mark.parametrize("dag_id", CASES)
def test_a_run_ends_in_the_state_that_it_should(world: World, dag_id: str) -> None:
    run = world.runs[dag_id]
    assert run.state == CASES[dag_id].state, run.log[-6000:]


def test_nothing_is_left_billing_whatever_was_chosen_or_failed(world: World) -> None:
    check_calls(world.aws)
    bill = world.aws.admin("GET", "bill")["lines"]
    assert bill, "the control: some of it was billed"
    assert [line for line in bill if line["running"]] == []


def test_the_rules_choose_and_every_later_task_follows(world: World) -> None:
    run = world.runs["by_rules"]
    assert set(run.tasks.values()) == {"success"}
    choice = BackendChoice.load(json.loads(world.stored("by_rules", "choices", "choice.json")))
    assert (choice.chosen, choice.backend, choice.overridden) == ("small", "spot_training", False)
    judged = {each.name: each for each in choice.candidates}
    assert [each.name for each in choice.candidates] == ["small", "large", "bedrock"]
    assert judged["bedrock"].reasons == ("control: bedrock does not let you set source_dir.",)
    assert "<h1>small is taken</h1>" in world.stored("by_rules", "choices", "page.html")
    assert "Takes small (spot_training)" in run.log
    assert "CreateModelCustomizationJob" not in world.created("by_rules")


def test_where_nothing_fits_every_reason_is_said_and_nothing_is_created(world: World) -> None:
    run = world.runs["nothing_fits"]
    failed = {task for task, state in run.tasks.items() if state == "failed"}
    assert failed == {"plan"}, run.tasks
    assert "backend auto: none of no_model, no_quota fits" in run.log
    assert "[no_model] preflight: " in run.log
    assert "[no_quota] preflight: " in run.log
    assert world.created("nothing_fits") == []


def test_a_comparison_has_a_row_for_every_candidate_and_the_reason_of_each_that_failed(world: World) -> None:
    run = world.runs["compared"]
    assert run.tasks["breaks.fine_tune"] == run.tasks["no_model.plan"] == "failed"
    assert run.tasks["compare"] == run.tasks["guard"] == run.tasks["small.teardown"] == "success"
    told = BackendComparison.load(json.loads(world.stored("compared", "comparisons", "comparison.json")))
    assert [row.name for row in told.rows] == ["small", "garbage", "breaks", "no_model"]
    best, second, breaks, unknown = told.rows
    assert best.quality is not None
    assert second.quality is not None
    assert best.quality.mean > 0.6 > second.quality.mean
    assert (best.decision, second.decision) == ("pass", "reject")
    assert told.settled
    assert best.tuning_usd is not None
    assert best.answers_usd is not None
    assert breaks.failed.startswith("breaks.fine_tune: ")
    assert "AlgorithmError" in breaks.failed
    assert unknown.failed.startswith("no_model.plan: ")
    assert "amazon.nova-nano-v1:0" in unknown.failed
    page = world.stored("compared", "comparisons", "page.html")
    assert page.count("<svg") == 2
    assert "small is shown to be better than garbage" in run.log


def test_a_comparison_in_which_all_fail_fails_with_every_reason(world: World) -> None:
    run = world.runs["all_fail"]
    assert run.tasks["check_budget"] == run.tasks["compare"] == run.tasks["guard"] == "failed"
    assert "[no_model] no_model.plan: " in run.log
    assert "[no_quota] no_quota.plan: " in run.log
    assert world.created("all_fail") == []


def test_the_worst_cases_of_all_candidates_together_are_held_to_the_limit(world: World) -> None:
    run = world.runs["too_dear"]
    assert run.tasks["small.plan"] == run.tasks["large.plan"] == "success", "the control: each alone would fit"
    assert run.tasks["check_budget"] == "failed"
    assert "max_usd: is 5 for all candidates" in run.log
    assert world.created("too_dear") == []
