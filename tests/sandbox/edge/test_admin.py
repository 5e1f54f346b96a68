"""/_sandbox/: who may use it, and what it tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.edge.wire import ask, message, signature

Aws = Callable[..., Any]


def admin(sandbox: Sandbox, method: str, path: str, document: Any = None, **headers: str) -> tuple[int, Any]:
    body = b"" if document is None else json.dumps(document).encode()
    chosen = {
        "host": urlsplit(sandbox.url).netloc,
        "x_sandbox_token": sandbox.token,
        "content_type": "application/json",
        "authorization": "",
        **headers,
    }
    reply = ask(sandbox.url, message(body, method=method, path=f"/_sandbox/{path}", target=None, **chosen))
    return reply.status, reply.document


def test_whoever_holds_the_token_is_let_in(sandbox: Sandbox) -> None:
    assert admin(sandbox, "GET", "health") == (200, {"status": "ok", "speed": 1000.0})


@pytest.mark.parametrize("token", ["", "wrong", "ünïcode"])
def test_without_the_token_nothing_is_told_or_done(sandbox: Sandbox, token: str) -> None:
    sandbox.world.store.put("kind", "us-east-1", "name", {})
    for method, path in (("GET", "state"), ("POST", "reset"), ("GET", "nothing")):
        status, document = admin(sandbox, method, path, x_sandbox_token=token)
        assert status == 401
        assert list(document) == ["error"]
    assert sandbox.world.store.shelves() != {}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:PORT", "127.0.0.1", "localhost.evil.example:PORT", ""])
def test_another_host_name_is_refused_even_with_the_token(sandbox: Sandbox, host: str) -> None:
    port = str(urlsplit(sandbox.url).port)
    assert admin(sandbox, "GET", "health", host=host.replace("PORT", port))[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "[::1]:PORT"])
def test_the_loopback_names_are_let_in(sandbox: Sandbox, host: str) -> None:
    port = str(urlsplit(sandbox.url).port)
    assert admin(sandbox, "GET", "health", host=host.replace("PORT", port))[0] == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [("origin", "https://evil.example"), ("origin", "null"), ("sec_fetch_site", "cross-site"),
     ("sec_fetch_site", "same-site")],
)  # fmt: skip
def test_pages_of_other_origins_are_refused_even_with_the_token(sandbox: Sandbox, header: str, value: str) -> None:
    assert admin(sandbox, "GET", "health", **{header: value})[0] == 403


def test_a_rule_is_added_listed_and_removed(sandbox: Sandbox) -> None:
    status, rule = admin(sandbox, "POST", "faults", {"kind": "throttle", "operation": "List*", "every": 2})
    assert (status, rule["id"]) == (200, "fault-1")
    assert [each["kind"] for each in admin(sandbox, "GET", "faults")[1]["faults"]] == ["throttle"]
    assert admin(sandbox, "DELETE", "faults/fault-9")[0] == 404
    assert admin(sandbox, "DELETE", "faults/fault-1") == (200, {"faults": []})
    admin(sandbox, "POST", "faults", {"kind": "capacity"})
    assert admin(sandbox, "DELETE", "faults") == (200, {"faults": []})


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("POST", "faults", {"kind": "thunder"}),
        ("POST", "faults", ["throttle"]),
        ("POST", "clock/advance", {"seconds": "soon"}),
        ("POST", "clock/advance", {"seconds": -1}),
        ("POST", "clock/advance", {}),
        ("POST", "clock/advance", {"seconds": float("nan")}),
        ("POST", "clock/advance", {"seconds": float("inf")}),
        ("POST", "jobs/j/interrupt", {"notice_seconds": "nan"}),
        ("POST", "jobs/j/interrupt", {"gap_seconds": -1}),
        ("POST", "faults", {"kind": "throttle", "operation": 5}),
        ("POST", "faults", {"kind": "throttle", "match": {"Bucket": 5}}),
        ("POST", "faults", {"kind": "throttle", "first": True}),
        ("POST", "faults", {"kind": "delay", "params": {"seconds": "soon"}}),
        ("POST", "faults", {"kind": "server_error", "params": {"status": 200}}),
        ("POST", "faults", {"kind": "spot_interruption", "params": {"log_pattern": "step=("}}),
        ("POST", "faults", {"kind": "spot_interruption", "params": {"after": 5}}),
        ("PUT", "quotas", {"usage": "flying", "instance_type": "ml.m5.large", "limit": 1}),
        ("PUT", "quotas", {"usage": "training"}),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    sandbox: Sandbox, method: str, path: str, document: Any
) -> None:
    status, answer = admin(sandbox, method, path, document)
    assert (status, list(answer)) == (400, ["error"])
    assert answer["error"]
    assert sandbox.world.faults.rules() == []
    assert sandbox.world.clock.modelled() < 10**12


def test_json_that_is_nested_without_end_is_refused(sandbox: Sandbox, aws: Aws) -> None:
    deep = b"[" * 200_000
    headers = {"host": urlsplit(sandbox.url).netloc, "x_sandbox_token": sandbox.token, "authorization": ""}
    assert ask(sandbox.url, message(deep, path="/_sandbox/faults", target=None, **headers)).status == 400
    to_moto = message(deep, target="Logs_20140328.DescribeLogGroups", authorization=signature("logs"))
    assert ask(sandbox.url, to_moto).status in (400, 500)


def test_broken_json_is_refused(sandbox: Sandbox) -> None:
    headers = {"host": urlsplit(sandbox.url).netloc, "x_sandbox_token": sandbox.token, "authorization": ""}
    assert ask(sandbox.url, message(b"{", path="/_sandbox/faults", target=None, **headers)).status == 400


def test_a_path_that_is_not_there_names_those_that_are(sandbox: Sandbox) -> None:
    status, answer = admin(sandbox, "GET", "nothing")
    assert status == 404
    assert "GET bill" in answer["error"]


def test_interrupting_a_job_that_does_not_exist_is_a_conflict(sandbox: Sandbox) -> None:
    assert admin(sandbox, "POST", "jobs/nobody/interrupt", {})[0] == 409
    assert admin(sandbox, "POST", "jobs/nobody/tickle", {})[0] == 404


def test_time_can_be_skipped(sandbox: Sandbox) -> None:
    before = sandbox.world.clock.modelled()
    assert admin(sandbox, "POST", "clock/advance", {"seconds": 86400})[1]["modelled_seconds"] >= before + 86400


def test_the_bill_shows_each_resource_and_the_sum(sandbox: Sandbox) -> None:
    sandbox.world.billing.charge("arn:job", "training", 2.0, "hours", 3.0)
    sandbox.world.billing.meter("arn:endpoint", "hosting", 3600.0)
    sandbox.world.clock.advance(10)
    bill = admin(sandbox, "GET", "bill")[1]
    assert [(line["arn"], line["running"]) for line in bill["lines"]] == [("arn:job", False), ("arn:endpoint", True)]
    assert bill["total_usd"] >= 13.0


def test_the_state_counts_what_there_is(sandbox: Sandbox) -> None:
    sandbox.world.store.put("kind", "us-east-1", "name", {})
    state = admin(sandbox, "GET", "state")[1]
    assert state["documents"] == [{"kind": "kind", "account": "123456789012", "region": "us-east-1", "names": ["name"]}]
    assert state["isolation"] in ("mount", "userns", "rewrite")


def test_a_quota_can_be_set(sandbox: Sandbox) -> None:
    row = {"usage": "training", "instance_type": "ml.g5.2xlarge", "limit": 0}
    assert admin(sandbox, "PUT", "quotas", row)[0] == 200
    assert sandbox.world.quotas.limit("us-east-1", "training", "ml.g5.2xlarge") == 0
    assert sandbox.world.quotas.limit("eu-west-1", "training", "ml.g5.2xlarge") > 0
    rows = admin(sandbox, "GET", "quotas?region=us-east-1")[1]["quotas"]
    assert row.items() <= next(each for each in rows if each["name"] == "ml.g5.2xlarge for training job usage").items()


def test_the_call_log_has_every_call_in_order_with_its_outcome(sandbox: Sandbox, aws: Aws) -> None:
    aws("s3").create_bucket(Bucket="bucket")
    aws("sagemaker").list_training_jobs(NameContains="x")
    with pytest.raises(Exception, match="NoSuchBucket"):
        aws("s3").get_object(Bucket="nowhere", Key="a/b")
    calls = admin(sandbox, "GET", "calls")[1]
    assert [(c["service"], c["operation"], c["status"], c["params"]) for c in calls["calls"]] == [
        ("s3", "CreateBucket", 200, {"Bucket": "bucket"}),
        ("sagemaker", "ListTrainingJobs", 200, {"NameContains": "x"}),
        ("s3", "GetObject", 404, {"Bucket": "nowhere", "Key": "a/b"}),
    ]
    assert calls["calls"][2]["outcome"] != "ok"
    only = admin(sandbox, "GET", "calls?service=sagemaker")[1]["calls"]
    assert [call["operation"] for call in only] == ["ListTrainingJobs"]


def test_the_call_log_holds_no_secret(sandbox: Sandbox, aws: Aws) -> None:
    aws("secretsmanager").create_secret(
        Name="s", SecretString="hunter2", Tags=[{"Key": "API_TOKEN", "Value": "hunter2"}]
    )
    aws("iam").create_user(UserName="u")
    aws("iam").create_login_profile(UserName="u", Password="hunter2")
    with pytest.raises(Exception, match="Exception"):
        aws("sagemaker").create_training_job(
            TrainingJobName="j",
            RoleArn="arn:aws:iam::123456789012:role/r",
            AlgorithmSpecification={"TrainingInputMode": "File", "TrainingImage": "i"},
            OutputDataConfig={"S3OutputPath": "s3://nowhere/"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            HyperParameters={"hf_token": "hunter2", "max_tokens": "512"},
            Environment={"WANDB_API_KEY": "hunter2"},
            EnableManagedSpotTraining=True,
        )
    text = json.dumps(admin(sandbox, "GET", "calls")[1])
    assert "hunter2" not in text
    assert "[redacted]" in text
    assert '"max_tokens": "512"' in text
