"""The DAG of a file with the section `advise`: a scope of its own before anything is tuned, and all else as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.dag_templates.conftest import Make, graph
from tests.dag_templates.test_whole_dag import JUDGED

ADVISED = {
    **JUDGED,
    "advice_open_scope": {"plan"},
    "advice_deploy_baseline": {"advice_open_scope"},
    "advise": {"curate", "advice_deploy_baseline"},
    "advice_teardown": {"advice_open_scope", "advise"},
    "advice_guard": {"advice_open_scope", "advice_teardown"},
    "fine_tune": {"curate", "plan", "advise"},
}


def test_the_advice_stands_between_plan_and_fine_tune_in_a_scope_of_its_own(make: Make) -> None:
    dag = make(advise={"require_advice": True})
    assert graph(dag) == ADVISED
    assert graph(make()) == JUDGED, "the control: without the section nothing is added"
    for name in ("", "advice_"):
        assert dag.get_task(f"{name}open_scope").is_setup
        assert dag.get_task(f"{name}teardown").is_teardown
        assert dag.get_task(f"{name}guard").is_teardown
    scopes = {name: dag.get_task(name).scope for name in ("open_scope", "advice_open_scope", "advice_teardown")}
    assert scopes == {"open_scope": "served", "advice_open_scope": "advice", "advice_teardown": "advice"}


def test_the_tasks_are_those_that_validate_tells(make: Make, project: Any) -> None:
    from airflow_finetune.pipeline import read_pipeline

    dag = make(advise={})
    assert set(read_pipeline(project / "include/pipelines/orders.yaml").tasks) == set(dag.task_ids)


def test_the_base_model_is_asked_as_the_file_says(make: Make) -> None:
    champion = "s3://acme/champion/"
    dag = make(
        advise={"instruction": "Answer with JSON.", "shots": 3, "items": 100, "require_advice": True},
        serving={"baseline": champion, "lease_hours": 3, "instance_type": "ml.m5.large"},
        evaluate={"sampling": {"max_new_tokens": 9}, "concurrency": 2},
        form=["advise.require_advice"],
        aws={"conn_id": "ours", "kms_key_id": "key", "poll_seconds": 3, "work_uri": "s3://acme/work"},
    )
    task, deployed = dag.get_task("advise"), dag.get_task("advice_deploy_baseline")
    assert task.prompting == {
        "instruction": "Answer with JSON.",
        "shots": 3,
        "items": 100,
        "require_advice": "{{ params['advise.require_advice'] }}",
    }
    assert (task.policy["metric"], task.policy["at_least"]) == ("exact_match", 0.8)
    assert (task.sampling, task.concurrency, task.output_uri) == ({"max_new_tokens": 9}, 2, "s3://acme/work")
    assert (task.aws_conn_id, task.kms_key_id) == ("ours", "key")
    assert deployed.spec["model"] == "s3://acme/llama/", "the base, not what the candidate must beat"
    assert dag.get_task("deploy_baseline").spec["model"] == champion
    assert deployed.spec["instance_type"] == "ml.m5.large"
    assert (deployed.deferrable, deployed.poll_seconds) == (True, 3)
    assert dag.get_task("advice_open_scope").lease == timedelta(hours=3)


def test_on_bedrock_the_base_is_asked_on_demand_and_its_tokens_are_planned(make: Make) -> None:
    dag = make(
        backend="bedrock",
        model={"base": "amazon.nova-micro-v1:0:128k", "method": ..., "epochs": 2},
        compute=...,
        serving={"hosting": "provisioned_throughput"},
        advise={},
    )
    assert dag.get_task("advice_deploy_baseline").spec == {
        "backend": "bedrock_hosting", "model": "amazon.nova-micro-v1:0:128k",
    }  # fmt: skip
    assert dag.get_task("advice_teardown").hosts == ("bedrock_hosting",)
    advice = dag.get_task("plan").limits["advice"]
    assert advice["golden"] == dag.get_task("curate").output["golden"]
    assert "curate" in dag.get_task("plan").upstream_task_ids


@pytest.mark.parametrize(("stops", "said"), [(True, "may end there"), (False, "is told, and the run goes on")])
def test_the_page_of_the_dag_says_what_the_advice_may_do(make: Make, stops: bool, said: str) -> None:
    text = make(advise={"require_advice": stops}).doc_md or ""
    assert said in text
    assert "`advise`" in text
    assert "`advise`" not in (make().doc_md or "")
