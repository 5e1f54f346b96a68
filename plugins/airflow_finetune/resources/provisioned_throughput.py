"""Bedrock Provisioned Throughput: bills by the model unit and hour from Creating until it is deleted."""

from __future__ import annotations

from airflow_finetune.resources.bedrock_tagging import bedrock_tagging
from airflow_finetune.resources.resource import Operations, Resource

PROVISIONED_THROUGHPUT = Resource(
    kind="provisioned throughput",
    service="bedrock",
    operations=Operations(
        create="CreateProvisionedModelThroughput",
        describe="GetProvisionedModelThroughput",
        list="ListProvisionedModelThroughputs",
        stop=None,
        delete="DeleteProvisionedModelThroughput",
        update="UpdateProvisionedModelThroughput",
    ),
    key="provisionedModelName",
    arn="provisionedModelArn",
    status="status",
    phases={"Creating": "running", "Updating": "running", "InService": "done", "Failed": "failed"},
    secondary=None,
    reason="failureMessage",
    created="creationTime",
    listing="provisionedModelSummaries",
    name_filter="nameContains",
    max_name_length=63,
    tagging=bedrock_tagging("tags"),
    delete_after="lease",
    bills_as="model_unit",
    console="bedrock/home?region={region}#/provisioned-throughput/{name}",
    log_group=None,
    identifier="provisionedModelId",
    also_named=("clientRequestToken",),
    next_page="nextToken",
)
