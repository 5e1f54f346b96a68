"""What must hold for every call to AWS of every run, whoever made it: read from the embedded AWS's call log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_finetune.lifecycle.owner import DEPLOYMENT, EXPIRES_AT, LIFECYCLE, OWNER
from airflow_finetune.resources import ENDPOINT, RESOURCES
from tests.clients.embedded import Endpoint

CREATES = {resource.operations.create: resource for resource in RESOURCES}


def check_calls(aws: Endpoint) -> None:
    """Check that whatever was made has an owner and a lease, and that what bills until it is deleted was deleted."""
    calls = [call for call in aws.admin("GET", "calls?service=sagemaker")["calls"] if call["outcome"] == "ok"]
    assert faults(calls) == []
    ended = {call["params"][ENDPOINT.key] for call in calls if call["operation"] == ENDPOINT.operations.delete}
    hosted = {line["arn"].rpartition("/")[2] for line in aws.admin("GET", "bill")["lines"] if line["kind"] == "hosting"}
    assert hosted - ended == set()


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
        tagging = resource.tagging
        given = call["params"].get(tagging.member, {})
        tags = given if tagging.form == "map" else {tag[tagging.key]: tag[tagging.value] for tag in given}
        missing = {OWNER, DEPLOYMENT, LIFECYCLE, EXPIRES_AT} - set(tags)
        if missing:
            found.append(f"{call['operation']} of {call['params'].get(resource.key)}: without {sorted(missing)}")
        elif tags[LIFECYCLE] == "ephemeral" and tags[EXPIRES_AT] == "never":
            found.append(f"{call['operation']} of {call['params'][resource.key]}: ephemeral, and without an end")
    return found
