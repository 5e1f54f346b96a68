"""A pipeline file of a hub's model: the same graph, and nothing said of what serves."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_finetune.pipeline import PipelineError
from tests.dag_templates.conftest import Make, graph
from tests.dag_templates.test_whole_dag import REGISTERED

FILE: dict[str, Any] = {
    "backend": "jumpstart",
    "model": {"base": "tiny-instruct", "method": "instruction", "epochs": 3},
    "compute": {"instance_type": ..., "spot": True},
    "register": {"group": "orders"},
}


@pytest.fixture
def dag(make: Make) -> DAG:
    return make(**FILE)


def test_the_graph_is_that_of_every_backend(dag: DAG) -> None:
    # The hub's word on the baseline comes with the tuned model, for which the scope waits anyhow.
    assert graph(dag) == {**REGISTERED, "deploy_baseline": {"open_scope", "fine_tune"}}


def test_both_arms_are_served_as_the_hub_says_by_what_fine_tune_returns(dag: DAG) -> None:
    arms = {arm: dag.get_task(f"deploy_{arm}").spec for arm in ("baseline", "candidate")}
    for spec in arms.values():
        assert str(spec["hosting"]) == str(dag.get_task("fine_tune").output["hosting"])
        assert {"image_uri", "instance_type", "code_uri"}.isdisjoint({k for k, v in spec.items() if v is not None})
    assert str(arms["baseline"]["model"]) == str(dag.get_task("fine_tune").output["hosting"])
    assert str(arms["candidate"]["model"]) == str(dag.get_task("fine_tune").output)


def test_the_plan_asks_the_hub_for_the_instance_and_register_for_the_image(dag: DAG) -> None:
    limits, register = dag.get_task("plan").limits, dag.get_task("register")
    assert (limits["hosting"]["instance_type"], limits["hosting"]["image_uri"], limits["inputs"]) == ("", None, [])
    assert (register.image_uri, register.instance_types) == (None, None)
    assert dag.get_task("evaluate").sampling["format"] == "messages"


def test_what_the_file_says_of_serving_goes_before_the_hub(make: Make) -> None:
    served = {"image_uri": "mine", "instance_type": "ml.g6.xlarge", "baseline": "s3://acme/champion/"}
    dag = make(**FILE, serving=served, evaluate={"sampling": {"format": "text"}})
    spec = dag.get_task("deploy_baseline").spec
    assert (spec["image_uri"], spec["instance_type"], spec["model"]) == ("mine", "ml.g6.xlarge", "s3://acme/champion/")
    assert dag.get_task("plan").limits["inputs"] == ["s3://acme/champion/"]
    assert dag.get_task("register").image_uri == "mine"
    assert dag.get_task("evaluate").sampling["format"] == "text"


@pytest.mark.parametrize("name", ["model.accept_eula", "model.version", "model.hub", "compute.spot"])
def test_a_run_accepts_no_license_and_chooses_no_model(make: Make, name: str) -> None:
    with pytest.raises(PipelineError, match="can only be changed in the file"):
        make(**FILE, form=[name])
