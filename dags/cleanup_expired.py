"""Deletes what outlived its lease, then says what still bills. Unpause it with the first DAG that deploys a model."""

from airflow.sdk import DAG

from airflow_finetune import CleanupExpiredOperator, LeftBillingOperator

with DAG(
    "cleanup_expired",
    schedule="*/10 * * * *",
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
):
    cleanup = CleanupExpiredOperator(task_id="cleanup_expired")
    left = LeftBillingOperator(
        task_id="left_billing",
        prefixes="{% set bucket = var.value.get('finetune_bucket', '') %}{{ 's3://' ~ bucket if bucket }}",
        fail_on_overdue=True,
    )
    cleanup >> left
