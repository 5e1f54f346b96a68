"""The model package group that AWS registers a job's model in: found, or made where there is none."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_finetune.aws.answers import asked
from airflow_finetune.backends.backend import Wrong
from airflow_finetune.errors import RequestRefused, Unavailable
from airflow_finetune.lifecycle.client import ResourceClient
from airflow_finetune.lifecycle.failures import NEXT_STEP, WAITING_HELPS, FailureClass, Refusal
from airflow_finetune.lifecycle.owner import Owner
from airflow_finetune.resources import MODEL_PACKAGE_GROUP

if TYPE_CHECKING:
    from airflow_finetune.backends.backend import MakeClient, Place
    from airflow_finetune.backends.serverless.spec import ServerlessSpec

log = logging.getLogger(__name__)


class Group(NamedTuple):
    """The group that a spec names.

    Attributes:
        name: of it.
        arn: None while it is not there.
    """

    name: str
    arn: str | None


def found_group(client: Any, spec: ServerlessSpec, region: str, wrong: list[Wrong], said: dict[str, str]) -> Group:
    """Return the group that a spec names; what is wrong with it, and what was found, is put beside the rest.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    group = spec.model_package_group
    thing, name = f"model package group {group}", group.rsplit("/", 1)[-1]
    found = asked(thing, lambda: client.describe_model_package_group(ModelPackageGroupName=group))
    if not isinstance(found, Refusal):
        said[thing] = "is there; AWS registers the model in it."
        return Group(name, str(found["ModelPackageGroupArn"]))
    answered = f"AWS answered {found.code}: {found.message}"
    if found.meaning in (FailureClass.ABSENT, FailureClass.REFUSED):
        if group != name:
            make = f"aws sagemaker create-model-package-group --model-package-group-name {name} --region {region}"
            wrong.append(Wrong(thing, answered, f"Give the group's name alone, and it is made; or make it: {make}"))
        said[thing] = "is not there yet; fine_tune makes it."
    elif group == name:
        wrong.append(Wrong(thing, answered, "Allow sagemaker:DescribeModelPackageGroup, or give the group's ARN."))
    else:
        said[thing] = f"not checked: {answered}"
        return Group(name, group)
    return Group(name, None)


def made_group(group: Group, spec: ServerlessSpec, place: Place, make_client: MakeClient) -> str:
    """Return the ARN of a group; make the group where there is none. It stays until a person deletes it.

    Raises:
        RequestRefused: AWS refused it.
        Unavailable: AWS cannot do it now.
    """
    if group.arn is not None:
        return group.arn
    client, thing = ResourceClient(MODEL_PACKAGE_GROUP, make_client), f"model package group {group.name}"
    if place.claim is not None:
        request = {
            "ModelPackageGroupDescription": "Versions that serverless jobs of airflow-finetune have made.",
            "Tags": [{"Key": key, "Value": value} for key, value in spec.tags.items()],
        }
        refused = client.create(group.name, request, Owner(place.claim, place.digest, "promoted", None))
        if refused is not None and refused.meaning is not FailureClass.EXISTS:
            error = Unavailable if refused.meaning in WAITING_HELPS else RequestRefused
            raise error(thing, f"AWS answered {refused.code}: {refused.message}", NEXT_STEP[refused.meaning])
        log.info("Made %s.", thing)
    described = client.describe(group.name)
    if described is None:
        raise Unavailable(thing, "AWS does not describe it yet.", NEXT_STEP[FailureClass.THROTTLED])
    return str(described[MODEL_PACKAGE_GROUP.arn])
