"""Lets an approved model answer at an endpoint that stays, and bills, until undeploy_model ends it."""

from airflow.sdk import DAG, Param

from airflow_finetune import DeployPromotedOperator

TYPE = "{{ var.value.get('finetune_serving_instance_type', 'ml.g5.xlarge') }}"
ARN = r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:model-package/[^/]+/[0-9]+$"
FORM = {
    "model_package_arn": Param(type="string", pattern=ARN, title="Model version", description="ARN; Approved only."),
    "endpoint_name": Param(type="string", pattern="^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", title="Endpoint"),
}
RULES = {"schedule": None, "catchup": False, "max_active_runs": 1, "is_paused_upon_creation": True}

with DAG("deploy_model", params=FORM, **RULES):
    DeployPromotedOperator(
        task_id="deploy",
        version="{{ params.model_package_arn }}",
        endpoint_name="{{ params.endpoint_name }}",
        role_arn="{{ var.value.get('finetune_role_arn', none) }}",
        instance_type=TYPE,
        deferrable=True,
    )
