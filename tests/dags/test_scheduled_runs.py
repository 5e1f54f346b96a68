"""What a scheduler does with a pipeline: a backfill of windows, and a clear of a task whose endpoints are gone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from demo.airflow_stack import AirflowStack
from demo.processes import Processes
from tests.clients.embedded import PROJECT, Endpoint, serving
from tests.dags.call_rules import check_calls
from tests.dags.tickets import IMAGE, pipeline, prepare, write_dag
from tests.kills.harness import wait_for

pytestmark = pytest.mark.long  # starts a whole Airflow

PATIENCE_SECONDS = 400.0
FIRST, DAYS, EMPTY = date(2026, 1, 1), 4, 2


@dataclasses.dataclass(frozen=True)
class Scheduled:
    """A real Airflow with two pipelines, and the AWS that they use."""

    stack: AirflowStack
    aws: Endpoint

    def known(self, dag_id: str) -> None:
        wait_for(f"DAG {dag_id}", lambda: self.stack.api.dag_is_known(dag_id))
        self.stack.api.unpause(dag_id)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self.stack.api.tasks(dag_id, run_id)}

    def output(self, dag_id: str, run_id: str, task_id: str) -> Any:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?deserialize=true"
        return self.stack.api.call("GET", path)["value"]

    def ended(self, dag_id: str, run_id: str) -> str:
        """Wait for the end of a run; return its state."""
        ended = ("success", "failed")
        wait_for(f"the end of {run_id}", lambda: self.stack.api.run_state(dag_id, run_id) in ended, PATIENCE_SECONDS)
        return self.stack.api.run_state(dag_id, run_id)

    def clear(self, dag_id: str, run_id: str, **what: Any) -> None:
        body = {"dag_run_id": run_id, "dry_run": False, "reset_dag_runs": True, **what}
        self.stack.api.call("POST", f"/dags/{dag_id}/clearTaskInstances", body)

    def made(self, operation: str, of: str) -> list[dict[str, Any]]:
        """Return what was asked in the calls of an operation that AWS carried out for a DAG."""
        calls = self.aws.admin("GET", f"calls?operation={operation}")["calls"]
        name = {"CreateTrainingJob": "TrainingJobName", "CreateEndpoint": "EndpointName"}[operation]
        done = [call["params"] for call in calls if call["outcome"] == "ok"]
        return [params for params in done if params[name].startswith(f"{of}-")]

    def nothing_left(self) -> bool:
        check_calls(self.aws)
        sagemaker = self.aws.client("sagemaker")
        left = [*sagemaker.list_endpoints()["Endpoints"], *sagemaker.list_models()["Models"]]
        left += sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
        sagemaker.close()
        return not left and not any(line["running"] for line in self.aws.admin("GET", "bill")["lines"])


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    folder = tmp_path_factory.mktemp("scheduled")
    (dags := folder / "dags").mkdir()
    write_dag(dags, "daily", pipeline("scheduled", schedule="@daily"))
    write_dag(dags, "cleared", pipeline("scheduled", data={"source": f"s3://scheduled/raw/{FIRST}/"}))
    with serving(folder / "sandbox.log", "--slots", "4", image=IMAGE) as aws, Processes() as processes:
        prepare(aws, "scheduled", FIRST, DAYS, frozenset({EMPTY}))
        more = {"AIRFLOW_VAR_FINETUNE_BUCKET": "scheduled"}
        with AirflowStack(
            processes,
            folder,
            dags=dags,
            plugins=PROJECT / "plugins",
            environment=aws.airflow_environment | more,
            parallelism=6,
        ) as stack:
            yield Scheduled(stack, aws)


def test_a_backfill_of_three_windows_makes_three_datasets_three_jobs_and_three_leases(scheduled: Scheduled) -> None:
    """And a fourth window, which is empty, ends before money is spent."""
    scheduled.known("daily")
    asked = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-04T00:00:00Z", "max_active_runs": 3}
    scheduled.stack.api.call("POST", "/backfills", {"dag_id": "daily", **asked})
    listed = "/dags/daily/dagRuns?run_type=backfill&order_by=logical_date"
    wait_for("the runs", lambda: scheduled.stack.api.call("GET", listed)["total_entries"] == DAYS)
    runs = {run["logical_date"][:10]: run["dag_run_id"] for run in scheduled.stack.api.call("GET", listed)["dag_runs"]}
    assert sorted(runs) == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
    assert {run: scheduled.ended("daily", run) for run in runs.values()} == dict.fromkeys(runs.values(), "success")

    empty = runs.pop("2026-01-03")
    assert set(scheduled.tasks("daily", empty).values()) == {"skipped"}, scheduled.tasks("daily", empty)
    assert set(scheduled.tasks("daily", runs["2026-01-01"]).values()) == {"success"}
    data = {day: scheduled.output("daily", run, "curate") for day, run in runs.items()}
    models = {day: scheduled.output("daily", run, "fine_tune") for day, run in runs.items()}
    scopes = {day: scheduled.output("daily", run, "open_scope") for day, run in runs.items()}
    assert len({each["dataset_version"] for each in data.values()}) == 3
    assert {day: each["source"]["uri"].rstrip("/")[-10:] for day, each in data.items()} == {day: day for day in runs}
    assert {each["golden"]["sha256"] for each in data.values()} == {data["2026-01-01"]["golden"]["sha256"]}
    assert {day: each["dataset"]["uri"] for day, each in models.items()} == {
        day: each["train"]["uri"] for day, each in data.items()
    }
    jobs = [params["TrainingJobName"] for params in scheduled.made("CreateTrainingJob", "daily")]
    assert sorted(jobs) == sorted(each["job_name"] for each in models.values()), "the empty window has none"
    assert len(set(jobs)) == len(jobs) == 3
    leases = {
        tag["Value"]
        for params in scheduled.made("CreateEndpoint", "daily")
        for tag in params["Tags"]
        if tag["Key"] == "airflow-finetune:owner"
    }
    assert leases == {each["scope_id"] for each in scopes.values()}
    assert len(leases) == 3
    assert scheduled.nothing_left()


def test_clear_failed_only_after_teardown_says_what_to_clear_and_that_makes_no_second_job(
    scheduled: Scheduled,
) -> None:
    dag_id, run_id, api = "cleared", "one", scheduled.stack.api
    scheduled.known(dag_id)
    denied = {"kind": "access_denied", "operation": "InvokeEndpoint"}
    rule = scheduled.aws.admin("POST", "faults", denied)["id"]
    api.trigger(dag_id, run_id)
    assert scheduled.ended(dag_id, run_id) == "failed"
    states = scheduled.tasks(dag_id, run_id)
    assert (states["evaluate"], states["teardown"], states["guard"]) == ("failed", "success", "failed")
    assert scheduled.nothing_left()
    scheduled.aws.admin("DELETE", f"faults/{rule}")

    scheduled.clear(dag_id, run_id, only_failed=True)
    assert scheduled.ended(dag_id, run_id) == "failed"
    tries = api.task(dag_id, run_id, "evaluate")["try_number"]
    log = "\n".join(api.log(dag_id, run_id, "evaluate", tries))
    assert "Clear open_scope too: that clears deploy, and a new lease begins." in log
    assert "AWS answered ValidationError" in log

    scheduled.clear(dag_id, run_id, only_failed=False, task_ids=["open_scope"], include_downstream=True)
    assert scheduled.ended(dag_id, run_id) == "success", scheduled.tasks(dag_id, run_id)
    assert set(scheduled.tasks(dag_id, run_id).values()) == {"success"}
    assert len(scheduled.made("CreateTrainingJob", dag_id)) == 1
    assert len(scheduled.made("CreateEndpoint", dag_id)) == 4, "the control: two for each opening of the scope"
    assert scheduled.nothing_left()
