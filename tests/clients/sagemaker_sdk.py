"""The SageMaker Python SDK v3 as its users write it, unmodified: script mode on Spot, and a processing job.

Runs in an environment that has only the SDK, with AWS_ENDPOINT_URL and the SDK's own configuration file. Takes the
image that stands in the requests and a working folder; prints one JSON object with what it saw as its last line.
Only the interruption is not AWS's API: the sandbox's own.
"""

import contextlib
import io
import json
import logging
import os
import sys
import tarfile
import threading
import time
import urllib.request
from pathlib import Path

import boto3
from sagemaker.core.jumpstart import JumpStartConfig
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import (
    CheckpointConfig,
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    StoppingCondition,
)
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

IMAGE, FOLDER, BUCKET = sys.argv[1], Path(sys.argv[2]), os.environ["BUCKET"]
GATED = "meta-textgeneration-llama-3-2-1b-instruct"
PATIENCE_SECONDS = 240
TRAIN = """
import argparse, json, os, pathlib, time

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int)
given = parser.parse_args()
rows = sum(len(file.read_text().splitlines()) for file in pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]).iterdir())
kept = pathlib.Path("/opt/ml/checkpoints/step.json")
resumed = kept.exists()
step = json.loads(kept.read_text())["step"] if resumed else 0
print(f"resumed at step {step}" if resumed else "started anew", flush=True)
last = step + given.steps if resumed else 10**9  # the first start goes on until its instance is taken away
while step < last:
    step += 1
    kept.with_suffix(".tmp").write_text(json.dumps({"step": step}))
    kept.with_suffix(".tmp").rename(kept)
    time.sleep(0.02)
print("done", flush=True)
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.json").write_text(json.dumps({"steps": step, "rows": rows}))
"""
PROCESS = """
import pathlib, sys

rows = pathlib.Path("/opt/ml/processing/input/rows/rows.jsonl").read_text().splitlines()
pathlib.Path("/opt/ml/processing/output/count.txt").write_text(f"{sys.argv[1]} {len(rows)}")
print("counted", flush=True)
"""
s3, iam = boto3.client("s3"), boto3.client("iam")


def make_role() -> str:
    """A role as a user has it; the SDK looks at who may assume it and at what it may do."""
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return iam.create_role(RoleName="sdk", AssumeRolePolicyDocument=document)["Role"]["Arn"]


def interrupt_when_kept(job_prefix: str, checkpoints: str) -> None:
    """Take the Spot instance away once S3 holds a checkpoint; Spot gives no notice."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not s3.list_objects_v2(Bucket=BUCKET, Prefix=checkpoints).get("KeyCount"):
        time.sleep(0.1)
    jobs = boto3.client("sagemaker").list_training_jobs(NameContains=job_prefix)["TrainingJobSummaries"]
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_sandbox/jobs/{jobs[0]['TrainingJobName']}/interrupt"
    headers = {"x-sandbox-token": os.environ["AIRFLOW_FINETUNE_SANDBOX_TOKEN"], "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url, b"{}", headers, method="POST")).close()


class Heard(logging.Handler):
    """What the SDK tells its user while it waits: some of it through logging, some of it printed."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.text = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self.text.write(record.getMessage() + "\n")


def told_by(act) -> str:
    """Do something and return what the SDK told meanwhile."""
    heard, root = Heard(), logging.getLogger()
    root.addHandler(heard)
    with contextlib.redirect_stdout(heard.text):
        act()
    root.removeHandler(heard)
    return heard.text.getvalue()


def script_mode(role: str) -> dict:
    """``ModelTrainer`` with a script, on Spot, with checkpoints, waited for with logs; interrupted once."""
    code = FOLDER / "code"
    code.mkdir()
    (code / "train.py").write_text(TRAIN)
    trainer = ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=str(code), entry_script="train.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1, enable_managed_spot_training=True),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=360_000, max_wait_time_in_seconds=720_000),
        checkpoint_config=CheckpointConfig(s3_uri=f"s3://{BUCKET}/checkpoints/sdk"),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{BUCKET}/out"),
        hyperparameters={"steps": 5},
        base_job_name="sdk-spot",
        role=role,
    )
    watcher = threading.Thread(target=interrupt_when_kept, args=("sdk-spot", "checkpoints/sdk"), daemon=True)
    watcher.start()
    rows = InputData(channel_name="train", data_source=f"s3://{BUCKET}/data/")
    log = told_by(lambda: trainer.train(input_data_config=[rows], wait=True, logs=True))
    job = trainer._latest_training_job
    return {
        "status": job.training_job_status,
        "transitions": [step.status for step in job.secondary_status_transitions],
        "training_seconds": job.training_time_in_seconds,
        "billable_seconds": job.billable_time_in_seconds,
        "log": log,
        "name": job.training_job_name,
        "model": model_of(job),
    }


def model_of(job) -> dict:
    """What the job left in its archive."""
    key = job.model_artifacts.s3_model_artifacts.removeprefix(f"s3://{BUCKET}/")
    packed = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return json.load(archive.extractfile("model.json"))


def process(role: str) -> dict:
    """``ScriptProcessor.run``: a script of this machine, an input and an output in S3."""
    (FOLDER / "process.py").write_text(PROCESS)
    processor = ScriptProcessor(
        role=role,
        image_uri=IMAGE,
        command=["python3"],
        instance_count=1,
        instance_type="ml.m5.large",
        base_job_name="sdk-processing",
    )
    source = ProcessingS3Input(
        s3_uri=f"s3://{BUCKET}/data/",
        local_path="/opt/ml/processing/input/rows",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    target = ProcessingS3Output(
        s3_uri=f"s3://{BUCKET}/counted", local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
    )
    log = told_by(
        lambda: processor.run(
            code=str(FOLDER / "process.py"),
            inputs=[ProcessingInput(input_name="rows", s3_input=source)],
            outputs=[ProcessingOutput(output_name="count", s3_output=target)],
            arguments=["rows:"],
            wait=True,
            logs=True,
        )
    )
    count = s3.get_object(Bucket=BUCKET, Key="counted/count.txt")["Body"].read().decode()
    processor.latest_job.refresh()
    return {"status": processor.latest_job.processing_job_status, "count": count, "log": log}


logging.getLogger().setLevel(logging.INFO)


def gated_model(role: str) -> dict:
    """A gated JumpStart model: refused without its licence, trained with it, on Spot."""
    options = {
        "compute": Compute(instance_type="ml.g5.2xlarge", instance_count=1, enable_managed_spot_training=True),
        "stopping_condition": StoppingCondition(max_runtime_in_seconds=360_000, max_wait_time_in_seconds=720_000),
        "checkpoint_config": CheckpointConfig(s3_uri=f"s3://{BUCKET}/checkpoints/gated"),
        "output_data_config": OutputDataConfig(s3_output_path=f"s3://{BUCKET}/out", compression_type="NONE"),
        "hyperparameters": {"instruction_tuned": "True", "max_steps": 2},
        "base_job_name": "sdk-gated",
        "role": role,
    }
    rows = [{"prompt": f"Say {number}", "completion": str(number)} for number in range(16)]
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    s3.put_object(Bucket=BUCKET, Key="chosen/train.jsonl", Body=body)
    training = InputData(channel_name="training", data_source=f"s3://{BUCKET}/chosen/")
    try:
        unread = JumpStartConfig(model_id=GATED, accept_eula=False)
        ModelTrainer.from_jumpstart_config(unread, **options).train(input_data_config=[training], wait=False)
        refusal = ""
    except ValueError as error:
        refusal = str(error)
    trainer = ModelTrainer.from_jumpstart_config(JumpStartConfig(model_id=GATED, accept_eula=True), **options)
    log = told_by(lambda: trainer.train(input_data_config=[training], wait=True, logs=True))
    job = trainer._latest_training_job
    prefix = job.model_artifacts.s3_model_artifacts.removeprefix(f"s3://{BUCKET}/")
    left = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    return {
        "refusal": refusal,
        "status": job.training_job_status,
        "log": log,
        "files": [each["Key"].removeprefix(prefix) for each in left],
        "tags": boto3.client("sagemaker").list_tags(ResourceArn=job.training_job_arn)["Tags"],
    }


s3.create_bucket(Bucket=BUCKET)
s3.put_object(Bucket=BUCKET, Key="data/rows.jsonl", Body=b'{"a": 1}\n{"a": 2}\n')
arn = make_role()
print(json.dumps({"script_mode": script_mode(arn), "processing": process(arn), "gated": gated_model(arn)}))
