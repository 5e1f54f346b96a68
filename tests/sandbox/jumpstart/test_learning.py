"""Jobs on hub models, whole: they learn, go on after interruptions, fail clearly, and are served."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.sandbox.edge.faults import rule_from
from airflow_finetune.sandbox.runner.archives import unpack
from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.hosting.account import until
from tests.sandbox.jumpstart.account import (
    LLAMA,
    MISTRAL,
    QWEN,
    ROLE,
    Client,
    document,
    end,
    instructions,
    printed,
    request,
)

pytest.importorskip("torch")

WORDS = ("red", "blue", "green", "white", "black", "brown")
ROWS = [{"word": word, "line": f"the {word} one"} for word in WORDS] * 8
TEMPLATE = {"prompt": "which of them: {word}", "completion": "{line}"}
FEW = {"instruction_tuned": "True", "validation_split_ratio": "0.2"}


def serve(aws: Client, name: str, hub: dict[str, Any], uri: str) -> Any:
    """Host weights with the document's own image, and return what asks them."""
    sagemaker, runtime = aws("sagemaker"), aws("sagemaker-runtime")
    source = {
        "S3Uri": uri,
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
        "ModelAccessConfig": {"AcceptEula": True},
    }
    environment = {each["Name"]: str(each["Default"]) for each in hub["InferenceEnvironmentVariables"]}
    container = {
        "Image": hub["HostingEcrUri"],
        "ModelDataSource": {"S3DataSource": source},
        "Environment": environment,
    }
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": hub["DefaultInferenceInstanceType"],
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    until(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] != "Creating", 120)
    described = sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "InService", described

    def ask(body: dict[str, Any]) -> Any:
        answer = runtime.invoke_endpoint(EndpointName=name, Body=json.dumps(body), ContentType="application/json")
        return json.loads(answer["Body"].read())

    return ask


@pytest.mark.long
def test_a_job_by_the_document_learns_and_its_weights_are_served(aws: Client) -> None:
    sagemaker, s3 = aws("sagemaker"), aws("s3")
    s3.create_bucket(Bucket="bucket")
    hub, data = document(sagemaker, LLAMA), instructions(s3, "data", ROWS, TEMPLATE)
    asked = request("job", hub, data, accept=True, max_steps=60, peft_type="lora", learning_rate=0.01, **FEW)
    sagemaker.create_training_job(**asked)
    job = end(sagemaker, "job")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert {each["MetricName"] for each in job["FinalMetricDataList"]} == {
        each["Name"] for each in hub["TrainingMetrics"]
    }
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == "s3://bucket/out/job/output/model/"
    tuned, base = serve(aws, "tuned", hub, uri), serve(aws, "base", hub, hub["HostingArtifactUri"])
    question = {"messages": [{"role": "user", "content": "which of them: green"}], "max_tokens": 20, "temperature": 0}
    assert tuned(question)["choices"][0]["message"] == {"role": "assistant", "content": "the green one"}
    assert base(question)["choices"][0]["message"]["content"] != "the green one"
    text = {"inputs": "which of them: blue", "parameters": {"max_new_tokens": 20, "do_sample": False}}
    assert tuned(text) == {"generated_text": "the blue one"}


@pytest.mark.long
@pytest.mark.parametrize(("model", "resumes"), [(QWEN, True), (MISTRAL, False)])
def test_an_interrupted_job_goes_on_where_its_script_keeps_checkpoints(
    aws: Client, sandbox: Sandbox, model: str, resumes: bool
) -> None:
    sagemaker, s3 = aws("sagemaker"), aws("s3")
    s3.create_bucket(Bucket="bucket")
    hub = document(sagemaker, model)
    steps = {"max_steps": 40, "logging_steps": 1, **FEW, **({"save_steps": 5} if resumes else {})}
    asked = request("job", hub, instructions(s3, "data", ROWS, TEMPLATE), **steps)
    asked["EnableManagedSpotTraining"] = True
    asked["StoppingCondition"]["MaxWaitTimeInSeconds"] = 400_000
    asked["CheckpointConfig"] = {"S3Uri": "s3://bucket/kept/"}
    rule = {"kind": "spot_interruption", "target": "job", "params": {"log_pattern": "step=33/40", "notice_seconds": 4}}
    sandbox.world.faults.add(rule_from(rule))
    sagemaker.create_training_job(**asked)
    job = end(sagemaker, "job")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "Interrupted" in [step["Status"] for step in job["SecondaryStatusTransitions"]]
    lines = printed(aws("logs"), "job")
    assert any(line.startswith("RESUMED step=") for line in lines) == resumes
    assert bool(s3.list_objects_v2(Bucket="bucket", Prefix="kept/").get("Contents")) == resumes


@pytest.mark.long
def test_wrong_data_fails_the_job_with_its_place(aws: Client) -> None:
    sagemaker, s3 = aws("sagemaker"), aws("s3")
    s3.create_bucket(Bucket="bucket")
    data = instructions(s3, "data", [{"question": "q"}], TEMPLATE)
    sagemaker.create_training_job(**request("job", document(sagemaker, MISTRAL), data, instruction_tuned="True"))
    job = end(sagemaker, "job")
    assert job["TrainingJobStatus"] == "Failed"
    assert "train.jsonl line 1: the template wants the key 'word'" in job["FailureReason"]


def test_the_script_and_its_package_hold_what_they_import(aws: Client, tmp_path: Path) -> None:
    place = document(aws("sagemaker"), QWEN)["TrainingScriptUri"].removeprefix("s3://").split("/", 1)
    aws("s3").download_file(place[0], place[1], str(tmp_path / "sourcedir.tar.gz"))
    unpack(tmp_path / "sourcedir.tar.gz", tmp_path)
    ended = subprocess.run(
        [sys.executable, "-E", "transfer_learning.py", "--epoch", "many"],
        cwd=tmp_path,
        env={"SM_OUTPUT_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, (tmp_path / "failure").read_text()) == (
        1,
        "hyperparameter epoch is 'many': it must be a number.",
    )
