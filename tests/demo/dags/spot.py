"""DAGs of one SpotTrainingOperator each, for tests with a real scheduler and a real triggerer."""

from datetime import timedelta

from airflow.sdk import DAG

from airflow_finetune import SpotTrainingOperator

DEFERRED, IN_THE_WORKER = {"deferrable": True}, {"deferrable": False}

for dag_id, steps, options in (
    ("short", 5, DEFERRED),
    ("endless", 1_000_000, DEFERRED),
    ("worker", 60, {**IN_THE_WORKER, "retries": 1, "retry_delay": timedelta(seconds=1)}),
    ("worker_endless", 1_000_000, IN_THE_WORKER),
):
    with DAG(dag_id, schedule=None, catchup=False):
        SpotTrainingOperator(
            task_id="fine_tune",
            role_arn="{{ var.value.finetune_role_arn }}",
            image_uri="{{ var.value.finetune_image_uri }}",
            base_model="s3://stack-bucket/model/",
            dataset="s3://stack-bucket/data/",
            output_uri="s3://stack-bucket/out/",
            instance_type="ml.m5.large",
            hyperparameters={"steps": steps},
            poll_seconds=2,
            **options,
        )
