"""A whole run around a scope: whatever the task inside does, nothing is left, and the run's state tells."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.clients.embedded import PROJECT, Endpoint, serving
from tests.dags.test_dags import PROGRAM, Airflow
from tests.sandbox.hosting.account import packed

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with serving(tmp_path_factory.mktemp("embedded-aws") / "log") as found:
        yield found


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    return Airflow(tmp_path_factory.mktemp("airflow"))


@pytest.mark.parametrize(("dag_id", "state"), [("served_well", "success"), ("served_badly", "failed")])
def test_a_scope_ends_with_nothing_left_and_the_run_says_what_happened(scheduler, embedded, tmp_path, dag_id, state):
    s3, bucket = embedded.client("s3"), dag_id.replace("_", "-")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=packed({"model.json": "{}"}))
    shutil.copy(PROGRAM.with_name("served_dags.py"), tmp_path)
    more = {"SERVED_MODEL": f"s3://{bucket}/model.tar.gz", "PYTHONPATH": str(PROJECT / "plugins")}
    more["AIRFLOW__CORE__DAGS_FOLDER"] = str(tmp_path)
    found = scheduler.answer("run", tmp_path, dag_id, **embedded.airflow_environment, **more)
    tasks = found["tasks"]
    assert (found["state"], tasks["evaluate"], tasks["teardown"]) == (state, state, "success"), found["log"]
    assert tasks["deploy_baseline"] == tasks["deploy_candidate"] == "success"
    assert tasks["guard"] == state
    sagemaker = embedded.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == sagemaker.list_models()["Models"] == []
    hosted = [line for line in embedded.admin("GET", "bill")["lines"] if line["kind"] == "hosting"]
    assert len(hosted) >= 2, "the control: both were billed while they served"
    assert not any(line["running"] for line in hosted)
    s3.close()
    sagemaker.close()
