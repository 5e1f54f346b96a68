"""What must hold for every call to AWS of every run, whoever made it: read from the embedded AWS's call log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_finetune.lifecycle.owner import DEPLOYMENT, EXPIRES_AT, LIFECYCLE, OWNER
from airflow_finetune.resources import CUSTOM_MODEL_DEPLOYMENT, ENDPOINT, PROVISIONED_THROUGHPUT, RESOURCES, Resource
from tests.clients.embedded import Endpoint

CREATES = {resource.operations.create: resource for resource in RESOURCES}


def check_calls(aws: Endpoint) -> None:
    """Check that whatever was made has an owner and a lease, and that what bills until it is deleted was deleted."""
    asked = [
        call for service in ("sagemaker", "bedrock") for call in aws.admin("GET", f"calls?service={service}")["calls"]
    ]
    calls = [call for call in asked if call["outcome"] == "ok"]
    assert faults(calls) == []
    lines = aws.admin("GET", "bill")["lines"]
    hosted = {line["arn"].rpartition("/")[2] for line in lines if line["kind"] == "hosting"}
    assert hosted - _named(calls, ENDPOINT, ENDPOINT.operations.delete) == set()
    assert [line for line in lines if line["kind"] == "provisioned_throughput" and line["running"]] == []
    assert left_behind(calls) == []


def left_behind(calls: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what was made on Bedrock in order to serve, and was not deleted."""
    listed = list(calls)
    return [
        f"{resource.kind} {name}"
        for resource in (CUSTOM_MODEL_DEPLOYMENT, PROVISIONED_THROUGHPUT)
        for name in _named(listed, resource, resource.operations.create)
        - _named(listed, resource, resource.operations.delete)
    ]


def _named(calls: Iterable[Mapping[str, Any]], resource: Resource, operation: str | None) -> set[str]:
    member = resource.key if operation == resource.operations.create else resource.asked_by
    return {str(call["params"].get(member)) for call in calls if call["operation"] == operation}


def faults(calls: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with the creates among some calls: an unknown kind of thing, a tag that is missing."""
    found = []
    for call in calls:
        if not call["operation"].startswith("Create"):
            continue
        resource = CREATES.get(call["operation"])
        if resource is None:
            found.append(f"{call['operation']}: no declared resource")
            continue
        for member in (resource.tagging.member, *resource.tagging.also):
            if wrong := _wrong_tags(resource, call["params"].get(member, {})):
                found.append(f"{call['operation']} of {call['params'].get(resource.key)}: {wrong}")
    return found


def _wrong_tags(resource: Resource, given: Any) -> str:
    tagging = resource.tagging
    tags = given if tagging.form == "map" else {tag[tagging.key]: tag[tagging.value] for tag in given}
    missing = {OWNER, DEPLOYMENT, LIFECYCLE, EXPIRES_AT} - set(tags)
    if missing:
        return f"without {sorted(missing)}"
    return "ephemeral, and without an end" if tags[LIFECYCLE] == "ephemeral" and tags[EXPIRES_AT] == "never" else ""
