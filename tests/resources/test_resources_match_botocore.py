"""What we say about AWS's resources is what botocore's model says: a new status turns this red without AWS."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_finetune.aws.shapes import service_model
from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.resources import MODEL_PACKAGE, RESOURCES, Resource

IDS = st.text(min_size=1, max_size=250)


def disagreements(resource: Resource) -> list[str]:
    model = service_model(resource.service)
    operations = resource.operations
    named = (operations.create, operations.describe, operations.list, operations.stop, operations.delete)
    named = (*named, operations.update)
    wanted = [name for name in named if name is not None]
    missing = [f"no operation {name}" for name in wanted if name not in model.operation_names]
    if missing:
        return missing
    keyed = [name for name in wanted if name not in (operations.list, operations.update)]
    identities = {resource.key, resource.arn, resource.asked_by}
    if operations.update and not identities & set(takes(model, operations.update)):
        return [f"{operations.update} takes none of {sorted(identities)}"]
    members = {name: resource.key if name == operations.create else resource.asked_by for name in keyed}
    found = [f"{name} takes no {member}" for name, member in members.items() if member not in takes(model, name)]
    created = takes(model, operations.create)
    found += [f"{operations.create} takes no {member}" for member in resource.also_named if member not in created]
    return [*found, *described_otherwise(resource, model), *tagged_otherwise(resource, model), *listed(resource, model)]


def takes(model: Any, operation: str) -> Any:
    return model.operation_model(operation).input_shape.members


def described_otherwise(resource: Resource, model: Any) -> list[str]:
    members = model.operation_model(resource.operations.describe).output_shape.members
    wanted = (resource.arn, resource.status, resource.secondary, resource.reason, resource.created)
    wanted = (*wanted, resource.key, resource.ended, *resource.product[:1])
    missing = [f"the description has no {member}" for member in wanted if member is not None and member not in members]
    if missing:
        return missing
    if resource.status is None:
        told = [member for member in members if member.endswith("Status")]
        return [f"it has a status: {told}"] if told or resource.phases else []
    differing = set(resource.phases) ^ set(members[resource.status].enum)
    return [f"status: {sorted(differing)}"] if differing else []


def tagged_otherwise(resource: Resource, model: Any) -> list[str]:
    tagging, created = resource.tagging, takes(model, resource.operations.create)
    if tagging.form == "map":
        return metadata_otherwise(tagging, created, model)
    found = [f"no {member}" for member in (tagging.member, *tagging.also) if member not in created]
    if tagging.shown not in model.operation_model(tagging.list).output_shape.members:
        found.append(f"{tagging.list} shows no {tagging.shown}")
    if tagging.shown not in takes(model, tagging.add):
        found.append(f"{tagging.add} takes no {tagging.shown}")
    for name in (tagging.list, tagging.add):
        if name not in model.operation_names or tagging.arn not in takes(model, name):
            found.append(f"tags by {name}")
    pair = set(created[tagging.member].member.members) if not found else {tagging.key, tagging.value}
    return [*found, *({tagging.key, tagging.value} - pair)]


def metadata_otherwise(tagging: Any, created: Any, model: Any) -> list[str]:
    shown = model.operation_model(tagging.list).output_shape.members
    added = takes(model, tagging.add)
    maps = [members.get(tagging.member) for members in (created, shown, added)]
    found = [] if tagging.arn in added else [f"{tagging.add} takes no {tagging.arn}"]
    return [*found, *(["no map of metadata"] if any(each is None or each.type_name != "map" for each in maps) else [])]


def listed(resource: Resource, model: Any) -> list[str]:
    operation = model.operation_model(resource.operations.list)
    if resource.name_filter not in operation.input_shape.members:
        return ["no filter by name"]
    if resource.listing not in operation.output_shape.members:
        return ["no listing"]
    pages = (operation.input_shape.members, operation.output_shape.members)
    if any(resource.next_page not in members for members in pages):
        return ["no next page"]
    row = operation.output_shape.members[resource.listing].member.members
    return [] if resource.row_key in row else ["no name listed"]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_a_declaration_agrees_with_botocore(resource: Resource):
    assert disagreements(resource) == []


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "JobName"},
        {"status": "Status"},
        {"phases": {"InProgress": "running"}},
        {"listing": "Jobs"},
        {"name_filter": "Contains"},
        {"arn": "Arn"},
        {"identifier": "JobName"},
        {"listed_as": "Name"},
        {"also_named": ("Name",)},
        {"next_page": "Next"},
        {"ended": "EndedAt"},
        {"product": ("Product",)},
    ],
    ids=str,
)
def test_a_wrong_declaration_is_found_out(resource: Resource, wrong: dict[str, object]):
    assert disagreements(replace(resource, **wrong)) != []


def test_an_operation_that_is_not_there_is_found_out():
    resource = RESOURCES[0]
    assert disagreements(replace(resource, operations=replace(resource.operations, stop="HaltJob"))) != []


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
@given(dag=IDS, run=IDS, task=IDS, map_index=st.integers(-1, 10**5), generation=st.integers(0, 99_999))
def test_hostile_ids_fit_every_pattern_of_a_name(
    resource: Resource, dag: str, run: str, task: str, map_index: int, generation: int
):
    shape = service_model(resource.service).operation_model(resource.operations.create).input_shape
    name = Claim("d", dag, run, task, map_index, generation).name(99)
    limits = shape.members[resource.key].metadata
    assert len(name) <= min(resource.max_name_length, limits.get("max", 10**6))
    assert re.fullmatch(limits.get("pattern", ".*"), name)


def test_metadata_that_is_declared_otherwise_is_found_out():
    for wrong in ({"member": "Tags"}, {"member": "Metadata"}, {"arn": "Arn"}):
        tagging = replace(MODEL_PACKAGE.tagging, **wrong)
        assert disagreements(replace(MODEL_PACKAGE, tagging=tagging)) != []
    operations = replace(MODEL_PACKAGE.operations, update="UpdateModelCard")
    assert disagreements(replace(MODEL_PACKAGE, operations=operations)) != []


def test_kinds_differ():
    assert len({resource.kind for resource in RESOURCES}) == len(RESOURCES)
