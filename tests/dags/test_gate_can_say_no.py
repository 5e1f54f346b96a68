"""The gate lets a model pass that has learned, and none that has not: whole runs, each tunes a language model."""

from __future__ import annotations

import csv
import json
import random
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.cloud import Cloud
from demo.processes import Processes
from tests.clients.embedded import PROJECT
from tests.dags.test_dags import Airflow
from tests.dags.whole_runs import Run, run_all

pytestmark = pytest.mark.long  # tunes three models

ORDERS = PROJECT / "include/datasets/orders"
ITEMS = 150  # of the golden orders: enough for the policy, and half the time
NO_STEP = {"learning_rate": 1e-12, "max_steps": 2}  # less than the last bit of any weight; 0 itself is no rate
RUNS: dict[str, Mapping[str, Any]] = {
    "normal": {},
    "rate_of_nothing": {"model": NO_STEP},
    "rate_of_nothing_fails": {"model": NO_STEP, "gate": {"on_reject": "fail"}},
    "shuffled_labels": {"data": {"source": "s3://finetune-demo/shuffled/"}},
}
SERVED = ("open_scope", "deploy_baseline", "deploy_candidate", "evaluate", "teardown")
AFTER_THE_GATE = ("register", "request_approval")


@dataclass(frozen=True)
class World:
    """All runs, and the AWS that they have left."""

    cloud: Cloud
    runs: Mapping[str, Run]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("gate")
    (dags := folder / "dags").mkdir()
    pipeline = PROJECT / "include/pipelines/orders.yaml"
    golden = folder / "golden.jsonl"
    golden.write_text("".join((PROJECT / "include/golden/orders.jsonl").read_text().splitlines(keepends=True)[:ITEMS]))
    for dag_id, wanted in RUNS.items():
        changes = {**wanted, "data": {"golden": str(golden), **wanted.get("data", {})}}
        line = f"dag = finetune_dag({str(pipeline)!r}, dag_id={dag_id!r}, **{changes!r})"
        (dags / f"{dag_id}.py").write_text(f"from airflow_finetune import finetune_dag\n\n{line}\n")
    (dags / "approve_model.py").write_text((PROJECT / "dags/approve_model.py").read_text())
    with Processes() as processes:
        cloud = Cloud(processes, folder / "sandbox.log", 60.0, secrets.token_urlsafe(12))
        cloud.prepare({"raw/orders/": [ORDERS], "shuffled/": [shuffled(folder / "orders.jsonl")]})
        airflow = Airflow(folder)
        more = {"PYTHONPATH": str(PROJECT / "plugins"), "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        airflow.environment |= cloud.airflow_environment | more
        airflow.run("-m", "airflow", "dags", "reserialize")  # approve_model is triggered: Airflow must know it
        yield World(cloud, run_all(airflow, dags, {dag_id: {} for dag_id in RUNS}))


def shuffled(path: Path) -> Path:
    """Write the shipped orders that are whole, each with the answer to another one."""
    lines = (ORDERS / "shop.jsonl").read_text().split("\n")
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    with (ORDERS / "phone_notes.csv").open(newline="") as notes:
        rows += list(csv.DictReader(notes))
    rows = [row for row in rows if row.get("text") and row.get("json")]
    answers = [row["json"] for row in rows]
    random.Random(1).shuffle(answers)
    pairs = zip(rows, answers, strict=True)
    path.write_text("".join(json.dumps({"text": row["text"], "json": answer}) + "\n" for row, answer in pairs))
    return path


def test_a_model_that_has_learned_passes_and_waits_for_approval(world: World) -> None:
    run = world.runs["normal"]
    assert run.state == "success", run.log[-4000:]
    assert set(run.tasks.values()) == {"success"}
    assert "PASS: " in run.log
    (group,) = world.cloud.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    listed = world.cloud.sagemaker.list_model_packages(ModelPackageGroupName=group["ModelPackageGroupName"])
    (version,) = listed["ModelPackageSummaryList"]  # of four runs one is registered
    assert (group["ModelPackageGroupName"], version["ModelApprovalStatus"]) == ("orders", "PendingManualApproval")


@pytest.mark.parametrize(
    ("dag_id", "state", "gate", "after"),
    [
        ("rate_of_nothing", "success", "success", "skipped"),
        ("rate_of_nothing_fails", "failed", "failed", "upstream_failed"),
        ("shuffled_labels", "success", "success", "skipped"),
    ],
)
def test_a_model_that_has_not_learned_is_rejected_and_the_run_ends_as_the_policy_says(
    world: World, dag_id: str, state: str, gate: str, after: str
) -> None:
    run = world.runs[dag_id]
    assert run.state == state, run.log[-4000:]
    assert "REJECT: " in run.log
    states = dict.fromkeys(("curate", "plan", "fine_tune", *SERVED), "success")
    assert run.tasks == states | {"gate": gate, "guard": gate} | dict.fromkeys(AFTER_THE_GATE, after)


def test_each_run_has_tuned_a_model_served_two_and_left_none(world: World) -> None:
    jobs = world.cloud.sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert [job["TrainingJobStatus"] for job in jobs] == ["Completed"] * len(RUNS)
    assert world.cloud.calls("CreateEndpoint") == 2 * len(RUNS)
    assert world.cloud.left_billing() == []
    assert world.cloud.sagemaker.list_models()["Models"] == []
    assert world.cloud.sagemaker.list_endpoint_configs()["EndpointConfigs"] == []


def test_a_rate_of_0_is_refused_before_anything_runs(tmp_path: Path) -> None:
    from airflow_finetune import finetune_dag
    from airflow_finetune.pipeline import PipelineError

    with pytest.raises(PipelineError, match=r"model\.learning_rate"):
        finetune_dag(str(PROJECT / "include/pipelines/orders.yaml"), model={"learning_rate": 0})
