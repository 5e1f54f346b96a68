"""Ends an endpoint that deploy_model has made, and with it the bill; the registered versions stay."""

from airflow.sdk import DAG, Param

from airflow_finetune import UndeployOperator

NAME = Param(type="string", pattern="^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", title="Endpoint")
RULES = {"schedule": None, "catchup": False, "max_active_runs": 1, "is_paused_upon_creation": True}

with DAG("undeploy_model", params={"endpoint_name": NAME}, **RULES):
    UndeployOperator(task_id="undeploy", endpoint_name="{{ params.endpoint_name }}", deferrable=True, retries=3)
