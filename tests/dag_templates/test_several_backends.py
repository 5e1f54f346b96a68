"""DAGs over several backends: the graph of every pipeline for a choice, a group of tasks each for a comparison."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG, XComArg
from airflow.serialization.serialized_objects import DagSerialization

from airflow_finetune import finetune_dag
from airflow_finetune.dag_templates.of_chosen import OfChosen
from airflow_finetune.pipeline.several.reader import read_any
from airflow_finetune.values import BackendChoice
from tests.contracts.source_tree import PROJECT
from tests.dag_templates.conftest import graph
from tests.dag_templates.test_whole_dag import REGISTERED
from tests.pipeline.test_several import NOVA, SPOT, several
from tests.planning.test_choice import plan

SHIPPED = sorted((PROJECT / "include/pipelines").glob("*.yaml"))
TUNING_AND_HOSTING = {"plan", "fine_tune", "open_scope", "deploy_baseline", "deploy_candidate", "teardown"}
# What other tasks must know of the host: in which words its server is asked, and what a version is served by.
OF_THE_HOST = {"evaluate": {"sampling"}, "register": {"image_uri", "instance_types", "environment"}}


def dag_of(project: Path, backend: str, **sections: Any) -> DAG:
    path = project / "several.yaml"
    path.write_text(yaml.safe_dump(several(backend, **sections), sort_keys=False))
    return finetune_dag(path)


def test_a_choice_has_the_tasks_of_every_pipeline_and_each_waits_for_the_plan(project: Path) -> None:
    found = graph(dag_of(project, "auto", register={"group": "orders"}))
    assert found.keys() == REGISTERED.keys()
    # What is rejected is deleted by the teardown, which therefore waits for the gate, as on Bedrock.
    for task, before in {**REGISTERED, "teardown": {"open_scope", "gate"}}.items():
        assert before <= found[task], task
        assert found[task] - before <= {"plan", "fine_tune", "gate"}, task


def test_what_was_chosen_is_known_to_every_task_that_differs(project: Path) -> None:
    dag = dag_of(project, "auto", register={"group": "orders"})
    for task, field in [
        ("fine_tune", "spec"),
        ("open_scope", "lease"),
        ("deploy_baseline", "spec"),
        ("deploy_candidate", "spec"),
        ("register", "image_uri"),
    ]:
        value = getattr(dag.get_task(task), field)
        assert isinstance(value, OfChosen), task
        assert set(value.options) == {"spot_training", "nova"}
    assert dag.get_task("teardown").hosts == ("endpoint", "bedrock_hosting")
    assert dag.get_task("deploy_candidate").spec.options["nova"]["backend"] == "bedrock_hosting"
    assert dag.get_task("open_scope").is_setup
    assert dag.get_task("teardown").on_failure_fail_dagrun


def test_a_constant_of_any_candidate_is_checked_when_the_dag_is_parsed(project: Path) -> None:
    planned = dag_of(project, "auto", auto={"requests_a_month": 9}).get_task("plan")
    assert planned.wishes == {"requests_a_month": 9}
    assert planned.candidates["nova"]["limits"]["evaluation"]["golden"] is not None
    assert planned.candidates["spot_training"]["baseline"] == "s3://acme/llama/"


class Rendering:
    """A task that renders as Airflow's does, and nothing else."""

    def render_template(self, value: Any, context: Any) -> Any:
        return {"rendered": value}


class Handed(XComArg):
    """An output that is there already."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def iter_references(self) -> Any:
        return iter(())

    def resolve(self, context: Any) -> Any:
        return self.value


@pytest.mark.parametrize("name", ["spot_training", "nova"])
def test_only_what_was_chosen_is_rendered_and_a_retry_takes_the_same(name: str) -> None:
    choice = BackendChoice(chosen=name, backend="x", why="a test.")
    dumped = plan().model_copy(update={"choice": choice}).dump()
    value = OfChosen(Handed(dumped), {"spot_training": 1, "nova": 2})
    found = [value.resolve({"task": Rendering()}) for _ in range(3)]
    assert found == [{"rendered": value.options[name]}] * 3


def test_where_nothing_was_chosen_there_is_nothing() -> None:
    assert OfChosen(Handed(None), {"a": 1}).resolve({"task": Rendering()}) is None
    assert OfChosen(Handed(plan().dump()), {"a": 1}).resolve({"task": Rendering()}) is None


def test_a_comparison_plans_all_before_it_tunes_one(project: Path) -> None:
    dag = dag_of(project, "all")
    found = graph(dag)
    assert set(read_any(project / "several.yaml").tasks) == set(found)
    for name in ("spot_training", "nova"):
        assert found[f"{name}.plan"] == {"curate"}
        assert found[f"{name}.fine_tune"] == {"curate", f"{name}.plan", "check_budget"}
        assert found[f"{name}.teardown"] == {f"{name}.{task}" for task in ("open_scope", "evaluate", "fine_tune")}
        assert f"{name}.evaluate" in found["compare"]
        assert f"{name}.teardown" in found["guard"]
        scope, teardown = dag.get_task(f"{name}.open_scope"), dag.get_task(f"{name}.teardown")
        assert (scope.scope, teardown.scope, scope.is_setup, teardown.is_teardown) == (name, name, True, True)
        assert teardown.keeps_model is False
    assert found["check_budget"] == {"spot_training.plan", "nova.plan"}
    assert dag.get_task("compare").trigger_rule == dag.get_task("check_budget").trigger_rule == "all_done"
    assert dag.get_task("guard").on_failure_fail_dagrun
    assert dag.get_task("guard").only == ("compare", "spot_training.teardown", "nova.teardown")


def test_candidates_of_one_backend_have_names_of_their_own_for_everything_that_bills(project: Path) -> None:
    dag = dag_of(project, "all", candidates={"a": {"backend": "spot_training", **SPOT}, "b": NOVA})
    assert {dag.get_task(f"{name}.open_scope").scope for name in "ab"} == {"a", "b"}
    assert dag.get_task("a.open_scope").lease == timedelta(hours=2)


@pytest.mark.parametrize("backend", ["auto", "all"])
def test_two_parses_make_the_same_dag(project: Path, backend: str) -> None:
    def stored() -> str:
        return json.dumps(DagSerialization.to_dict(dag_of(project, backend, serving={"lease_hours": 3})), default=str)

    assert stored() == stored(), "a text that changes with each parse is a new version of the DAG each time"


@pytest.mark.parametrize("backend", ["auto", "all"])
def test_the_page_of_the_dag_names_every_candidate(project: Path, backend: str) -> None:
    text = dag_of(project, backend).doc_md or ""
    for said in ("spot_training", "amazon.nova-micro-v1:0:128k", "on demand deployment", "$20"):
        assert said in text


def serialized(path: Path) -> dict[str, dict[str, Any]]:
    """Return task id -> what Airflow stores of it."""
    stored = json.loads(json.dumps(DagSerialization.to_dict(finetune_dag(path, dag_id="same")), default=str))
    return {task["__var"]["task_id"]: task["__var"] for task in stored["dag"]["tasks"]}


LEFT_OUT = ("schedule", "form", "evaluate", "advise")  # what a file has of its own, whatever its backend


def test_the_dags_of_all_backends_differ_only_in_the_tuning_and_hosting_tasks(tmp_path: Path) -> None:
    """Over every shipped file that is one pipeline: the same sections around other backends make the same tasks."""
    found = dict[str, dict[str, dict[str, Any]]]()
    shared = {"data": several()["data"], "gate": several()["gate"], "register": {"group": "orders"}, "max_usd": 99}
    for path in SHIPPED:
        told = yaml.safe_load(path.read_text())
        if told["backend"] == "all":
            continue
        told = {key: value for key, value in told.items() if key not in LEFT_OUT} | shared
        for serving in [
            told.get("serving", {}),
            *(each.get("serving", {}) for each in told.get("candidates", {}).values()),
        ]:
            serving.pop("delete_rejected", None)
        copy = tmp_path / path.name
        copy.write_text(yaml.safe_dump(told))
        found[path.stem] = serialized(copy)
    assert len(found) == len(SHIPPED) - 1
    first = found["orders"]
    for stem, tasks in found.items():
        assert tasks.keys() == first.keys(), stem
        for name in tasks.keys() - TUNING_AND_HOSTING:
            mine, other = without_edges(tasks[name]), without_edges(first[name])
            differing = {key for key in mine.keys() | other.keys() if mine.get(key) != other.get(key)}
            assert differing <= OF_THE_HOST.get(name, set()), f"{stem}: {name}"
    assert found["bedrock_orders"]["fine_tune"] != first["fine_tune"], "the control: these do differ"


def without_edges(task: dict[str, Any]) -> dict[str, Any]:
    """Return a task without what it comes before: a teardown that waits for the gate, and the form of the DAG."""
    return {key: value for key, value in task.items() if key not in ("downstream_task_ids", "params")}
