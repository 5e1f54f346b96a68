"""`finetune_dag`: the graph, the rules for shipped DAGs, the trigger form, and what each task is given."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk import CronDataIntervalTimetable

from airflow_finetune import finetune_dag
from airflow_finetune.errors import SpecError
from airflow_finetune.pipeline import PipelineError
from tests.dag_templates.conftest import Make, graph

JUDGED = {
    "curate": set(),
    "plan": {"curate"},
    "fine_tune": {"curate", "plan"},
    "open_scope": {"fine_tune"},
    "deploy_baseline": {"open_scope"},
    "deploy_candidate": {"open_scope", "fine_tune"},
    "evaluate": {"curate", "deploy_baseline", "deploy_candidate"},
    "teardown": {"open_scope", "evaluate"},
    "guard": {"open_scope", "teardown"},
    "gate": {"evaluate"},
}
REGISTERED = {
    **JUDGED,
    "register": {"fine_tune", "evaluate", "gate"},
    "request_approval": {"register"},
}


def test_the_graph_is_the_one_of_the_readme(make: Make) -> None:
    assert graph(make()) == JUDGED
    assert graph(make(register={"group": "orders"})) == REGISTERED
    unasked = graph(make(register={"group": "orders", "approval": False}))
    assert unasked == {name: before for name, before in REGISTERED.items() if name != "request_approval"}


def test_the_tasks_are_those_that_validate_tells(make: Make) -> None:
    from airflow_finetune.pipeline import read_pipeline

    dag = make(register={"group": "orders"})
    path = Path(dag.fileloc).parents[1] / "include/pipelines/orders.yaml"
    assert set(read_pipeline(path).tasks) == set(dag.task_ids)


def test_the_scope_has_its_setup_its_teardown_and_its_guard(make: Make) -> None:
    dag = make()
    assert dag.get_task("open_scope").is_setup
    assert dag.get_task("teardown").is_teardown
    assert dag.get_task("guard").is_teardown
    assert dag.get_task("teardown").on_failure_fail_dagrun
    urgent = {task.task_id for task in dag.tasks if task.priority_weight > 1}
    assert urgent == {"open_scope", "teardown"}


def test_a_shipped_dag_keeps_its_rules(make: Make) -> None:
    dag = make()
    assert (dag.dag_id, dag.is_paused_upon_creation, dag.catchup, dag.max_active_runs) == ("orders", True, False, 1)
    assert dag.dagrun_timeout is None, "it would skip the teardown"
    assert dag.timetable.__class__.__name__ == "NullTimetable"
    assert dag.fileloc.endswith("dags/orders_of_ours.py"), "Airflow shows the user's file, not ours"
    assert {task.task_id: task.retries for task in dag.tasks if task.retries == 0} == {"guard": 0}


def test_a_schedule_has_real_data_intervals(make: Make) -> None:
    assert make(schedule="@weekly").timetable == CronDataIntervalTimetable("@weekly", timezone="UTC")


def test_arguments_go_before_the_file_and_before_our_rules(make: Make) -> None:
    dag = make(', dag_id="ours", max_usd=7, compute={"volume_gb": 9}, dag={"tags": ["team"], "max_active_runs": 3}')
    assert (dag.dag_id, dag.tags, dag.max_active_runs) == ("ours", {"team"}, 3)
    assert dag.get_task("plan").limits["max_usd"] == 7
    assert dag.get_task("fine_tune").spec["volume_gb"] == 9


def test_a_fault_of_the_file_is_an_import_error_that_names_it(make: Make) -> None:
    with pytest.raises(PipelineError, match=r"orders\.yaml.*did you mean 'epochs'"):
        make(model={"epoch": 3})
    with pytest.raises(SpecError, match=r"include/pipelines/none\.yaml"):
        finetune_dag("none.yaml")


def test_the_form_has_sections_titles_words_and_types(make: Make) -> None:
    dag = make(form=["model.epochs", "model.method"])
    params = {name: dag.params.get_param(name) for name in dag.params}
    assert list(params) == ["window_start", "window_end", "model.epochs", "model.method", "retrain"]
    epochs = params["model.epochs"]
    assert (epochs.value, epochs.description) == (3, "Passes over the data.")
    assert epochs.schema == {
        "title": "Epochs", "section": "Model", "type": ["number", "null"], "exclusiveMinimum": 0,
    }  # fmt: skip
    assert params["model.method"].schema["enum"] == ["full", "lora", None]
    assert params["window_start"].schema["format"] == "date"
    assert params["retrain"].value is False
    assert {param.schema["section"] for param in params.values()} == {"Window", "Model", "Clear"}
    dag.params.validate()


def test_the_plan_and_the_job_are_given_the_same_spec(make: Make) -> None:
    dag = make(form=["model.epochs"])
    plan, job = dag.get_task("plan"), dag.get_task("fine_tune")
    assert plan.spec == job.spec
    assert plan.dataset == job.dataset
    assert job.spec["epochs"] == "{{ params['model.epochs'] }}"
    assert job.max_wait is None, "it is the plan's"


def test_the_plan_counts_what_is_served_and_looks_at_the_baseline(make: Make) -> None:
    champion = "s3://acme/champion/model.tar.gz"
    dag = make(serving={"baseline": champion, "instance_type": "ml.g5.4xlarge", "lease_hours": 3})
    limits = dag.get_task("plan").limits
    assert limits["inputs"] == [champion]
    assert (limits["hosting"]["instance_type"], limits["hosting"]["hours"]) == ("ml.g5.4xlarge", 3)
    assert dag.get_task("open_scope").lease == timedelta(hours=3)
    for arm, model in ("baseline", champion), ("candidate", dag.get_task("fine_tune").output):
        spec = dag.get_task(f"deploy_{arm}").spec
        assert spec["model"] == model
        assert spec["instance_type"] == "ml.g5.4xlarge"


def test_what_stands_below_aws_reaches_every_task_that_asks_aws(make: Make) -> None:
    role = "arn:aws:iam::123456789012:role/ours"
    aws = {
        "conn_id": "ours", "region": "eu-west-1", "role_arn": role, "work_uri": "s3://acme/tuning/",
        "kms_key_id": "key", "tags": {"team": "orders"},
        "subnets": ["subnet-1"], "security_group_ids": ["sg-1"], "poll_seconds": 3,
    }  # fmt: skip
    dag = make(aws=aws, register={"group": "orders"})
    asking = [task for task in dag.tasks if hasattr(task, "aws_conn_id")]
    assert {task.task_id for task in asking} == set(REGISTERED) - {"open_scope", "guard", "request_approval"}
    assert {(task.aws_conn_id, task.region_name) for task in asking} == {("ours", "eu-west-1")}
    job, baseline = dag.get_task("fine_tune").spec, dag.get_task("deploy_baseline").spec
    assert job["role_arn"] == baseline["role_arn"] == role
    assert job["tags"] == baseline["tags"] == {"team": "orders"}
    assert list(job["subnets"]) == list(baseline["subnets"]) == ["subnet-1"]
    assert job["output_kms_key_id"] == dag.get_task("curate").kms_key_id == dag.get_task("evaluate").kms_key_id == "key"
    assert baseline["code_kms_key_id"] == "key"
    assert dag.get_task("curate").output_uri == "s3://acme/tuning/data/"
    assert job["output_uri"] == "s3://acme/tuning/models/"
    assert baseline["code_uri"] == "s3://acme/tuning/baselines/"
    assert dag.get_task("evaluate").output_uri == "s3://acme/tuning"
    assert dag.get_task("fine_tune").poll_seconds == dag.get_task("deploy_candidate").poll_seconds == 3


def test_a_baseline_is_served_as_it_is_where_the_image_has_its_own_server(make: Make) -> None:
    assert "code_uri" in make().get_task("deploy_baseline").spec, "the control"
    assert "code_uri" not in make(serving={"our_code": False}).get_task("deploy_baseline").spec
    assert "code_uri" not in make().get_task("deploy_candidate").spec, "a tuned model has its code inside"


def test_the_page_of_the_dag_says_what_a_run_does_and_may_cost(make: Make) -> None:
    text = make(form=["model.epochs"], register={"group": "orders"}).doc_md or ""
    for said in ("s3://acme/llama/", "ml.g5.2xlarge", "at least 0.8", "`orders`", "$20", "`model.epochs`", "teardown"):
        assert said in text


def test_two_parses_make_the_same_dag(make: Make) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    def stored() -> str:
        return str(DagSerialization.to_dict(make(form=["model.epochs"], register={"group": "orders"})))

    assert stored() == stored(), "a text that changes with each parse is a new version of the DAG each time"
