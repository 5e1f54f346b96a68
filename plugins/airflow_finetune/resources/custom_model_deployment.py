"""Bedrock custom model deployment: answers on demand, bills by the token until it is deleted."""

from __future__ import annotations

from airflow_finetune.resources.bedrock_tagging import bedrock_tagging
from airflow_finetune.resources.resource import Operations, Resource

CUSTOM_MODEL_DEPLOYMENT = Resource(
    kind="custom model deployment",
    service="bedrock",
    operations=Operations(
        create="CreateCustomModelDeployment",
        describe="GetCustomModelDeployment",
        list="ListCustomModelDeployments",
        stop=None,
        delete="DeleteCustomModelDeployment",
        update="UpdateCustomModelDeployment",
    ),
    key="modelDeploymentName",
    arn="customModelDeploymentArn",
    status="status",
    phases={"Creating": "running", "Active": "done", "Failed": "failed"},
    secondary=None,
    reason="failureMessage",
    created="createdAt",
    listing="modelDeploymentSummaries",
    name_filter="nameContains",
    max_name_length=63,
    tagging=bedrock_tagging("tags"),
    delete_after="lease",
    bills_as=None,
    console="bedrock/home?region={region}#/custom-model-on-demand",
    log_group=None,
    identifier="customModelDeploymentIdentifier",
    listed_as="customModelDeploymentName",
    also_named=("clientRequestToken",),
    next_page="nextToken",
)
