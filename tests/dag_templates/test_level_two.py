"""The functions of `groups.py`: the design's snippet works as it stands, and makes the tasks of a pipeline file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_finetune import (
    SpecError,
    SpotTrainingSpec,
    curate,
    evaluate,
    fine_tune,
    gate,
    plan,
    register,
    request_approval,
    served,
)
from tests.dag_templates.conftest import graph
from tests.dag_templates.test_whole_dag import REGISTERED

BASE, GOLDEN = "s3://acme/llama/", "s3://acme/golden.jsonl"


def dag_in(project: Path, dag_id: str = "orders") -> DAG:
    dag = DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1))
    dag.fileloc = str(project / "dags" / f"{dag_id}.py")
    return dag


@pytest.fixture
def snippet(project: Path) -> DAG:
    (project / "include/policies/orders.yaml").write_text("metric: exact_match\nat_least: 0.8\n")
    with dag_in(project) as dag:
        data = curate("{{ params.source }}", prompt="{text}", completion="{json}", golden=GOLDEN)
        model = fine_tune(data, SpotTrainingSpec(base_model=BASE, instance_type="ml.g5.2xlarge"))
        with served(baseline=BASE, candidate=model) as models:
            report = evaluate(models, golden=GOLDEN, scorers=["exact_match"])
        gate(report, policy="orders") >> register(model, group="orders")
    return dag


def test_the_snippet_of_the_design_works_as_it_stands(snippet: DAG) -> None:
    assert graph(snippet) == {
        "curate": set(),
        "fine_tune": {"curate"},
        "open_scope": {"fine_tune"},
        "deploy_baseline": {"open_scope"},
        "deploy_candidate": {"open_scope", "fine_tune"},
        "evaluate": {"deploy_baseline", "deploy_candidate"},
        "teardown": {"open_scope", "evaluate"},
        "guard": {"open_scope", "teardown"},
        "gate": {"evaluate"},
        "register": {"fine_tune", "evaluate", "gate"},
    }


def test_what_is_left_out_is_taken_from_variables(snippet: DAG) -> None:
    job, baseline = snippet.get_task("fine_tune").spec, snippet.get_task("deploy_baseline").spec
    assert job["role_arn"] == baseline["role_arn"] == "{{ var.value.finetune_role_arn }}"
    assert job["image_uri"] == "{{ var.value.finetune_image_uri }}"
    assert "finetune_serving_image_uri" in baseline["image_uri"]
    assert job["output_uri"].startswith("s3://{{ var.value.finetune_bucket }}/")


def test_a_name_of_a_policy_is_a_file_beside_the_dags(snippet: DAG, project: Path) -> None:
    assert snippet.get_task("gate").policy == str(project / "include/policies/orders.yaml")


def test_a_version_is_registered_on_what_the_dags_gate_has_judged(snippet: DAG) -> None:
    task = snippet.get_task("register")
    assert task.report == snippet.get_task("evaluate").output
    assert task.verdict == snippet.get_task("gate").output


def test_without_a_gate_or_with_two_it_must_be_said_which_one_counts(project: Path) -> None:
    with dag_in(project):
        model = fine_tune("s3://acme/train.jsonl", {"backend": "spot_training", "base_model": BASE})
        with pytest.raises(SpecError, match="this DAG has 0 gates"):
            register(model, group="orders")
        with served(baseline=BASE, candidate=model) as models:
            report = evaluate(models, golden=GOLDEN)
        policy = {"metric": "exact_match"}
        first, _ = gate(report, policy=policy), gate(report, policy=policy, task_id="second")
        with pytest.raises(SpecError, match="this DAG has 2 gates"):
            register(model, group="orders")
        register(model, group="orders", report=report, verdict=first)


def test_with_a_plan_and_approval_it_is_the_graph_of_a_pipeline_file(project: Path) -> None:
    spec = SpotTrainingSpec(base_model=BASE)
    with dag_in(project) as dag:
        data: Any = curate("s3://acme/orders/", prompt="{text}", completion="{json}", golden=GOLDEN)
        model = fine_tune(data, spec, plan=plan(data, spec, max_usd=20))
        with served(baseline=BASE, candidate=model) as models:
            report = evaluate(models, golden=data["golden"])
        verdict = gate(report, policy={"metric": "exact_match"})
        request_approval(register(model, group="orders", report=report, verdict=verdict))
    assert graph(dag) == REGISTERED


def test_validation_of_the_dataset_reaches_the_job_unless_the_spec_has_its_own(project: Path) -> None:
    with dag_in(project):
        data = curate("s3://acme/orders/", prompt="{text}", completion="{json}")
        ours = fine_tune(data, SpotTrainingSpec(base_model=BASE))
        theirs = fine_tune(data, SpotTrainingSpec(base_model=BASE, validation="s3://acme/v.jsonl"), task_id="theirs")
        plain = fine_tune("s3://acme/train.jsonl", SpotTrainingSpec(base_model=BASE), task_id="plain")
    assert ours.operator.spec["validation"] == data["validation"]
    assert theirs.operator.spec["validation"] == {"uri": "s3://acme/v.jsonl"}
    assert "validation" not in plain.operator.spec


def test_a_constant_that_cannot_work_is_refused_when_the_dag_is_parsed(project: Path) -> None:
    with dag_in(project):
        with pytest.raises(SpecError, match="did you mean 'epochs'"):
            fine_tune("s3://acme/train.jsonl", {"backend": "spot_training", "base_model": BASE, "epoch": 3})
        with pytest.raises(SpecError, match="base_model"):
            fine_tune("s3://acme/train.jsonl", {"backend": "spot_training"}, task_id="again")


def test_a_spec_may_leave_to_its_task_what_the_task_gives_it() -> None:
    from airflow_finetune import FineTuneOperator

    spec = SpotTrainingSpec(base_model=BASE, role_arn="{{ var.value.role }}", output_uri="s3://acme/out/")
    assert FineTuneOperator(task_id="fine_tune", spec=spec, dataset="s3://acme/train.jsonl").spec == spec.raw()
    with pytest.raises(SpecError, match="dataset: Field required"):
        FineTuneOperator(task_id="fine_tune", spec=spec)
