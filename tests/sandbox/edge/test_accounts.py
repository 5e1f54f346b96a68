"""Several accounts on one endpoint: by an access key of twelve digits, and by AssumeRole into another account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.edge.test_admin import admin
from tests.sandbox.training.account import GROUP, Jobs, wait_for

ONE, OTHER = "123456789012", "222222222222"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1"
SAYS_WHO = """
import os
from pathlib import Path
print("key", os.environ["AWS_ACCESS_KEY_ID"], flush=True)
Path("/opt/ml/model/who.txt").write_text(os.environ["AWS_ACCESS_KEY_ID"])
"""


@pytest.fixture
def one(sandbox: Sandbox) -> Iterator[Jobs]:
    jobs = Jobs(sandbox)
    yield jobs
    jobs.close()


@pytest.fixture
def other(sandbox: Sandbox, aws: Callable[..., Any], one: Jobs) -> Iterator[Jobs]:
    """The same program with the keys that STS gives for a role of the other account."""
    role = f"arn:aws:iam::{OTHER}:role/tuning"
    keys = aws("sts").assume_role(RoleArn=role, RoleSessionName="airflow")["Credentials"]

    class Assumed(Jobs):
        def client(self, service: str) -> Any:
            if service not in self._clients:
                self._clients[service] = boto3.client(
                    service,
                    endpoint_url=sandbox.url,
                    region_name="us-east-1",
                    aws_access_key_id=keys["AccessKeyId"],
                    aws_secret_access_key=keys["SecretAccessKey"],
                    aws_session_token=keys["SessionToken"],
                )
            return self._clients[service]

    jobs = Assumed.__new__(Assumed)
    jobs.sandbox, jobs._clients = sandbox, {}
    jobs.s3, jobs.sagemaker, jobs.logs = (jobs.client(name) for name in ("s3", "sagemaker", "logs"))
    yield jobs
    jobs.close()


def test_a_job_of_the_same_name_in_two_accounts_is_two_jobs(one: Jobs, other: Jobs):
    tags = [{"Key": "whose", "Value": "ours"}]
    arns = [one.create("same", SAYS_WHO, Tags=tags), other.create("same", SAYS_WHO)]
    assert arns == [f"arn:aws:sagemaker:us-east-1:{account}:training-job/same" for account in (ONE, OTHER)]
    assert [jobs.end("same")["TrainingJobStatus"] for jobs in (one, other)] == ["Completed", "Completed"]
    assert one.sagemaker.list_tags(ResourceArn=arns[0])["Tags"] == tags
    assert other.sagemaker.list_tags(ResourceArn=arns[1])["Tags"] == []
    with pytest.raises(one.sagemaker.exceptions.ClientError, match=r"(?i)not find|not found|does not exist"):
        other.sagemaker.list_tags(ResourceArn=arns[0])
    assert any(f"key {ONE}" in line for line in one.printed("same"))
    wait_for(lambda: any(f"key {OTHER}" in line for line in other.printed("same")))
    assert not any(OTHER in line for line in one.printed("same")), f"each account has its own {GROUP}"


def test_what_one_account_has_the_other_does_not_see(one: Jobs, other: Jobs):
    one.create("mine")
    assert other.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    with pytest.raises(one.sagemaker.exceptions.ClientError, match="Requested resource not found"):
        other.describe("mine")
    role = f"arn:aws:iam::{OTHER}:role/serving"
    model = {"ModelName": "m", "ExecutionRoleArn": role, "PrimaryContainer": {"Image": IMAGE}}
    assert other.sagemaker.create_model(**model)["ModelArn"] == f"arn:aws:sagemaker:us-east-1:{OTHER}:model/m"
    assert one.sagemaker.list_models()["Models"] == []
    digits = boto3.client(
        "sagemaker",
        endpoint_url=one.sandbox.url,
        region_name="us-east-1",
        aws_access_key_id=OTHER,
        aws_secret_access_key="any",
    )
    assert [row["ModelName"] for row in digits.list_models()["Models"]] == ["m"], (
        "a key of twelve digits is that account"
    )
    digits.close()
    assert other.client("sts").get_caller_identity()["Account"] == OTHER
    assert {call.account for call in one.sandbox.world.calls.records("sagemaker")} == {ONE, OTHER}
    assert one.end("mine")["TrainingJobStatus"] == "Completed"


def test_a_reset_empties_every_account(one: Jobs, other: Jobs):
    other.create("runs", SAYS_WHO)
    one.sandbox.reset()
    assert [world.settings.account for world in one.sandbox.accounts.all()] == [ONE]
    digits = one.sandbox.accounts.of(OTHER)
    assert digits.store.shelves() == {}
    assert digits.settings.state_dir != one.sandbox.world.settings.state_dir


def test_the_admin_api_takes_an_account(one: Jobs, other: Jobs):
    limit = {"usage": "training", "instance_type": "ml.m5.large", "limit": 0, "account": OTHER}
    assert admin(one.sandbox, "PUT", "quotas", limit)[0] == 200
    with pytest.raises(other.sagemaker.exceptions.ResourceLimitExceeded):
        other.create("none")
    one.create("some")
    documents = admin(one.sandbox, "GET", "state")[1]["documents"]
    assert [(each["kind"], each["account"]) for each in documents] == [("training_job", ONE)]
    status, refused = admin(one.sandbox, "PUT", "quotas", {**limit, "account": "12"})
    assert (status, "exactly twelve digits" in refused["error"]) == (400, True)
    one.end("some")
