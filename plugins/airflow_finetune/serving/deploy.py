"""What a model needs in order to answer: found or made, whatever an earlier try has done. Knows nothing of Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.shapes import faults
from airflow_finetune.errors import JobFailed, JobLost, RequestRefused, SpecError, Unavailable
from airflow_finetune.lifecycle.failures import NEXT_STEP, WAITING_HELPS, FailureClass
from airflow_finetune.lifecycle.owner import EXPIRES_AT, OWNER, SPEC, Owner, lease_tag
from airflow_finetune.redact import redacted_text
from airflow_finetune.serving.waiting import Waiting

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import Described
    from airflow_finetune.resources import Resource
    from airflow_finetune.serving.host import MakeClient, Recipe
    from airflow_finetune.serving.scope import Arm, Scope, ScopeClaim

_TORN_DOWN = "The scope's teardown deletes it; then clear open_scope, which clears deploy too."


class Deployment:
    """One arm of a scope on its way to a model that answers.

    Args:
        clients: gives the client of a kind of resource.
        scope: that it lives in, open.
        arm: which one.
        claim: whose the scope is.
        digest: of the spec.
        recipe: of its host.
        say: takes one line for the task's log.
    """

    def __init__(
        self,
        clients: MakeClient,
        scope: Scope,
        arm: Arm,
        claim: ScopeClaim,
        digest: str,
        recipe: Recipe,
        say: Callable[[str], None],
    ) -> None:
        self.name = scope.names[arm]
        self.owner = Owner(claim.owner, digest, "ephemeral", scope.expires_at)
        self._recipe, self._say = recipe, say
        self._clients = {resource.kind: clients(resource) for resource, _ in recipe.requests}

    def step(self, max_wait: timedelta, now: datetime) -> Described | Waiting:
        """Make what is missing and look; return the description of what answers, or what is waited for.

        Args:
            max_wait: from the creation of what answers to its service, over all tries.
            now: the clock.

        Raises:
            RequestRefused: AWS refused a request, or what is there was made from another spec.
            JobLost: something of this name is not ours.
            JobFailed: what should answer has failed, or ``max_wait`` is over.
            Unavailable: AWS could not answer.
        """
        described: Described = {}
        for resource, request in self._recipe.requests:
            found = self._found_or_made(resource, request(self.name))
            if isinstance(found, Waiting):
                return found
            described, last = found, resource
        return self._judged(last, described, max_wait, now) if described else described

    def _found_or_made(self, resource: Resource, request: Mapping[str, Any]) -> Described | Waiting:
        client = self._clients[resource.kind]
        described = client.describe(self.name)
        if described is not None and resource.phase(described) == "stopping":
            return Waiting(self.name, f"An earlier {resource.kind} of this name is being deleted.", kind=resource.kind)
        if described is None:
            if (refused := self._made(resource, request)) is not None:
                return refused
            described = client.describe(self.name)
            if described is None:
                said = "AWS has accepted it and does not describe it yet."
                raise Unavailable(f"{resource.kind} {self.name}", said, NEXT_STEP[FailureClass.THROTTLED])
        tags = client.tags(described[resource.arn])
        self._check_owner(resource, tags)
        if tags.get(EXPIRES_AT) != lease_tag(self.owner.expires_at):  # open_scope was cleared alone: a new lease
            client.add_tags(described[resource.arn], {EXPIRES_AT: lease_tag(self.owner.expires_at)})
        return described

    def _made(self, resource: Resource, request: Mapping[str, Any]) -> Waiting | None:
        thing = f"{resource.kind} {self.name}"
        wrong = faults(resource.service, resource.operations.create, {**request, resource.key: self.name})
        if wrong:
            raise SpecError(thing, " ".join(wrong), "Correct the spec; this request was not sent.")
        refusal = self._clients[resource.kind].create(self.name, request, self.owner)
        if refusal is None or refusal.meaning is FailureClass.EXISTS:  # the answer to an earlier call was lost
            self._say(f"Made {thing}.")
            return None
        said = f"AWS answered {refusal.code}: {refusal.message}"
        if refusal.meaning is FailureClass.QUOTA:
            return Waiting(None, f"{said} {NEXT_STEP[refusal.meaning]}", kind=resource.kind)
        error = Unavailable if refusal.meaning in WAITING_HELPS else RequestRefused
        raise error(thing, said, self._recipe.refused(resource, refusal))

    def _check_owner(self, resource: Resource, tags: Mapping[str, str]) -> None:
        thing, wanted = f"{resource.kind} {self.name}", self.owner.digest
        if tags.get(OWNER) != self.owner.claim.key:
            said = "exists, and its owner tag is not this scope's."
            raise JobLost(thing, said, "Look at it in the console; nothing was changed.")
        if tags.get(SPEC) != wanted:
            said = f"was made from spec {tags.get(SPEC)}, and this try rendered spec {wanted}."
            raise RequestRefused(thing, said, _TORN_DOWN)

    def _judged(
        self, resource: Resource, described: Described, max_wait: timedelta, now: datetime
    ) -> Described | Waiting:
        phase, thing = resource.phase(described), f"{resource.kind} {self.name}"
        if phase == "done":
            return described
        said = f"{described[str(resource.status)]}. {redacted_text(resource.reason_of(described))}".strip()
        if phase == "failed":
            raise JobFailed(thing, said, f"{self._recipe.failed(self.name)} {_TORN_DOWN}".strip())
        until = described[resource.created] + max_wait  # a retry does not begin to count anew
        if now >= until:
            raise JobFailed(thing, f"is {said} max_wait of {max_wait} is over.", f"Raise max_wait. {_TORN_DOWN}")
        return Waiting(self.name, f"{thing} is {said}", until, resource.kind)
