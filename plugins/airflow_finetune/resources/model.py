"""SageMaker model: weights and the image that serves them; a document."""

from __future__ import annotations

from airflow_finetune.resources.resource import Operations, Resource, Tagging

MODEL = Resource(
    kind="model",
    service="sagemaker",
    operations=Operations(
        create="CreateModel",
        describe="DescribeModel",
        list="ListModels",
        stop=None,
        delete="DeleteModel",
    ),
    key="ModelName",
    arn="ModelArn",
    status=None,
    phases={},
    secondary=None,
    reason=None,
    created="CreationTime",
    listing="Models",
    name_filter="NameContains",
    max_name_length=63,
    tagging=Tagging(member="Tags", key="Key", value="Value", list="ListTags", add="AddTags", arn="ResourceArn"),
    delete_after="lease",
    bills_as=None,
    console="sagemaker/home?region={region}#/models/{name}",
    log_group=None,
)
