"""A DAG that opens a scope and serves nothing in it."""

from airflow.sdk import DAG

from airflow_finetune import OpenScopeOperator

with DAG("scoped", schedule=None, catchup=False):
    OpenScopeOperator(task_id="open_scope")
