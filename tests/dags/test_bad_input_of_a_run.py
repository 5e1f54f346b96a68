"""What is wrong is said where the run stops, in AWS's words, with what to do; nothing is left billing.

The same faults, each at the lowest layer that can have it, are in the tests of curation, planning, serving and
evaluation: docs/proof.md says where.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from tests.clients.embedded import PROJECT, serving
from tests.dags.call_rules import check_calls
from tests.dags.test_dags import Airflow
from tests.dags.tickets import IMAGE, day_of_tickets, golden, pipeline, prepare, write_dag
from tests.dags.whole_runs import Run, run_all

pytestmark = pytest.mark.long  # twelve whole runs

BEFORE_MONEY = ("curate", "plan")


@dataclass(frozen=True)
class Case:
    """A run with something wrong in it.

    Attributes:
        id: of the DAG, and of the test.
        sections: of the pipeline file, where they differ.
        fails: the task that fails; None for none.
        says: words of the log.
        conf: of the run.
        fault: of the embedded AWS.
        quota: of Spot training, set to this.
        jobs: statuses of the run's training jobs.
        endpoints: how many were created.
        state: of the run.
    """

    id: str
    sections: Mapping[str, Any]
    fails: str | None
    says: tuple[str, ...]
    conf: Mapping[str, Any] = field(default_factory=dict)
    fault: Mapping[str, Any] | None = None
    jobs: tuple[str, ...] = ()
    endpoints: int = 0
    state: str = "failed"


SOURCE = "s3://bad-input/raw/"
CASES = (
    Case("all_well", {}, None, ("PASS: ",), jobs=("Completed",), endpoints=2, state="success"),
    Case(
        "misspelt_conf_key",
        {"form": ["model.max_steps"]},
        "curate",
        ("'model.max_step' is no key that this run may set: did you mean 'model.max_steps'?", "Trigger a new run"),
        conf={"model.max_step": 3},
    ),
    Case(
        "conf_that_is_not_allowed",
        {"form": ["model.max_steps"]},
        "curate",
        ("'aws.role_arn' is no key that this run may set", "what the pipeline file lists in 'form'"),
        conf={"aws.role_arn": "arn:aws:iam::123456789012:role/admin"},
    ),
    Case(
        "wrong_address",
        {"data": {"source": "s3://bad-inputs/raw/"}},
        "curate",
        ("s3://bad-inputs/raw/", "NoSuchBucket: The specified bucket does not exist"),
    ),
    Case("missing_column", {"data": {"prompt": "{question}"}}, "curate", ("question", "id, text, topic")),
    Case(
        "messy_export",
        {"data": {"source": "s3://bad-input/messy/"}},
        None,
        (
            "66 records in, 60 out",
            *("Dropped 1: broken_line", "Dropped 1: bad_encoding", "Dropped 1: missing_column"),
            *("Dropped 1: missing_value", "Dropped 1: in_golden_exact", "Dropped 1: in_golden_normalised"),
        ),
        jobs=("Completed",),
        endpoints=2,
        state="success",
    ),
    Case("too_little_money", {"max_usd": 0.5}, "plan", ("max_usd", "$0.50")),
    Case("quota_of_zero", {"compute": {"instance_type": "ml.p4d.24xlarge"}}, "plan", ("quota", "ml.p4d.24xlarge")),
    Case(
        "no_capacity_on_spot",
        {},
        None,
        ("CapacityError", "Fallback: submits"),
        fault={"kind": "capacity", "target": "no-capacity-on-spot-*", "count": 1},
        jobs=("Failed", "Completed"),
        endpoints=2,
        state="success",
    ),
    Case(
        "endpoint_never_ready",
        {"serving": {"startup_timeout_seconds": 60}},
        "deploy_candidate",
        ("did not pass the ping health check", "CloudWatch (/aws/sagemaker/Endpoints/endpoint-never-ready-scope-"),
        fault={"kind": "endpoint_never_answers", "target": "endpoint-never-ready-*-candidate"},
        jobs=("Completed",),
        endpoints=2,
    ),
    Case(
        "candidate_answers_garbage",
        {"model": {"hyperparameters": {"behaves": "garbage"}}},
        None,
        ("REJECT: ",),
        jobs=("Completed",),
        endpoints=2,
        state="success",
    ),
    Case(
        "candidate_answers_nothing",
        {"model": {"hyperparameters": {"behaves": "silent"}}},
        "evaluate",
        ("of 40 items, and 4 are allowed", "AWS answered ModelError: ", "Read the endpoint's log in CloudWatch"),
        jobs=("Completed",),
        endpoints=2,
    ),
)


@dataclass(frozen=True)
class Ended:
    """How a run ended, and what AWS knows of it afterwards: statuses of jobs, and how many endpoints were made."""

    run: Run
    jobs: tuple[str, ...]
    endpoints: int


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """Run all cases, one after the other in one process."""
    folder = tmp_path_factory.mktemp("bad-input")
    (dags := folder / "dags").mkdir()
    for case in CASES:
        data = {"source": SOURCE, **case.sections.get("data", {})}
        write_dag(dags, case.id, pipeline("bad-input", **{**case.sections, "data": data}))
    with serving(folder / "sandbox.log", image=IMAGE) as aws:
        prepare(aws, "bad-input", date(2026, 1, 1), 1)
        s3 = aws.client("s3")
        for name, body in messy_export().items():
            s3.put_object(Bucket="bad-input", Key=f"messy/{name}", Body=body)
        s3.close()
        for case in CASES:
            if case.fault:
                aws.admin("POST", "faults", case.fault)
        airflow = Airflow(folder)
        variables = aws.airflow_environment | {"PYTHONPATH": str(PROJECT / "plugins")}
        confs = {case.id: case.conf for case in CASES}
        more = {"AIRFLOW_VAR_FINETUNE_BUCKET": "bad-input", "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        runs = run_all(airflow, dags, confs, **variables, **more)
        sagemaker = aws.client("sagemaker")
        listed = sagemaker.list_training_jobs(SortBy="CreationTime", SortOrder="Ascending")["TrainingJobSummaries"]
        made = [call["params"] for call in aws.admin("GET", "calls?operation=CreateEndpoint")["calls"]]
        assert sagemaker.list_endpoints()["Endpoints"] == sagemaker.list_models()["Models"] == []
        assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
        sagemaker.close()
        check_calls(aws)
        bill = aws.admin("GET", "bill")["lines"]
        assert bill, "the control: some of it was billed"
        assert [line for line in bill if line["running"]] == []
        yield {
            dag_id: Ended(
                run,
                tuple(job["TrainingJobStatus"] for job in listed if _is_of(job["TrainingJobName"], dag_id)),
                sum(_is_of(call["EndpointName"], dag_id) for call in made),
            )
            for dag_id, run in runs.items()
        }


def messy_export() -> dict[str, bytes]:
    """A day's tickets, an empty file, and a file in which every line has another fault."""
    judged = json.loads(golden().splitlines()[0])["prompt"]
    rows = [
        {"text": "a ticket without a topic"},
        {"text": "a ticket whose topic is null", "topic": None},
        {"text": judged, "topic": "refund"},
        {"text": f" {judged.upper()}", "topic": "refund"},
    ]
    lines = [json.dumps(row).encode() for row in rows]
    lines += [b'{"text": "a line that is cut', '{"text": "Grüße", "topic": "refund"}'.encode("latin-1")]
    return {"tickets.jsonl": day_of_tickets(date(2026, 1, 2)), "empty.jsonl": b"", "faults.jsonl": b"\n".join(lines)}


def _is_of(name: str, dag_id: str) -> bool:
    return name.startswith((f"{dag_id.replace('_', '-')}-fine-tune", f"{dag_id.replace('_', '-')}-scope"))


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_run_says_what_is_wrong_and_leaves_nothing_billing(case: Case, ended: dict[str, Ended]) -> None:
    run, jobs, endpoints = ended[case.id].run, ended[case.id].jobs, ended[case.id].endpoints
    assert run.state == case.state, run.log[-4000:]
    failed = [task_id for task_id, state in run.tasks.items() if state == "failed"]
    assert sorted(set(failed) - {"guard"}) == ([case.fails] if case.fails else []), run.tasks
    for words in case.says:
        assert words in run.log, "\n".join(line for line in run.log.splitlines() if "rror" in line)[-4000:]
    assert (jobs, endpoints) == (case.jobs, case.endpoints)
    if endpoints:
        assert run.tasks["teardown"] == "success"
        assert run.tasks["guard"] == run.state, "a run with a failed task ends failed, though its teardown went well"
    else:
        assert set(run.tasks.values()) <= {"success", "failed", "upstream_failed"}
        assert case.fails in BEFORE_MONEY, "nothing was paid for what could be known before"
