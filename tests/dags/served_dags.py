"""Two DAGs over one scope: in one of them the task that uses the endpoints fails."""

import os

from airflow.sdk import DAG, task

from airflow_finetune.serving.groups import serving_scope

SPEC = {
    "model": os.environ["SERVED_MODEL"],
    "image_uri": "{{ var.value.finetune_image_uri }}",
    "role_arn": "{{ var.value.finetune_role_arn }}",
    "instance_type": "ml.m5.large",
}


@task
def evaluate(baseline, candidate, fails):
    assert baseline["endpoint_name"] != candidate["endpoint_name"]
    if fails:
        raise RuntimeError("the candidate answers garbage")


for name, fails in (("served_well", False), ("served_badly", True)):
    with DAG(name, schedule=None), serving_scope({"baseline": SPEC, "candidate": SPEC}, poll_seconds=0.5) as models:
        evaluate(models["baseline"], models["candidate"], fails)
