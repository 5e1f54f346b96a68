"""Two connections that assume roles in two AWS accounts: what one makes lands in its account, and stays there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from airflow_finetune import FineTuneJobSensor, FineTuneOperator
from tests.execution_api import TaskRun, in_dag, trigger_of
from tests.operators.conftest import Company

ACCOUNTS = {"research": "111111111111", "production": "222222222222"}


class Team:
    """Looks into an account without a connection of Airflow."""

    def __init__(self, company: Company, account: str) -> None:
        keys = {"aws_access_key_id": account, "aws_secret_access_key": "any"}
        self.sagemaker = boto3.client("sagemaker", endpoint_url=company.sandbox.url, region_name="us-east-1", **keys)

    def jobs(self) -> dict[str, str]:
        rows = self.sagemaker.list_training_jobs()["TrainingJobSummaries"]
        return {row["TrainingJobName"]: row["TrainingJobArn"] for row in rows}


@pytest.fixture
def teams(company: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Team]]:
    url = company.sandbox.url
    for name, account in ACCOUNTS.items():
        extra = {
            "role_arn": f"arn:aws:iam::{account}:role/airflow",
            "region_name": "us-east-1",
            "endpoint_url": url,
            "service_config": {"sts": {"endpoint_url": url}},  # the provider asks STS nowhere else to assume a role
        }
        connection = {"conn_type": "aws", "login": "AKIAIOSFODNN7EXAMPLE", "password": "example", "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    made = {name: Team(company, account) for name, account in ACCOUNTS.items()}
    yield made
    for team in made.values():
        team.sagemaker.close()


def tuning(company: Company, connection: str, **options: Any) -> TaskRun:
    """Return the same task, of the same DAG and run, over a connection."""
    options = {"poll_seconds": 0.2, "aws_conn_id": connection, **options}
    return TaskRun(in_dag(lambda: FineTuneOperator(task_id="fine_tune", spec=company.spec(), **options)))


def test_a_job_lands_in_the_account_of_its_connection_and_is_never_adopted_through_another(
    company: Company, teams: dict[str, Team], deferrable: bool
):
    ours, theirs = (tuning(company, name, deferrable=deferrable) for name in ACCOUNTS)
    assert ours.try_once() == "success", ours.error
    assert theirs.try_once() == "success", theirs.error
    assert bool(ours.deferrals) is bool(theirs.deferrals) is deferrable
    name = ours.result["job_name"]
    assert theirs.result["job_name"] == name, "the claim is the same, so the name is"
    for team, account, run in zip(teams.values(), ACCOUNTS.values(), (ours, theirs), strict=True):
        arn = f"arn:aws:sagemaker:us-east-1:{account}:training-job/{name}"
        assert team.jobs() == {name: arn}
        assert run.result["job_arn"] == arn
        tags = {tag["Key"]: tag["Value"] for tag in team.sagemaker.list_tags(ResourceArn=arn)["Tags"]}
        assert tags["airflow-finetune:task"] == "fine_tune"
    assert company.jobs() == {}, "nothing in the account of the keys themselves"
    creates = [(call.account, call.outcome) for call in company.calls("CreateTrainingJob")]
    assert creates == [(account, "ok") for account in ACCOUNTS.values()]
    assert ours.try_once() == "success"
    assert len(company.calls("CreateTrainingJob")) == 2, "a retry finds the job of its account"


def test_a_kill_stops_the_job_of_its_own_account_only(company: Company, teams: dict[str, Team]):
    company.hyperparameters = company.slow()
    ours, theirs = (tuning(company, name, deferrable=True) for name in ACCOUNTS)
    for run in (ours, theirs):
        run.try_number = 1
        assert run.run_part(None) == "deferred", run.error
    (name,) = teams["research"].jobs()

    asyncio.run(trigger_of(ours.deferrals[-1]).on_kill())
    status = {
        each: team.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
        for each, team in teams.items()
    }
    assert status["research"] in ("Stopping", "Stopped")
    assert status["production"] == "InProgress"
    assert [call.account for call in company.calls("StopTrainingJob")] == [ACCOUNTS["research"]]


def test_a_sensor_looks_into_the_account_of_its_connection(company: Company, teams: dict[str, Team], deferrable: bool):
    run = tuning(company, "research")
    assert run.try_once() == "success", run.error
    options = {"job_name": run.result["job_name"], "deferrable": deferrable, "poke_interval": 0.2}
    found, not_there = (
        TaskRun(in_dag(lambda name=name: FineTuneJobSensor(task_id="wait", aws_conn_id=name, **options)))
        for name in ACCOUNTS
    )
    assert found.try_once() == "success", found.error
    assert not_there.try_once() == "failed"
    assert "Check the name, the region and the account" in str(not_there.error)
