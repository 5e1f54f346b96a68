"""docs/adding-to-your-dag.md as a team would use it: its blocks are DAGs that run, its policies what runs need."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from demo.cloud import TRUST
from tests.clients.embedded import PROJECT, REGION, ROLE, Endpoint, serving
from tests.dags.call_rules import check_calls
from tests.dags.test_dags import REMEMBERING, REMEMBERS, Airflow
from tests.dags.tickets import golden
from tests.dags.whole_runs import Run, run_all
from tests.execution_api import TaskRun, in_dag, trigger_of

pytestmark = pytest.mark.long

PAGE = (PROJECT / "docs/adding-to-your-dag.md").read_text()
ACCOUNTS = {"research": "111111111111", "production": "222222222222"}
MAPPED = {"many_specs": 2, "many_datasets": 4, "many_plans": 2, "many_waits": 1}
DAG_IDS = ["one_task", *MAPPED, "careful", "uses_the_model", "two_accounts"]
# What a logged call is allowed by, where the action is not named as the operation is.
ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
}
PULLS_THE_IMAGE = {
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def allowed(policy: str) -> set[str]:
    """Return the actions of a policy."""
    rows = [statement["Action"] for statement in json.loads(policy)["Statement"]]
    return {action for row in rows for action in ([row] if isinstance(row, str) else row)}


def needed(calls: list[Mapping[str, Any]]) -> set[str]:
    """Return the actions that some calls need, those included that AWS asks for beside the operation's own."""
    found = set()
    for call in calls:
        action = f"{call['service']}:{call['operation']}"
        found.add(ACTIONS.get(action, action))
        if call["operation"] == "CreateTrainingJob":
            found |= {"sagemaker:AddTags"} if call["params"].get("Tags") else set()
            found |= {"iam:PassRole"} if call["params"].get("RoleArn") else set()
    return found


def connection(url: str, **extra: Any) -> str:
    whole = {"endpoint_url": url, "region_name": REGION, **extra}
    return json.dumps({"conn_type": "aws", "login": "any", "password": "any", "extra": whole})


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    log = tmp_path_factory.mktemp("embedded-aws") / "log"
    with serving(log, "--image", f"{REMEMBERING}={REMEMBERS}") as found:
        s3 = found.client("s3")
        s3.create_bucket(Bucket="acme")
        s3.put_object(Bucket="acme", Key="models/base/model.json", Body=b'{"pairs": {}, "behaves": "well"}')
        s3.put_object(Bucket="acme", Key="golden.jsonl", Body=golden())
        turns = [{"role": "user", "content": "two mugs"}, {"role": "assistant", "content": "mugs: 2"}]
        for name in ("train.jsonl", "train-2.jsonl"):
            s3.put_object(Bucket="acme", Key=name, Body=json.dumps({"messages": turns}).encode() + b"\n")
        s3.close()
        iam = found.client("iam")
        iam.create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.close()
        yield found


class Ran:
    """What came of the page's DAGs, and the calls to AWS that they made."""

    def __init__(self, runs: dict[str, Run], calls: dict[str, list[Any]], own: list[Any]) -> None:
        self.runs, self.calls, self.own = runs, calls, own


@pytest.fixture(scope="module")
def ran(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("their-dags")
    (folder / "theirs.py").write_text("\n\n".join(blocks("python")))
    airflow = Airflow(tmp_path_factory.mktemp("airflow"))
    airflow.run("-m", "airflow", "pools", "set", "fine_tuning", "2", "for the test")
    variables = {
        **endpoint.airflow_environment,
        "AIRFLOW_VAR_FINETUNE_IMAGE_URI": REMEMBERING,
        "AIRFLOW_VAR_FINETUNE_SERVING_IMAGE_URI": REMEMBERING,
        "AIRFLOW_VAR_FINETUNE_BUCKET": "acme",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
    }
    for name, account in ACCOUNTS.items():
        role = f"arn:aws:iam::{account}:role/airflow"
        sts = {"sts": {"endpoint_url": endpoint.url}}
        variables[f"AIRFLOW_CONN_{name.upper()}"] = connection(endpoint.url, role_arn=role, service_config=sts)
    before = run_all(airflow, folder, {"one_task": {}}, **variables)
    calls = {"one_task": endpoint.admin("GET", "calls")["calls"]}
    own = endpoint.admin("GET", "calls?internal=true")["calls"]
    runs = before | run_all(airflow, folder, {dag_id: {} for dag_id in DAG_IDS[1:]}, **variables)
    calls["all"] = endpoint.admin("GET", "calls")["calls"]
    return Ran(runs, calls, own)


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_every_dag_of_the_page_runs_to_the_end(ran: Ran, dag_id: str) -> None:
    run = ran.runs[dag_id]
    assert run.state == "success", run.log[-6000:]
    assert set(run.tasks.values()) == {"success"}, run.tasks


def test_the_page_shows_no_other_dag() -> None:
    assert re.findall(r'DAG\("(\w+)"', PAGE) == DAG_IDS


def test_each_mapped_instance_has_a_job_of_its_own_that_says_its_index(ran: Ran) -> None:
    indices: dict[str, list[str]] = {}
    for call in ran.calls["all"]:
        if call["operation"] == "CreateTrainingJob":
            tags = {tag["Key"]: tag["Value"] for tag in call["params"]["Tags"]}
            indices.setdefault(tags["airflow-finetune:dag"], []).append(tags["airflow-finetune:map-index"])
    assert {dag_id: len(indices[dag_id]) for dag_id in MAPPED} == MAPPED
    assert sorted(indices["many_specs"]) == sorted(indices["many_plans"]) == ["0", "1"]
    assert indices["one_task"] == ["-1"]


def test_what_is_served_for_an_index_is_torn_down_with_it_and_nothing_is_left(ran: Ran, endpoint: Endpoint) -> None:
    check_calls(endpoint)
    made = [call["params"]["EndpointName"] for call in ran.calls["all"] if call["operation"] == "CreateEndpoint"]
    of_plans = {name for name in made if name.startswith("many-plans-")}
    assert len(of_plans) == 4, "two arms for each of two instances"


def test_two_connections_work_in_two_accounts_from_the_job_to_the_teardown(ran: Ran) -> None:
    operations = ("CreateTrainingJob", "CreateEndpoint", "InvokeEndpoint", "DeleteEndpoint", "DeleteModel")
    seen = {(call["operation"], call["account"]) for call in ran.calls["all"] if call["operation"] in operations}
    for account in ACCOUNTS.values():
        assert {operation for operation, whose in seen if whose == account} == set(operations)
    deleted: dict[str, set[str]] = {account: set() for account in ACCOUNTS.values()}
    created: dict[str, set[str]] = {account: set() for account in ACCOUNTS.values()}
    for call in ran.calls["all"]:
        if call["account"] in deleted and call["outcome"] == "ok" and call["operation"].endswith("eEndpoint"):
            kept = created if call["operation"] == "CreateEndpoint" else deleted
            kept[call["account"]].add(call["params"]["EndpointName"])
    assert created == {account: deleted[account] & created[account] for account in created}
    assert all(len(names) == 2 for names in created.values())


def test_the_policy_for_submission_is_what_the_runs_need(
    ran: Ran, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in endpoint.airflow_environment.items():
        monkeypatch.setenv(name, value)
    so_far = endpoint.admin("GET", "calls")["total"]
    _killed_while_it_runs()
    killed = endpoint.admin("GET", "calls")["calls"][so_far:]
    assert "StopTrainingJob" in {call["operation"] for call in killed}
    ours = [call for call in [*ran.calls["one_task"], *killed] if call["service"] not in ("sts",)]
    ours = [call for call in ours if call["operation"] not in ("CreateBucket", "CreateRole") and not _of_the_test(call)]
    assert allowed(blocks("json")[0]) == needed(ours)


def test_the_policy_of_the_job_is_what_the_embedded_aws_does_in_its_name(ran: Ran) -> None:
    done = {action for action in needed(ran.own) if not action.startswith("events:")}  # AWS's own events
    assert allowed(blocks("json")[1]) == done | PULLS_THE_IMAGE


@pytest.mark.parametrize("changed", [{"sagemaker:StopTrainingJob"}, {"s3:DeleteObject"}])
def test_an_action_too_few_or_too_many_is_found(changed: set[str]) -> None:
    assert allowed(blocks("json")[0]) ^ changed != allowed(blocks("json")[0])


def _of_the_test(call: Mapping[str, Any]) -> bool:
    """Whether this file put it into the bucket; the operators write below tuned/ only."""
    return call["service"] == "s3" and not str(call["params"].get("Key", "")).startswith("tuned/")


def _killed_while_it_runs() -> None:
    from airflow_finetune import FineTuneOperator

    fields = {
        "base_model": "s3://acme/models/base/",
        "output_uri": "s3://acme/tuned/",
        "dataset": "s3://acme/train.jsonl",
    }
    spec = {**fields, "role_arn": ROLE, "image_uri": REMEMBERING, "max_runtime_seconds": 3000}
    run = TaskRun(in_dag(lambda: FineTuneOperator(task_id="killed", spec=spec, deferrable=True), dag_id="killed"))
    run.try_number = 1
    assert run.run_part(None) == "deferred", run.error
    asyncio.run(trigger_of(run.deferrals[-1]).on_kill())
