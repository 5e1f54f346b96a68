"""Asks a person to approve a registered model, and writes yes or no to AWS. The fine-tuning DAG triggers it."""

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_finetune import ApproveModelOperator, PromoteOperator

ARN = Param(
    type="string",
    pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:model-package/[^/]+/[0-9]+$",
    title="Model version",
    description="ARN of the model package, as register returns it and SageMaker's registry shows it.",
)
RULES = {"schedule": None, "catchup": False, "is_paused_upon_creation": True}

with DAG("approve_model", max_active_runs=16, params={"model_package_arn": ARN}, **RULES):  # people take days
    version = "{{ params.model_package_arn }}"
    # On a busy scheduler Airflow itself can take a try from a task that is answered at once; then it asks again.
    approve = ApproveModelOperator(task_id="approve", version=version, retries=3, retry_delay=timedelta(seconds=10))
    PromoteOperator(task_id="promote", version=version, response=approve.output, retries=3)
