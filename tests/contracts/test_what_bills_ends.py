"""Whatever is declared and bills can be ended; a create without an owner is seen in the call log."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_finetune.lifecycle.owner import DEPLOYMENT, EXPIRES_AT, LIFECYCLE, OWNER
from airflow_finetune.resources import ENDPOINT, RESOURCES, Resource
from tests.dags.call_rules import faults, left_behind


def fault_of(resource: Resource) -> str | None:
    """Return why something could bill for ever; None where it could not."""
    if resource.bills_as is None:
        return None
    operations = resource.operations
    if resource.delete_after == "lease":
        return None if operations.delete else f"{resource.kind} bills until it is deleted, and nothing deletes it"
    return None if operations.stop else f"{resource.kind} bills while it runs, and nothing stops it"


@pytest.mark.parametrize("resource", RESOURCES, ids=[resource.kind for resource in RESOURCES])
def test_whatever_bills_can_be_ended(resource: Resource) -> None:
    assert fault_of(resource) is None


def test_something_that_bills_and_cannot_be_deleted_is_found() -> None:
    operations = dataclasses.replace(ENDPOINT.operations, delete=None)
    assert fault_of(dataclasses.replace(ENDPOINT, operations=operations)) is not None
    assert any(resource.bills_as for resource in RESOURCES), "the rule is about something"


@pytest.mark.parametrize(
    ("tags", "wrong"),
    [
        ({}, 1),
        ({OWNER: "a", DEPLOYMENT: "d", LIFECYCLE: "ephemeral"}, 1),
        ({OWNER: "a", DEPLOYMENT: "d", LIFECYCLE: "ephemeral", EXPIRES_AT: "never"}, 1),
        ({OWNER: "a", DEPLOYMENT: "d", LIFECYCLE: "ephemeral", EXPIRES_AT: "2026-11-21T00:00:00Z"}, 0),
        ({OWNER: "a", DEPLOYMENT: "d", LIFECYCLE: "promoted", EXPIRES_AT: "never"}, 0),
    ],
)
def test_a_create_without_owner_or_lease_is_found(tags: dict[str, str], wrong: int) -> None:
    params = {"EndpointName": "e", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    assert len(faults([{"operation": "CreateEndpoint", "params": params}])) == wrong


def test_a_create_of_something_that_is_not_declared_is_found() -> None:
    assert faults([{"operation": "CreateNotebookInstance", "params": {}}]) != []


def test_a_job_that_tags_itself_and_not_the_model_that_it_makes_is_found() -> None:
    values = {OWNER: "a", DEPLOYMENT: "d", LIFECYCLE: "job", EXPIRES_AT: "2026-11-21T00:00:00Z"}
    tags = [{"key": key, "value": value} for key, value in values.items()]
    call = {"operation": "CreateModelCustomizationJob", "params": {"jobName": "j", "jobTags": tags}}
    assert len(faults([call])) == 1
    assert faults([{**call, "params": {**call["params"], "customModelTags": tags}}]) == []


def test_what_was_made_on_bedrock_in_order_to_serve_and_not_deleted_is_found() -> None:
    made = [
        {"operation": "CreateProvisionedModelThroughput", "params": {"provisionedModelName": "p"}},
        {"operation": "CreateCustomModelDeployment", "params": {"modelDeploymentName": "d"}},
    ]
    gone = [
        {"operation": "DeleteProvisionedModelThroughput", "params": {"provisionedModelId": "p"}},
        {"operation": "DeleteCustomModelDeployment", "params": {"customModelDeploymentIdentifier": "d"}},
    ]
    assert len(left_behind(made)) == 2
    assert left_behind([*made, *gone]) == []
