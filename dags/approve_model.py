"""Asks a person to approve a registered model, and writes yes or no to AWS. The fine-tuning DAG triggers it."""

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
    approve = ApproveModelOperator(task_id="approve", version=version)
    PromoteOperator(task_id="promote", version=version, response=approve.output, retries=3)
