"""An approved version on its way to its endpoint: made, or taking over in place. Knows nothing of Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.shapes import faults
from airflow_finetune.errors import FinetuneError, JobFailed, RequestRefused, SpecError, Unavailable
from airflow_finetune.lifecycle.failures import NEXT_STEP, WAITING_HELPS, FailureClass, Refusal
from airflow_finetune.lifecycle.owner import SPEC, Owner
from airflow_finetune.redact import redacted_text
from airflow_finetune.registry.promoted.spec import VERSION, PromotedSpec, requests, tags
from airflow_finetune.resources import ENDPOINT, Resource
from airflow_finetune.serving.waiting import Waiting

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import Described
    from airflow_finetune.registry.promoted.endpoint import OurEndpoint
    from airflow_finetune.values import ModelVersion


def check_approved(version: ModelVersion) -> None:
    """Refuse to deploy what nobody has approved.

    Raises:
        RequestRefused: quotes AWS's status and who decided.
    """
    if version.approval_status != "Approved":
        why = f": {version.approval_description}" if version.approval_description else "."
        said = f"its approval status is {version.approval_status}{why}"
        next_step = "Only an Approved version is deployed: approve it (DAG approve_model), then clear this task."
        raise RequestRefused(f"model package {version.model_package_arn}", said, next_step)


def check_role(spec: PromotedSpec) -> None:
    """Refuse an endpoint without a role.

    Raises:
        SpecError: says so.
    """
    if spec.role_arn is None:
        said = "is missing, and an endpoint of SageMaker runs with a role."
        raise SpecError("deploy: role_arn", said, "Give one; nothing was made.")


class Takeover:
    """One version that is to answer at an endpoint.

    Args:
        ours: the endpoint.
        spec: rendered.
        say: takes one line for the task's log.
        updated: whether this try has asked AWS for the change already; then a way back is a failure.
    """

    def __init__(self, ours: OurEndpoint, spec: PromotedSpec, say: Callable[[str], None], updated: bool) -> None:
        self._ours, self._spec, self._say, self.updated = ours, spec, say, updated
        self._owner = Owner(ours.claim, spec.digest(), "promoted", None)

    def step(self) -> Described | Waiting:
        """Make what is missing and look; return the endpoint that serves this version, or what is waited for.

        Raises:
            RequestRefused: AWS refused a request.
            SpecError: AWS would refuse it.
            JobLost: something of this name is not ours.
            JobFailed: the endpoint has failed, or AWS went back to what served before.
            Unavailable: AWS could not answer.
        """
        described = self._ours.described()  # first, so that nothing is made beside somebody else's endpoint
        for resource, request in requests(self._spec):
            self._found_or_made(resource, self._spec.name, request)
        if described is None:
            return self._created()
        return self._judged(described)

    def settle(self, described: Mapping[str, Any]) -> None:
        """Say on the endpoint what it serves now, and delete what it served before; neither is billed."""
        pairs = {SPEC: self._owner.digest, VERSION: self._spec.model_package_arn, **self._spec.tags}
        self._ours.client(ENDPOINT).add_tags(described[ENDPOINT.arn], pairs)
        for resource, name in self._ours.parts():
            if name == self._spec.name:
                continue
            try:
                self._ours.client(resource).delete(name)
                self._say(f"Deleted {resource.kind} {name}, which served before.")
            except FinetuneError as error:
                self._say(f"Could not delete {resource.kind} {name}; the next deployment tries again. {error}")

    def _created(self) -> Waiting:
        request = {"EndpointConfigName": self._spec.name, "Tags": tags(self._spec)}
        refused = self._made(ENDPOINT, self._ours.name, request)
        return refused or Waiting(self._ours.name, f"endpoint {self._ours.name} is being created.")

    def _judged(self, described: Described) -> Described | Waiting:
        name, phase = self._ours.name, ENDPOINT.phase(described)
        thing, reason = f"endpoint {name}", redacted_text(ENDPOINT.reason_of(described))
        said = f"{described[str(ENDPOINT.status)]}. {reason}".strip()
        if phase in ("running", "stopping"):
            return Waiting(name, f"{thing} is {said}")
        if phase != "done":
            raise JobFailed(thing, said, "It never served: undeploy it (UndeployOperator), then clear this task.")
        if described["EndpointConfigName"] == self._spec.name:
            return described
        if self.updated:
            told = (
                f"AWS went back to {described['EndpointConfigName']}, which still serves: {reason or 'no reason given'}"
            )
            hint = f"Read its log in CloudWatch (/aws/sagemaker/Endpoints/{name}), then clear this task."
            raise JobFailed(thing, told, hint)
        return self._update(described)

    def _update(self, described: Described) -> Waiting:
        name = self._ours.name
        refused = self._ours.client(ENDPOINT).update({"EndpointName": name, "EndpointConfigName": self._spec.name})
        if refused is None:
            self.updated = True
            self._say(f"{described['EndpointConfigName']} serves until {self._spec.name} is healthy.")
            return Waiting(name, f"endpoint {name} is being updated.")
        now = self._ours.client(ENDPOINT).describe(name)
        if now is not None and ENDPOINT.phase(now) == "running":  # another change was faster, or the answer was lost
            return Waiting(name, f"endpoint {name} is {now[str(ENDPOINT.status)]}.")
        return self._refused(f"endpoint {name}", refused)

    def _found_or_made(self, resource: Resource, name: str, request: Mapping[str, Any]) -> None:
        client = self._ours.client(resource)
        described = client.describe(name)
        if described is None:
            self._made(resource, name, request)
            described = client.describe(name)
            if described is None:
                said = "AWS has accepted it and does not describe it yet."
                raise Unavailable(f"{resource.kind} {name}", said, NEXT_STEP[FailureClass.THROTTLED])
        self._ours.check(resource, name, client.tags(described[resource.arn]))

    def _made(self, resource: Resource, name: str, request: Mapping[str, Any]) -> Waiting | None:
        thing = f"{resource.kind} {name}"
        wrong = faults(resource.service, resource.operations.create, {**request, resource.key: name})
        if wrong:
            raise SpecError(thing, " ".join(wrong), "Correct the field; this request was not sent.")
        refused = self._ours.client(resource).create(name, request, self._owner)
        if refused is None or refused.meaning is FailureClass.EXISTS:  # the answer to an earlier call was lost
            self._say(f"Made {thing}.")
            return None
        return self._refused(thing, refused)

    def _refused(self, thing: str, refused: Refusal) -> Waiting:
        said = f"AWS answered {refused.code}: {refused.message}"
        if refused.meaning is FailureClass.QUOTA:
            return Waiting(None, f"{said} {NEXT_STEP[refused.meaning]}")
        error = Unavailable if refused.meaning in WAITING_HELPS else RequestRefused
        raise error(thing, said, NEXT_STEP[refused.meaning])
