"""Plain boto3 against whatever AWS_ENDPOINT_URL says, with nothing of ours: train, stop, interrupt, serve, delete.

Against real AWS this would cost money; run it in the embedded one:
    python -m airflow_finetune.sandbox run --image 'IMAGE=FOLDER' -- python tests/clients/plain_boto3.py IMAGE
Prints one JSON object with what it saw. Only the interruption and the bill are not AWS's API: the sandbox's own.
"""

import json
import os
import sys
import time
import urllib.request

import boto3
from botocore.exceptions import ClientError

IMAGE, BUCKET, ROLE = sys.argv[1], "plain-boto3", "arn:aws:iam::123456789012:role/training"
PATIENCE = {"Delay": 1, "MaxAttempts": 180}
TOKEN = {"x-sandbox-token": os.environ["AIRFLOW_FINETUNE_SANDBOX_TOKEN"], "Content-Type": "application/json"}
s3, sagemaker, runtime, logs = (boto3.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime", "logs"))


def admin(method: str, path: str, body: object = None) -> dict:
    content = None if body is None else json.dumps(body).encode()
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_sandbox/{path}"
    with urllib.request.urlopen(urllib.request.Request(url, content, TOKEN, method=method)) as answer:
        return json.load(answer)


def train(name: str, **hyperparameters: str) -> None:
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters=hyperparameters,
        InputDataConfig=[
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}},
            }
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 36000, "MaxWaitTimeInSeconds": 72000},
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/{name}"},
    )


def ended(name: str) -> dict:
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name, WaiterConfig=PATIENCE)
    return sagemaker.describe_training_job(TrainingJobName=name)


def lines(name: str) -> list[str]:
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    found = []
    for stream in streams:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
        found += [event["message"] for event in events["events"]]
    return found


s3.create_bucket(Bucket=BUCKET)
s3.put_object(Bucket=BUCKET, Key="data/rows.jsonl", Body=b'{"a": 1}\n{"a": 2}\n')
seen: dict = {}

# Interrupted: no notice, as AWS; comes back from its checkpoint.
fault = {"kind": "spot_interruption", "target": "interrupted", "params": {"log_pattern": "step=30 "}}
admin("POST", "faults", fault)
train("interrupted", steps="60")
job = ended("interrupted")
seen["interrupted"] = {
    "status": job["TrainingJobStatus"],
    "transitions": [step["Status"] for step in job["SecondaryStatusTransitions"]],
    "resumed": [line for line in lines("interrupted") if line.startswith("resumed")],
    "training_seconds": job["TrainingTimeInSeconds"],
    "billable_seconds": job["BillableTimeInSeconds"],
}

# Stopped by us.
train("stopped", steps="100000")
while sagemaker.describe_training_job(TrainingJobName="stopped")["SecondaryStatus"] != "Training":
    time.sleep(0.1)
sagemaker.stop_training_job(TrainingJobName="stopped")
seen["stopped"] = {"status": ended("stopped")["TrainingJobStatus"]}

# Served from the model that was trained, then deleted.
model = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=model)
variant = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig=PATIENCE)
answer = runtime.invoke_endpoint(EndpointName="e", ContentType="application/json", Body=b'"hello"')
seen["answer"] = json.loads(answer["Body"].read())
seen["billing_while_served"] = [line["arn"] for line in admin("GET", "bill")["lines"] if line["running"]]
sagemaker.delete_endpoint(EndpointName="e")
sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="e", WaiterConfig=PATIENCE)
sagemaker.delete_endpoint_config(EndpointConfigName="c")
sagemaker.delete_model(ModelName="m")
try:
    sagemaker.describe_endpoint(EndpointName="e")
except ClientError as error:
    seen["gone"] = error.response["Error"]["Code"]
seen["billing_at_the_end"] = [line["arn"] for line in admin("GET", "bill")["lines"] if line["running"]]

foreign = [name for name in ("airflow", "airflow_finetune", "moto", "sagemaker") if name in sys.modules]
assert not foreign, foreign
seen["foreign_modules"] = foreign
print(json.dumps(seen))
