"""SageMaker endpoint: bills by the hour from Creating until it is deleted."""

from __future__ import annotations

from airflow_finetune.resources.resource import Operations, Resource, Tagging

ENDPOINT = Resource(
    kind="endpoint",
    service="sagemaker",
    operations=Operations(
        create="CreateEndpoint",
        describe="DescribeEndpoint",
        list="ListEndpoints",
        stop=None,
        delete="DeleteEndpoint",
        update="UpdateEndpoint",
    ),
    key="EndpointName",
    arn="EndpointArn",
    status="EndpointStatus",
    phases={
        "Creating": "running",
        "Updating": "running",
        "SystemUpdating": "running",
        "RollingBack": "running",
        "InService": "done",
        "OutOfService": "failed",
        "Failed": "failed",
        "UpdateRollbackFailed": "failed",
        "Deleting": "stopping",
    },
    secondary=None,
    reason="FailureReason",
    created="CreationTime",
    listing="Endpoints",
    name_filter="NameContains",
    max_name_length=63,
    tagging=Tagging(member="Tags", key="Key", value="Value", list="ListTags", add="AddTags", arn="ResourceArn"),
    delete_after="lease",
    bills_as="hosting",
    console="sagemaker/home?region={region}#/endpoints/{name}",
    log_group=None,
)
