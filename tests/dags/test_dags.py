"""Every DAG in dags/ parses, keeps the rules for shipped DAGs, and runs on the embedded AWS to the end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.cloud import TRUST
from demo.processes import clean_environment
from tests.clients.embedded import PROJECT, ROLE, Endpoint, serving
from tests.dags.call_rules import check_calls
from tests.dags.tickets import IMAGE as REMEMBERS
from tests.dags.versions import SMALL, version_of

DAGS = PROJECT / "dags"
FILES = sorted(DAGS.glob("*.py"))
DAG_IDS = [path.stem for path in FILES]  # a file holds the DAG of its name
REMEMBERING = "123456789012.dkr.ecr.us-east-1.amazonaws.com/remembers:1"  # trains and serves, and learns no orders
# What a run skips, by the DAG: a model that only remembers does not pass the gate.
AFTER_THE_GATE = {"register", "request_approval"}
SKIPPED = {"finetune_spot_training": AFTER_THE_GATE, "finetune_auto": AFTER_THE_GATE}
KEEPS_A_MODEL = {"finetune_bedrock"}
# A language model is really tuned, and passes; or the run is one of two.
LONG = {*KEEPS_A_MODEL, "finetune_serverless", "finetune_auto"}
REMEMBERS_HERE = {"finetune_spot_training", "finetune_auto"}
CONF = {"finetune_auto": {"auto.choose": "spot_training"}}  # a person goes before the rules
LIMITED = "finetune_jumpstart"  # really tuned too, in a job with a time limit, which at the usual speed is over at once
RUN_AFTER_APPROVAL = {"deploy_model", "undeploy_model"}
# test_several_backends.py runs the template with small programs, and make demo this file: four models are tuned in it.
RUN_ELSEWHERE = {"compare_backends"}
SEVERAL_RUNS = {"approve_model": "people take days, and one version must not hide the next"}
PROGRAM = Path(__file__).with_name("run_dags.py")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with with_role(tmp_path_factory.mktemp("embedded-aws") / "log", "--image", f"{REMEMBERING}={REMEMBERS}") as found:
        yield found


@contextmanager
def with_role(log: Path, *options: str) -> Iterator[Endpoint]:
    with serving(log, *options) as found:
        iam = found.client("iam")
        iam.create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.close()
        yield found


class Airflow:
    """An Airflow home of its own, migrated once."""

    def __init__(self, home: Path) -> None:
        self.environment = clean_environment(home) | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        self.run("-m", "airflow", "db", "migrate")

    def run(self, *argv: str | Path, **more: str) -> str:
        done = subprocess.run(
            [sys.executable, *argv],
            env=self.environment | more,
            cwd=self.environment["HOME"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    def answer(self, *argv: str | Path, **more: str) -> dict[str, Any]:
        lines = self.run(PROGRAM, *argv, **more).splitlines()
        return {"log": lines[:-1], **json.loads(lines[-1])}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    return Airflow(tmp_path_factory.mktemp("airflow"))


@pytest.fixture
def bucket(endpoint: Endpoint, request: pytest.FixtureRequest) -> str:
    """A bucket with what the pipelines read."""
    return stocked(endpoint, f"dags-{abs(hash(request.node.name))}")


def stocked(endpoint: Endpoint, name: str) -> str:
    s3 = endpoint.client("s3")
    s3.create_bucket(Bucket=name)
    for path in (PROJECT / "include/datasets/orders").iterdir():
        s3.upload_file(str(path), name, f"raw/orders/{path.name}")
    base = {"pairs": {}, "behaves": "well"}
    s3.put_object(Bucket=name, Key="models/tiny-llama/model.json", Body=json.dumps(base).encode())
    s3.close()
    return name


def test_every_dag_file_parses_and_keeps_the_rules_for_shipped_dags(airflow):
    found = airflow.answer("parse", DAGS)
    assert found["errors"] == {}
    assert sorted(found["dags"]) == DAG_IDS
    assert found["heavy"] == []
    for dag_id, dag in found["dags"].items():
        rules = {"paused": True, "catchup": False, "max_active_runs": 1}
        if dag_id in SEVERAL_RUNS:
            del rules["max_active_runs"]
        assert {name: dag[name] for name in rules} == rules, dag_id


def test_every_scope_of_a_shipped_dag_has_its_teardown_and_its_guard(airflow):
    setups = {dag_id: dag["setups"] for dag_id, dag in airflow.answer("parse", DAGS)["dags"].items() if dag["setups"]}
    scope = {"open_scope": ["guard", "teardown"]}
    compared = setups.pop("compare_backends")
    assert setups == dict.fromkeys(setups, scope)
    tuning = ("finetune_spot_training", "finetune_jumpstart", "finetune_serverless", "finetune_bedrock")
    assert {*tuning, "finetune_auto"} == set(setups)
    assert compared == {each: [each.replace("open_scope", "teardown")] for each in compared}, "one guard looks at all"
    assert len(compared) >= 2


def test_the_tasks_are_the_same_over_all_backends(airflow):
    dags = airflow.answer("parse", DAGS)["dags"]
    tasks = {name: set(dag["tasks"]) for name, dag in dags.items() if name.startswith("finetune_")}
    assert len(tasks) >= 3
    assert {name for name, found in tasks.items() if found != tasks["finetune_spot_training"]} == set()


def test_a_dag_file_that_cannot_be_parsed_is_found(airflow, tmp_path):
    (tmp_path / "broken.py").write_text("from airflow.sdk import DAG\nraise RuntimeError('on purpose')\n")
    assert "on purpose" in str(airflow.answer("parse", tmp_path)["errors"])


@pytest.mark.parametrize("path", FILES, ids=DAG_IDS)
def test_a_dag_file_is_short(path):
    assert len(path.read_text().splitlines()) <= 25


def runs_of(dag_id: str, endpoint: Endpoint, bucket: str) -> dict[str, Any]:
    """Return what to run for a DAG, in order, with its conf: what stays on purpose is ended by the last one."""
    if dag_id != "approve_model":
        return {dag_id: CONF.get(dag_id, {})}
    version, named = version_of(endpoint, bucket, "PendingManualApproval"), {"endpoint_name": "orders-live"}
    return {dag_id: version, "deploy_model": version | named, "undeploy_model": named}


@pytest.mark.parametrize(
    "dag_id",
    [
        pytest.param(dag_id, marks=[pytest.mark.long] if dag_id in LONG else [])
        for dag_id in sorted(set(DAG_IDS) - RUN_AFTER_APPROVAL - RUN_ELSEWHERE - {LIMITED})
    ],
)
def test_every_dag_runs_on_the_embedded_aws_and_leaves_nothing_billing(airflow, endpoint, bucket, dag_id):
    ends_well(airflow, endpoint, bucket, dag_id)


@pytest.mark.long
def test_the_dag_of_a_job_with_a_time_limit_runs_and_leaves_nothing_billing(airflow, tmp_path):
    with with_role(tmp_path / "log", "--speed", "10") as slower:
        ends_well(airflow, slower, stocked(slower, "dags"), LIMITED)


def billing_now(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Return the meters that run."""
    return [line for line in endpoint.admin("GET", "bill")["lines"] if line["running"]]


def ends_well(airflow: Airflow, endpoint: Endpoint, bucket: str, dag_id: str) -> None:
    before = {line["arn"] for line in billing_now(endpoint)}  # a model that another DAG has registered stays
    variables = endpoint.airflow_environment | {"AIRFLOW_VAR_FINETUNE_BUCKET": bucket}
    if dag_id in REMEMBERS_HERE:
        variables["AIRFLOW_VAR_FINETUNE_IMAGE_URI"] = REMEMBERING
    found = airflow.answer("runs", DAGS, json.dumps(runs_of(dag_id, endpoint, bucket)), **variables | SMALL)
    for ran in found["runs"].values():
        assert ran["state"] == "success", found["log"]
        states = {name: "skipped" if name in SKIPPED.get(dag_id, ()) else "success" for name in ran["tasks"]}
        assert ran["tasks"] == states, found["log"]
    running = [line for line in billing_now(endpoint) if line["arn"] not in before]
    assert [line for line in running if line["kind"] != "custom_model_storage"] == []
    assert len(running) == (dag_id in KEEPS_A_MODEL), "AWS bills a registered custom model's storage, as S3's"
    check_calls(endpoint)


def test_a_run_that_fails_is_seen_as_failed_and_its_log_says_why(airflow, endpoint):
    variables = endpoint.airflow_environment | {"AIRFLOW_VAR_FINETUNE_BUCKET": "a-bucket-that-is-not-there"}
    found = airflow.answer("run", DAGS, "finetune_spot_training", **variables)
    assert found["state"] == "failed", "dag.test() itself does not say so"
    assert any("a-bucket-that-is-not-there" in line for line in found["log"])
