"""SageMaker model package group: numbers the versions of a model; a document that its versions' makers share."""

from __future__ import annotations

from airflow_finetune.resources.resource import Operations, Resource, Tagging

MODEL_PACKAGE_GROUP = Resource(
    kind="model package group",
    service="sagemaker",
    operations=Operations(
        create="CreateModelPackageGroup",
        describe="DescribeModelPackageGroup",
        list="ListModelPackageGroups",
        stop=None,
        delete="DeleteModelPackageGroup",
    ),
    key="ModelPackageGroupName",
    arn="ModelPackageGroupArn",
    status="ModelPackageGroupStatus",
    phases={
        "Pending": "running",
        "InProgress": "running",
        "Completed": "done",
        "Failed": "failed",
        "Deleting": "stopping",
        "DeleteFailed": "failed",
    },
    secondary=None,
    reason=None,
    created="CreationTime",
    listing="ModelPackageGroupSummaryList",
    name_filter="NameContains",
    max_name_length=63,
    tagging=Tagging(member="Tags", key="Key", value="Value", list="ListTags", add="AddTags", arn="ResourceArn"),
    delete_after="never",
    bills_as=None,
    console="sagemaker/home?region={region}#/model-package-groups/{name}",
    log_group=None,
)
