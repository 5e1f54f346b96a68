"""An approved custom model of Bedrock on its way to a deployment that stays, and back. Knows nothing of Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.shapes import faults
from airflow_finetune.errors import JobFailed, JobLost, RequestRefused, SpecError, Unavailable
from airflow_finetune.lifecycle.failures import NEXT_STEP, WAITING_HELPS, FailureClass, Refusal
from airflow_finetune.lifecycle.owner import LIFECYCLE, OWNER, SPEC, Owner
from airflow_finetune.redact import redacted_text
from airflow_finetune.registry.promoted.spec import VERSION, PromotedSpec, owner_of
from airflow_finetune.resources import CUSTOM_MODEL_DEPLOYMENT
from airflow_finetune.serving.waiting import Waiting

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import Described, ResourceClient

_ENDED = "It never answered: undeploy it (UndeployOperator), then clear this task."


def check_free(name: str, endpoint: Described | None) -> None:
    """Refuse a name at which an endpoint of SageMaker serves already: one name would mean two things.

    Raises:
        RequestRefused: says so.
    """
    if endpoint is not None:
        said = "serves under this name already, and Bedrock serves a custom model."
        raise RequestRefused(f"endpoint {name}", said, "Undeploy it, or choose another endpoint_name.")


class OurDeployment:
    """One name of a custom model deployment in one Airflow.

    Args:
        client: of custom model deployments.
        deployment: which Airflow.
        name: of what stays, the same over all versions.
    """

    def __init__(self, client: ResourceClient, deployment: str, name: str) -> None:
        self.client, self.name, self.claim = client, name, owner_of(deployment, name)
        self.thing = f"custom model deployment {name}"

    def described(self) -> Described | None:
        """Return AWS's description; None if there is none.

        Raises:
            JobLost: one of this name is not a promoted one of this Airflow.
            RequestRefused: AWS does not let us look.
            Unavailable: AWS could not answer.
        """
        described = self.client.describe(self.name)
        if described is None:
            return None
        tags = self.client.tags(described[CUSTOM_MODEL_DEPLOYMENT.arn])
        if (tags.get(OWNER), tags.get(LIFECYCLE)) != (self.claim.key, "promoted"):
            owner, lifecycle = tags.get(OWNER, "nobody"), tags.get(LIFECYCLE, "no lifecycle")
            said = f"exists, and is no promoted one of this Airflow (owner {owner}, {lifecycle})."
            raise JobLost(self.thing, said, "Choose another endpoint_name; nothing was changed.")
        return described


class OnDemand:
    """One version that is to answer on demand.

    Args:
        ours: the deployment.
        spec: rendered.
        model_arn: of the custom model.
        say: takes one line for the task's log.
        updated: whether this try has asked AWS for the change already; then a way back is a failure.
    """

    def __init__(
        self, ours: OurDeployment, spec: PromotedSpec, model_arn: str, say: Callable[[str], None], updated: bool
    ) -> None:
        self._ours, self._spec, self._model_arn, self._say, self.updated = ours, spec, model_arn, say, updated
        self._owner = Owner(ours.claim, spec.digest(), "promoted", None)

    def step(self) -> Described | Waiting:
        """Make what is missing and look; return the deployment that serves this version, or what is waited for.

        Raises:
            RequestRefused: AWS refused a request.
            SpecError: AWS would refuse it.
            JobLost: something of this name is not ours.
            JobFailed: the deployment has failed, or AWS went back to what served before.
            Unavailable: AWS could not answer.
        """
        described = self._ours.described()
        return self._created() if described is None else self._judged(described)

    def settle(self, described: Mapping[str, Any]) -> None:
        """Say on the deployment what it serves now."""
        pairs = {SPEC: self._owner.digest, VERSION: self._spec.model_package_arn, **self._spec.tags}
        self._ours.client.add_tags(described[CUSTOM_MODEL_DEPLOYMENT.arn], pairs)

    def _created(self) -> Waiting:
        pairs = {**self._spec.tags, VERSION: self._spec.model_package_arn}
        tags = [{"key": key, "value": value} for key, value in pairs.items()]
        resource = CUSTOM_MODEL_DEPLOYMENT
        # No client request token of ours: the name stays over undeployments, and must not find what was deleted.
        request = {resource.key: self._ours.name, "modelArn": self._model_arn, "tags": tags}
        wrong = faults(resource.service, resource.operations.create, request)
        if wrong:
            raise SpecError(self._ours.thing, " ".join(wrong), "Correct the field; this request was not sent.")
        answer = self._ours.client.made(request, self._owner)
        if isinstance(answer, Refusal) and answer.meaning is not FailureClass.EXISTS:  # else an answer was lost
            return self._refused(answer)
        self._say(f"Made {self._ours.thing}.")
        return Waiting(None, f"{self._ours.thing} is being created.")

    def _judged(self, described: Described) -> Described | Waiting:
        phase = CUSTOM_MODEL_DEPLOYMENT.phase(described)
        change = described.get("updateDetails", {})
        if phase == "failed":
            reason = redacted_text(CUSTOM_MODEL_DEPLOYMENT.reason_of(described))
            raise JobFailed(self._ours.thing, f"Failed. {reason}".strip(), _ENDED)
        if phase != "done" or change.get("updateStatus") == "Updating":
            return Waiting(None, f"{self._ours.thing} is being changed.")
        if described["modelArn"] == self._model_arn:
            return described
        if not self.updated:
            return self._update(described)
        if change.get("updateStatus") == "UpdateFailed":
            said = f"AWS could not change it (UpdateFailed): {described['modelArn']} still answers."
            raise JobFailed(self._ours.thing, said, "Look at it in Bedrock's console, then clear this task.")
        return Waiting(None, f"{self._ours.thing} does not say yet that it is being changed.")

    def _update(self, described: Described) -> Waiting:
        request = {CUSTOM_MODEL_DEPLOYMENT.asked_by: self._ours.name, "modelArn": self._model_arn}
        refused = self._ours.client.update(request)
        if refused is not None:
            return self._refused(refused)
        self.updated = True
        self._say(f"{described['modelArn']} answers until {self._model_arn} is ready.")
        return Waiting(None, f"{self._ours.thing} is being changed.")

    def _refused(self, refused: Refusal) -> Waiting:
        said = f"AWS answered {refused.code}: {refused.message}"
        if refused.meaning is FailureClass.QUOTA:
            return Waiting(None, f"{said} {NEXT_STEP[refused.meaning]}")
        error = Unavailable if refused.meaning in WAITING_HELPS else RequestRefused
        raise error(self._ours.thing, said, NEXT_STEP[refused.meaning])
