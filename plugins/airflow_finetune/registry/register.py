"""Evidence, group and version: found or made, whatever an earlier try has done. Knows nothing of Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.s3 import put_once
from airflow_finetune.aws.shapes import faults
from airflow_finetune.errors import JobFailed, RequestRefused, SpecError, Unavailable
from airflow_finetune.lifecycle.failures import NEXT_STEP, WAITING_HELPS, FailureClass, Refusal
from airflow_finetune.lifecycle.owner import Owner
from airflow_finetune.registry.evidence import Evidence, address_of, sha256_of
from airflow_finetune.registry.request import Identity, Stored, group_request, is_of, version_of, version_request
from airflow_finetune.resources import MODEL_PACKAGE, MODEL_PACKAGE_GROUP

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import Described, ResourceClient
    from airflow_finetune.registry.spec import RegisterSpec
    from airflow_finetune.resources import Resource
    from airflow_finetune.values import ModelVersion

MakeClient = Callable[["Resource"], "ResourceClient"]


class Registration:
    """One model on its way to a version.

    Args:
        clients: gives the client of a kind of resource.
        s3: boto3's client.
        identity: what makes this registration the same one in every try.
        spec: rendered.
        evidence: checked.
        say: takes one line for the task's log.
    """

    def __init__(
        self,
        clients: MakeClient,
        s3: Any,
        identity: Identity,
        spec: RegisterSpec,
        evidence: Evidence,
        say: Callable[[str], None],
    ) -> None:
        self._groups, self._versions = clients(MODEL_PACKAGE_GROUP), clients(MODEL_PACKAGE)
        self._s3, self._identity, self._spec, self._evidence, self._say = s3, identity, spec, evidence, say
        self._owner = Owner(identity.claim, identity.digest, "promoted", None)  # it stays until a person deletes it

    def step(self) -> ModelVersion | str:
        """Make what is missing and look; return the version, or in words what is waited for.

        Raises:
            RequestRefused: AWS refused a request.
            SpecError: AWS would refuse it.
            JobFailed: AWS could not make the group or the version.
            Unavailable: AWS could not answer.
        """
        if (waits := self._group_is_made()) is not None:
            return waits
        arn = self._found() or self._made()
        described = self._versions.describe(arn)
        if described is None:
            said = "AWS has accepted it and does not describe it yet."
            raise Unavailable(f"model package {arn}", said, NEXT_STEP[FailureClass.THROTTLED])
        if (waits := _waits(MODEL_PACKAGE, arn, described)) is not None:
            return waits
        return version_of(described)

    def _group_is_made(self) -> str | None:
        name = self._spec.group
        described = self._groups.describe(name)
        if described is None:
            request = group_request(self._spec)
            self._check(MODEL_PACKAGE_GROUP, request)
            refused = self._groups.create(name, request, self._owner)
            if refused is not None and refused.meaning is not FailureClass.EXISTS:
                raise _error(f"model package group {name}", refused)
            self._say(f"Made model package group {name}.")
            described = self._groups.describe(name) or {}
        return _waits(MODEL_PACKAGE_GROUP, name, described) if described else f"AWS does not describe {name} yet."

    def _found(self) -> str | None:
        rows = self._versions.listed(ModelPackageGroupName=self._spec.group)
        found = [str(row[MODEL_PACKAGE.arn]) for row in rows if is_of(row, self._identity)]
        if found:
            self._say(f"An earlier try has registered this model: {found[0]}.")
        return found[0] if found else None

    def _made(self) -> str:
        body = self._evidence.body()
        stored = Stored(address_of(self._evidence, self._spec.output_uri), sha256_of(body))
        request = version_request(self._spec, self._evidence, self._identity, stored)
        self._check(MODEL_PACKAGE, request)
        put_once(self._s3, stored.uri, body, self._spec.kms_key_id)
        answer = self._versions.made(request, self._owner)
        if isinstance(answer, Refusal):
            raise _error(f"a version in {self._spec.group}", answer)
        self._say(f"Registered {answer[MODEL_PACKAGE.arn]}, on the evidence at {stored.uri}.")
        return str(answer[MODEL_PACKAGE.arn])

    def _check(self, resource: Resource, request: Mapping[str, Any]) -> None:
        wrong = faults(resource.service, resource.operations.create, dict(request))
        if wrong:
            thing = f"{resource.kind} in {self._spec.group}"
            raise SpecError(thing, " ".join(wrong), "Correct the field; this request was not sent.")


def _waits(resource: Resource, name: str, described: Described) -> str | None:
    phase, status = resource.phase(described), described[str(resource.status)]
    if phase == "done":
        return None
    if phase == "failed":
        raise JobFailed(f"{resource.kind} {name}", f"{status}.", "Look at it in the console; delete it there.")
    return f"{resource.kind} {name} is {status}."


def _error(thing: str, refused: Refusal) -> Unavailable | RequestRefused:
    # A version has no name that could be taken: a conflict is an earlier call of ours that is still on its way.
    kind = Unavailable if refused.meaning in {*WAITING_HELPS, FailureClass.EXISTS} else RequestRefused
    next_step = NEXT_STEP[FailureClass.THROTTLED if kind is Unavailable else refused.meaning]
    return kind(thing, f"AWS answered {refused.code}: {refused.message}", next_step)
