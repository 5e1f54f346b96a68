"""The stages whose tasks are killed, and one that is careless: it shows that the harness sees a second job."""

import uuid
from datetime import timedelta

from airflow.sdk import DAG, task

from airflow_finetune import SpotTrainingOperator
from airflow_finetune.groups import curate, evaluate, gate, register, served
from airflow_finetune.serving.groups import serving_scope

ROLE, IMAGE = "{{ var.value.finetune_role_arn }}", "{{ var.value.finetune_image_uri }}"
MODELS = {"worker": "s3://kills/model.tar.gz", "triggerer": "s3://kills/slow.tar.gz"}  # so that a task does defer
SERVED = {"image_uri": IMAGE, "role_arn": ROLE, "instance_type": "ml.m5.large"}
SOON = {"retry_delay": timedelta(seconds=1), "poll_seconds": 1}
DEFAULTS = {"retries": 6, "retry_delay": timedelta(seconds=1)}

for wait, deferrable in (("worker", False), ("triggerer", True)):
    with DAG(f"train_{wait}_waits", schedule=None, catchup=False, default_args=DEFAULTS):
        SpotTrainingOperator(
            task_id="fine_tune",
            role_arn=ROLE,
            image_uri=IMAGE,
            base_model="s3://kills/model/",
            dataset="s3://kills/data/",
            output_uri="s3://kills/out/",
            instance_type="ml.m5.large",
            hyperparameters={"steps": 20},
            deferrable=deferrable,
            **SOON,
        )
    with (
        DAG(f"serve_{wait}_waits", schedule=None, catchup=False, default_args=DEFAULTS),
        serving_scope(
            {"candidate": {**SERVED, "model": MODELS[wait]}}, deferrable=deferrable, teardown={"retries": 6}, **SOON
        ),
    ):
        pass

REMEMBERS = "123456789012.dkr.ecr.us-east-1.amazonaws.com/remembers:1"
RUN = "s3://kills/runs/{{ run_id }}/"
MODEL = {"backend": "spot_training", "job_name": "tuned-before", "job_arn": "arn:aws:sagemaker:us-east-1:1:job"}
MODEL |= {"model_uri": "s3://kills/knows.tar.gz", "base_model": "s3://kills/model/", "spec_digest": "0" * 64}
MODEL |= {"dataset": {"uri": "s3://kills/data/"}}

with DAG("judge", schedule=None, catchup=False, default_args=DEFAULTS):
    arms = {"baseline": "s3://kills/knows-nothing.tar.gz", "candidate": MODEL["model_uri"]}
    host = {"image_uri": REMEMBERS, "deploy": {"instance_type": "ml.m5.large"}, "code_uri": None}
    with served(**arms, **host, **SOON) as models:
        report = evaluate(models, golden="s3://kills/golden.jsonl", output_uri=RUN)
    verdict = gate(report, policy={"metric": "exact_match"})
    register(MODEL, report=report, verdict=verdict, group="kills-{{ run_id }}", image_uri=REMEMBERS)

with DAG("prepare", schedule=None, catchup=False, default_args=DEFAULTS):
    curate("s3://kills/raw/", prompt="{text}", completion="{topic}", golden={"freeze_holdout": 10}, output_uri=RUN)


@task
def fine_tune(key):
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    AwsBaseHook("aws_default", client_type="sagemaker").get_conn().create_training_job(
        TrainingJobName=f"careless-{key}-{uuid.uuid4().hex[:8]}",
        RoleArn="arn:aws:iam::123456789012:role/training",
        AlgorithmSpecification={
            "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/few-lines:1",
            "TrainingInputMode": "File",
        },
        InputDataConfig=[
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://kills/data/"}},
            }
        ],
        HyperParameters={"steps": "2"},
        OutputDataConfig={"S3OutputPath": "s3://kills/out/"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )


with DAG("careless", schedule=None, catchup=False, default_args=DEFAULTS):
    fine_tune("{{ dag_run.conf['key'] }}")
