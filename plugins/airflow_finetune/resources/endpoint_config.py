"""SageMaker endpoint configuration: says which models an endpoint serves on what."""

from __future__ import annotations

from airflow_finetune.resources.resource import Operations, Resource, Tagging

ENDPOINT_CONFIG = Resource(
    kind="endpoint configuration",
    service="sagemaker",
    operations=Operations(
        create="CreateEndpointConfig",
        describe="DescribeEndpointConfig",
        list="ListEndpointConfigs",
        stop=None,
        delete="DeleteEndpointConfig",
    ),
    key="EndpointConfigName",
    arn="EndpointConfigArn",
    status=None,
    phases={},
    secondary=None,
    reason=None,
    created="CreationTime",
    listing="EndpointConfigs",
    name_filter="NameContains",
    max_name_length=63,
    tagging=Tagging(member="Tags", key="Key", value="Value", list="ListTags", add="AddTags", arn="ResourceArn"),
    delete_after="lease",
    bills_as=None,
    console="sagemaker/home?region={region}#/endpointConfig/{name}",
    log_group=None,
)
