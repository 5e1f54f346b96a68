"""The life of an endpoint: created, in service, updated, resized, failed, deleted, billed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.hosting.account import ECHO, IMAGE, ROLE, Account, packed, processes_of, until

HEALTH = (
    "The primary container for production variant AllTraffic did not pass the ping health check. Please check "
    "CloudWatch logs for this endpoint."
)


def error_of(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Message"])


def test_an_endpoint_serves_a_model_until_it_is_deleted(account: Account) -> None:
    account.model("m", Environment={"MARKER": "life"})
    seen = account.endpoint("e")
    assert seen["EndpointConfigName"] == "e-config"
    variant = seen["ProductionVariants"][0]
    assert (variant["VariantName"], variant["CurrentWeight"], variant["CurrentInstanceCount"]) == ("AllTraffic", 1.0, 1)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == IMAGE
    assert account.invoke({"x": [1, 2]}) == {"data": {"x": [1, 2]}, "model": "first"}
    assert len(processes_of("life")) == 1
    account.sagemaker.delete_endpoint(EndpointName="e")
    account.wait_gone("e")
    assert processes_of("life") == []
    assert list((account.sandbox.settings.state_dir / "endpoints").iterdir()) == []


def test_the_log_of_a_server_is_in_cloudwatch(account: Account) -> None:
    account.model("m", script=ECHO + "\nprint('hello from the script')\n")
    account.endpoint("e")
    until(lambda: "hello from the script" in account.log("e"))
    streams = account.logs.describe_log_streams(logGroupName="/aws/sagemaker/Endpoints/e")["logStreams"]
    assert [stream["logStreamName"].rpartition("/")[0] for stream in streams] == ["AllTraffic"]
    assert streams[0]["logStreamName"].startswith("AllTraffic/i-")


def test_the_model_and_its_configuration_may_be_deleted_while_they_serve(account: Account) -> None:
    account.model("m")
    account.endpoint("e")
    account.sagemaker.delete_endpoint_config(EndpointConfigName="e-config")
    account.sagemaker.delete_model(ModelName="m")
    assert account.invoke(1)["data"] == 1


def test_an_endpoint_on_its_way_can_be_neither_changed_nor_deleted_as_on_aws(account: Account) -> None:
    account.model("m", script="import time; time.sleep(600)")
    config = account.config("c")
    account.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName=config)
    text = 'Cannot update in-progress endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e".'
    assert error_of(account.sagemaker.delete_endpoint, EndpointName="e") == text
    assert error_of(account.sagemaker.update_endpoint, EndpointName="e", EndpointConfigName=config) == text
    taken = 'Cannot create already existing endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e".'
    assert error_of(account.sagemaker.create_endpoint, EndpointName="e", EndpointConfigName=config) == taken
    with pytest.raises(ClientError) as caught:
        account.invoke(1)
    assert caught.value.response["Error"] == {
        "Code": "ValidationError",
        "Message": "Endpoint e of account 123456789012 not found.",
    }


def test_a_script_that_cannot_load_its_model_fails_the_health_check_and_can_be_deleted(account: Account) -> None:
    account.model("m", script="def model_fn(model_dir):\n    raise RuntimeError('no such weights')\n")
    seen = account.endpoint("e", expect="Failed")
    assert seen["FailureReason"] == HEALTH
    until(lambda: sum("no such weights" in line for line in account.log("e")) >= 3)
    assert "failed endpoint" in error_of(
        account.sagemaker.update_endpoint, EndpointName="e", EndpointConfigName="e-config"
    )
    assert [line for line in account.sandbox.world.billing.lines() if line.running] == []
    account.sagemaker.delete_endpoint(EndpointName="e")
    account.wait_gone("e")


def test_a_planned_fault_keeps_an_endpoint_from_ever_answering(account: Account, sandbox: Any) -> None:
    from airflow_finetune.sandbox.edge.faults import rule_from

    sandbox.world.faults.add(rule_from({"kind": "endpoint_never_answers", "target": "e", "params": {"seconds": 300}}))
    account.model("m")
    assert account.endpoint("e", expect="Failed")["FailureReason"] == HEALTH
    account.endpoint("f", config="e-config")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no archive", "Failed to extract model data archive for container"),
        (packed({"weights": os.urandom(5000)})[:2000], "Failed to extract model data archive for container"),
        (packed({"../../../escaped": "x"}), "Failed to extract model data archive for container"),
        (packed({"weights": "x"}), "The sandbox has nothing that serves this model"),
        (None, "Failed to download model data for container"),
    ],
    ids=["no archive", "cut short", "climbs out", "no program", "gone"],
)
def test_a_model_that_cannot_be_served_fails_the_endpoint_with_the_reason(
    account: Account, body: bytes | None, reason: str
) -> None:
    account.model("m")
    if body is None:
        account.s3.delete_object(Bucket="models", Key="m/model.tar.gz")
    else:
        account.put("m/model.tar.gz", body)
    seen = account.endpoint("e", expect="Failed")
    assert seen["FailureReason"].startswith(reason)
    assert "m/model.tar.gz" in seen["FailureReason"] or "inference.py" in seen["FailureReason"]
    assert not list(account.sandbox.settings.state_dir.rglob("escaped"))


def test_a_model_may_lie_in_s3_without_an_archive(account: Account) -> None:
    account.put("plain/weights", "unpacked")
    account.put("plain/code/inference.py", ECHO)
    source = {"S3Uri": "s3://models/plain/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}}
    account.sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    account.endpoint("e")
    assert account.invoke(1) == {"data": 1, "model": "unpacked"}


def test_the_script_may_lie_in_a_submit_directory(account: Account) -> None:
    source = account.put("code/sourcedir.tar.gz", packed({"serve_it.py": ECHO.replace('"data"', '"own"')}))
    account.model("m", Environment={"SAGEMAKER_PROGRAM": "serve_it.py", "SAGEMAKER_SUBMIT_DIRECTORY": source})
    account.endpoint("e")
    assert account.invoke(1) == {"own": 1, "model": "first"}


def test_an_update_serves_the_new_model_and_never_stops_serving(account: Account) -> None:
    account.model("m", Environment={"MARKER": "old"})
    account.endpoint("e")
    account.model("new", weights="second")
    config = account.config("new-config", model="new")
    account.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName=config)
    assert account.sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Updating"
    seen = {"first"}
    until(lambda: seen.add(account.invoke(1)["model"]) or "second" in seen)
    after = account.wait("e", "InService")
    assert after["EndpointConfigName"] == "new-config"
    assert after["LastModifiedTime"] > after["CreationTime"]
    until(lambda: processes_of("old") == [])


def test_what_was_asked_before_an_update_is_answered_by_the_old_model(account: Account, sandbox: Any) -> None:
    slow = """
import pathlib, time

def model_fn(model_dir):
    return model_dir

def predict_fn(data, model):
    pathlib.Path(model, "asked").touch()
    while not pathlib.Path(model, "answer").exists():
        time.sleep(0.01)
    return "old"
"""
    account.model("m", script=slow)
    account.endpoint("e")
    (folder,) = (sandbox.settings.state_dir / "endpoints").iterdir()
    account.model("new", weights="second")
    config = account.config("new-config", model="new")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(account.invoke, 1)
        until((folder / "ml" / "model" / "asked").exists)
        account.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName=config)
        account.wait("e", "InService")
        assert account.invoke(1)["model"] == "second"
        (folder / "ml" / "model" / "answer").touch()
        assert asked.result() == "old"
    until(lambda: not folder.exists())


def test_an_update_that_fails_goes_back_to_what_served(account: Account) -> None:
    account.model("m")
    account.endpoint("e")
    account.model("broken", script="raise SystemExit(1)")
    config = account.config("broken-config", model="broken")
    account.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName=config)
    seen = account.wait("e", "InService")
    assert seen["EndpointConfigName"] == "e-config"
    assert seen["FailureReason"] == HEALTH
    assert account.invoke(1)["model"] == "first"


def test_variants_share_the_traffic_by_weight_and_can_be_asked_for(account: Account) -> None:
    account.model("m")
    account.model("n", weights="second")
    config = account.config(
        "c",
        {"VariantName": "old", "ModelName": "m", "InitialVariantWeight": 1.0},
        {"VariantName": "new", "ModelName": "n", "InitialVariantWeight": 3.0},
    )
    account.endpoint("e", config)
    answers = [account.invoke(1)["model"] for _ in range(40)]
    assert 20 < answers.count("second") < 40
    assert account.invoke(1, TargetVariant="old")["model"] == "first"
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="e",
        DesiredWeightsAndCapacities=[
            {"VariantName": "old", "DesiredWeight": 0.0},
            {"VariantName": "new", "DesiredInstanceCount": 2},
        ],
    )
    seen = {each["VariantName"]: each for each in account.wait("e", "InService")["ProductionVariants"]}
    assert (seen["old"]["CurrentWeight"], seen["new"]["CurrentInstanceCount"]) == (0.0, 2)
    assert {account.invoke(1)["model"] for _ in range(10)} == {"second"}


def test_a_server_that_dies_is_started_again(account: Account) -> None:
    script = ECHO.replace("return {", "import os; data == 'die' and os._exit(3); return {")
    account.model("m", script=script)
    account.endpoint("e")
    with pytest.raises(ClientError) as caught:
        account.invoke("die")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalStatusCode"] == 500
    assert account.sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
    codes = set()

    def answers_again() -> bool:
        try:
            return bool(account.invoke("live")["data"] == "live")
        except ClientError as error:
            codes.add(error.response["Error"]["Code"])
            return False

    until(answers_again)
    assert codes <= {"ModelError", "ServiceUnavailable"}
    until(lambda: any("the server ended (exit code 3" in line for line in account.log("e")))


def test_a_server_that_is_killed_from_outside_is_started_again(account: Account) -> None:
    account.model("m", Environment={"MARKER": "killed"})
    account.endpoint("e")
    (pid,) = processes_of("killed")
    os.kill(pid, signal.SIGKILL)
    until(lambda: processes_of("killed") not in ([], [pid]))

    def answers() -> bool:
        try:
            return bool(account.invoke(1)["model"] == "first")
        except ClientError:
            return False

    until(answers)


def test_instances_are_billed_from_their_start_to_the_deletion(account: Account) -> None:
    billing, prices = account.sandbox.world.billing, account.sandbox.world.prices
    account.model("m")
    account.config("c", {"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 2})
    arn = account.endpoint("e", "c")["EndpointArn"]
    (line,) = billing.lines()
    assert (line.arn, line.kind, line.unit, line.running) == (arn, "hosting", "hours", True)
    account.sandbox.world.clock.advance(3600)
    account.sagemaker.delete_endpoint(EndpointName="e")
    account.wait_gone("e")
    (line,) = billing.lines()
    assert not line.running
    hourly = prices.hourly_usd("hosting", "ml.m5.large", "us-east-1") * 2
    assert line.usd == pytest.approx(line.quantity * hourly)
    assert line.quantity >= 1.0
    account.sandbox.world.clock.advance(3600)
    assert billing.lines() == [line]


def test_a_reset_ends_every_server(account: Account) -> None:
    account.model("m", Environment={"MARKER": "reset"})
    account.endpoint("e")
    account.sandbox.reset()
    assert processes_of("reset") == []
    assert account.names() == []


def test_a_change_of_state_is_an_event(account: Account) -> None:
    events, sqs = account.aws("events"), account.aws("sqs")
    queue = sqs.create_queue(QueueName="states")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="states", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    events.put_targets(Rule="states", Targets=[{"Id": "1", "Arn": arn}])
    account.model("m")
    account.endpoint("e")
    seen: list[dict[str, Any]] = []

    def in_service() -> bool:
        for message in sqs.receive_message(QueueUrl=queue).get("Messages", []):
            seen.append(json.loads(message["Body"]))
        return any(each["detail"].get("EndpointStatus") == "IN_SERVICE" for each in seen)

    until(in_service)
    assert seen[-1]["detail-type"] == "SageMaker Endpoint State Change"


ENVIRONMENT = """
import os

def model_fn(model_dir):
    return None

def predict_fn(data, model):
    return dict(os.environ)
"""


def test_a_server_is_told_to_listen_on_the_loopback_address_whatever_the_model_says(account: Account) -> None:
    account.model(script=ENVIRONMENT, Environment={"SERVE_HOST": "0.0.0.0", "MINE": "kept"})
    account.endpoint()
    environment = account.invoke({})
    assert (environment["SERVE_HOST"], environment["MINE"]) == ("127.0.0.1", "kept")
