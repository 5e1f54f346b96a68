"""SageMaker model package: one version of a model, and what a person has decided about it; a document."""

from __future__ import annotations

from airflow_finetune.resources.resource import Operations, Resource, Tagging

# AWS names a version itself: it is described, updated and deleted by its ARN. It refuses tags on versions ("Please add
# them to the Model Package Group"), so owner and lifecycle stand in the version's metadata.
MODEL_PACKAGE = Resource(
    kind="model package",
    service="sagemaker",
    operations=Operations(
        create="CreateModelPackage",
        describe="DescribeModelPackage",
        list="ListModelPackages",
        stop=None,
        delete="DeleteModelPackage",
        update="UpdateModelPackage",
    ),
    key="ModelPackageName",
    arn="ModelPackageArn",
    status="ModelPackageStatus",
    phases={
        "Pending": "running",
        "InProgress": "running",
        "Completed": "done",
        "Failed": "failed",
        "Deleting": "stopping",
    },
    secondary=None,
    reason=None,
    created="CreationTime",
    listing="ModelPackageSummaryList",
    name_filter="NameContains",
    max_name_length=63,
    tagging=Tagging(
        member="CustomerMetadataProperties",
        key="",
        value="",
        list="DescribeModelPackage",
        add="UpdateModelPackage",
        arn="ModelPackageArn",
        form="map",
    ),
    delete_after="never",
    bills_as=None,
    console="sagemaker/home?region={region}#/model-packages/{name}",
    log_group=None,
)
