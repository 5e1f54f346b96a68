"""On a real scheduler: a person answers through Airflow's API, AWS holds the answer, and only a yes is deployed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from demo.airflow_api import ApiError
from demo.airflow_stack import AirflowStack
from demo.processes import Processes
from tests.clients.embedded import PROJECT, serving
from tests.dags.versions import SMALL, version_of
from tests.demo.conftest import Both
from tests.demo.left_behind import eventually

pytestmark = pytest.mark.long  # starts a whole Airflow

BUCKET = "registry-bucket"
IMPATIENT = """
from datetime import timedelta
from airflow.sdk import DAG
from airflow_finetune import ApproveModelOperator, PromoteOperator

with DAG("impatient", schedule=None):
    version = "{{ dag_run.conf.model_package_arn }}"
    approve = ApproveModelOperator(
        task_id="approve",
        version=version,
        response_timeout=timedelta(seconds=10),
        defaults="Reject",
        retries=3,
        retry_delay=timedelta(seconds=5),
    )
    PromoteOperator(task_id="promote", version=version, response=approve.output)
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    logs, dags = tmp_path_factory.mktemp("stack"), tmp_path_factory.mktemp("dags")
    for name in ("approve_model", "deploy_model", "undeploy_model"):
        shutil.copy(PROJECT / "dags" / f"{name}.py", dags)
    (dags / "impatient.py").write_text(IMPATIENT)
    with serving(logs / "sandbox.log") as aws, Processes() as processes:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.close()
        environment = aws.airflow_environment | SMALL
        with AirflowStack(processes, logs, dags=dags, plugins=PROJECT / "plugins", environment=environment) as stack:
            yield Both(stack, aws)


def start(both: Both, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
    api = both.stack.api
    assert eventually(lambda: api.dag_is_known(dag_id), 180)
    api.unpause(dag_id)
    api.trigger(dag_id, run_id, conf)


def ended(both: Both, dag_id: str, run_id: str) -> str:
    api = both.stack.api
    assert eventually(lambda: api.run_state(dag_id, run_id) in ("success", "failed"), 300)
    return api.run_state(dag_id, run_id)


def ran(both: Both, dag_id: str, run_id: str, conf: dict[str, Any]) -> str:
    start(both, dag_id, run_id, conf)
    return ended(both, dag_id, run_id)


def asks(both: Both, run_id: str) -> bool:
    """Tell whether the task waits for a person and the scheduler has heard of it.

    Airflow 3.3.2 takes a try from a task that is answered before its scheduler has read that the part which asked has
    ended: on a busy machine that takes longer than a program's answer, never longer than a person's.
    """
    task = both.stack.api.task("approve_model", run_id, "approve")
    if task["state"] != "awaiting_input":
        return False
    key = f"task_id='approve', run_id='{run_id}', try_number={task['try_number']}"
    heard = (line for line in scheduler_log(both) if "Received executor event" in line)
    return any(key in line for line in heard)


def scheduler_log(both: Both) -> list[str]:
    return (both.stack.logs / "scheduler.log").read_text(errors="replace").splitlines()


def answered(both: Both, run_id: str, conf: dict[str, Any], chosen: str) -> dict[str, Any]:
    """Answer in the form as a person does; returns what they were shown."""
    api, run = both.stack.api, f"/dags/approve_model/dagRuns/{run_id}"
    start(both, "approve_model", run_id, conf)
    assert eventually(lambda: asks(both, run_id), 180), api.log("approve_model", run_id, "approve", 1)
    place = f"{run}/taskInstances/approve/-1/hitlDetails"
    shown = api.call("GET", place)
    api.call("PATCH", place, {"chosen_options": [chosen], "params_input": {"reason": "read it all"}})
    with pytest.raises(ApiError) as twice:
        api.call("PATCH", place, {"chosen_options": ["Approve"], "params_input": {"reason": "changed my mind"}})
    assert twice.value.status == 409
    return shown


def ended_as_answered(both: Both, run_id: str, chosen: str) -> str:
    """Answer again where Airflow has taken a try and asks once more; returns the run's last state."""
    api, place = both.stack.api, f"/dags/approve_model/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"

    def is_over() -> bool:
        if asks(both, run_id):
            with suppress(ApiError):  # the answer is on its way already
                api.call("PATCH", place, {"chosen_options": [chosen], "params_input": {"reason": "read it all"}})
        return api.run_state("approve_model", run_id) in ("success", "failed")

    assert eventually(is_over, 300)
    return api.run_state("approve_model", run_id)


def seen(both: Both, conf: dict[str, Any]) -> dict[str, Any]:
    sagemaker = both.aws.client("sagemaker")
    found = dict(sagemaker.describe_model_package(ModelPackageName=conf["model_package_arn"]))
    sagemaker.close()
    return found


def billing(both: Both) -> list[Any]:
    return [line for line in both.aws.admin("GET", "bill")["lines"] if line["running"]]


def test_a_yes_is_recorded_deployed_and_ended_again(both: Both) -> None:
    conf = version_of(both.aws, BUCKET, "PendingManualApproval")
    refused = ran(both, "deploy_model", "too_early", conf | {"endpoint_name": "live"})
    assert refused == "failed"
    assert "PendingManualApproval" in "\n".join(both.stack.api.log("deploy_model", "too_early", "deploy", 1))
    shown = answered(both, "yes", conf, "Approve")
    assert conf["model_package_arn"].rsplit("/", 1)[-1] in shown["subject"]
    assert f"s3://{BUCKET}/registered/model.tar.gz" in shown["body"]
    assert ended_as_answered(both, "yes", "Approve") == "success", both.stack.api.log(
        "approve_model", "yes", "approve", 1
    )
    version = seen(both, conf)
    assert version["ModelApprovalStatus"] == "Approved"
    assert "admin" in version["ApprovalDescription"]
    assert "Reason: read it all" in version["ApprovalDescription"]
    state = ran(both, "deploy_model", "now", conf | {"endpoint_name": "live"})
    assert state == "success", both.stack.api.log("deploy_model", "now", "deploy", 1)
    assert len(billing(both)) == 1
    assert ran(both, "undeploy_model", "end", {"endpoint_name": "live"}) == "success"
    assert billing(both) == []


def test_a_no_is_recorded_and_never_deployed(both: Both) -> None:
    conf = version_of(both.aws, BUCKET, "PendingManualApproval")
    answered(both, "no", conf, "Reject")
    assert ended_as_answered(both, "no", "Reject") == "success", both.stack.api.log("approve_model", "no", "approve", 1)
    version = seen(both, conf)
    assert version["ModelApprovalStatus"] == "Rejected"
    assert "admin" in version["ApprovalDescription"]
    assert both.stack.api.task("approve_model", "no", "promote")["state"] == "success"
    assert ran(both, "deploy_model", "after_no", conf | {"endpoint_name": "live"}) == "failed"
    log = "\n".join(both.stack.api.log("deploy_model", "after_no", "deploy", 1))
    assert "its approval status is Rejected" in log
    assert "read it all" in log
    assert billing(both) == []


def test_nobody_in_time_is_a_no_by_default(both: Both) -> None:
    conf = version_of(both.aws, BUCKET, "PendingManualApproval")
    assert ran(both, "impatient", "late", conf) == "success"
    version = seen(both, conf)
    assert version["ModelApprovalStatus"] == "Rejected"
    assert "nobody answered in time" in version["ApprovalDescription"]


def test_a_conf_that_names_no_version_is_refused_by_the_form(both: Both) -> None:
    for conf in ({}, {"model_package_arn": "orders/1"}):
        with pytest.raises(ApiError) as refused:
            both.stack.api.trigger("approve_model", "wrong", conf)
        assert refused.value.status == 400
