"""One thing on Bedrock on its way out: asked for until AWS does not know it any more. Knows nothing of Airflow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from airflow_finetune.errors import NotAllowed, RequestRefused
from airflow_finetune.lifecycle.life import MAX_FAILURES
from airflow_finetune.resources import CUSTOM_MODEL, CUSTOM_MODEL_DEPLOYMENT, PROVISIONED_THROUGHPUT, Resource
from airflow_finetune.serving.host import MakeClient
from airflow_finetune.serving.inventory import commitment_of
from airflow_finetune.serving.waiting import Waiting
from airflow_finetune.values import CleanedResource, CleanupReceipt

Keep = Callable[[Mapping[str, str] | None], str]
"""Gives, from the tags of a thing, why it stays; empty where it may go. None stands for tags that cannot be read."""


class Ended(NamedTuple):
    """How it ended.

    Attributes:
        how: what became of the thing.
        why: why it is still there; empty where it is gone.
    """

    how: Literal["deleted", "already_gone", "kept", "failed"]
    why: str = ""


class Deletion:
    """Carries one thing to its end.

    Args:
        clients: gives the client of a kind of resource.
        resource: its kind.
        name: its name or ARN.
        keep: says from its tags why it stays.
        say: takes one line for the task's log.
        own: names of deployments and throughputs that are on their way out too.
        memory: of an earlier part of this task; None at its start.
    """

    def __init__(
        self,
        clients: MakeClient,
        resource: Resource,
        name: str,
        keep: Keep,
        say: Callable[[str], None],
        own: Collection[str] = (),
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        self._clients, self._client, self._resource, self.name = clients, clients(resource), resource, name
        self._keep, self._say, self._own = keep, say, own
        before = memory or {"has_begun": False, "refused": 0}
        self._has_begun, self._refused = bool(before["has_begun"]), int(before["refused"])

    @property
    def thing(self) -> str:
        """What to call it in words."""
        return f"{self._resource.kind} {self.name}"

    def memory(self) -> dict[str, Any]:
        """Return what a later part of the same task must know, in plain types."""
        return {"has_begun": self._has_begun, "refused": self._refused}

    def step(self, now: datetime) -> Ended | Waiting:
        """Look, and delete what can be deleted.

        Raises:
            Unavailable: AWS could not answer.
            RequestRefused: AWS does not let us look.
        """
        described = self._client.describe(self.name)
        if described is None:
            return Ended("deleted" if self._has_begun else "already_gone")
        if why := self._keep(self._tags(str(described[self._resource.arn]))):
            return Ended("kept", why)
        if self._resource.phase(described) in ("running", "stopping"):
            why = f"AWS does not delete what is on its way: {self.thing}."
            return Waiting(self.name, why, kind=self._resource.kind)
        if why := commitment_of(described, now):
            return Ended("failed", why)
        return self._deleted(str(described[self._resource.arn]))

    def row(self, ended: Ended) -> CleanupReceipt:
        """Return a receipt of this thing alone."""
        row = CleanedResource(kind=self._resource.kind, name=self.name, reason=ended.why, accepted=ended.how == "kept")
        return CleanupReceipt().model_copy(update={ended.how: (row,)})

    def _tags(self, arn: str) -> dict[str, str] | None:
        try:
            return self._client.tags(arn)
        except RequestRefused:  # gone meanwhile, or not ours to read
            return None

    def _deleted(self, arn: str) -> Ended | Waiting:
        try:
            self._client.delete(self.name)
        except NotAllowed as error:
            return Ended("failed", str(error))
        except RequestRefused as error:
            return self._in_use(arn, error)
        self._say(f"Deletes {self.thing}.")
        self._has_begun = True
        return Waiting(None, f"AWS deletes {self.thing}.")

    def _in_use(self, arn: str, error: RequestRefused) -> Ended | Waiting:
        users = self._users(arn) if self._resource is CUSTOM_MODEL else []
        others = [f"{kind} {name}" for kind, name in users if name not in self._own]
        self._refused += 1
        if others or self._refused >= MAX_FAILURES or not users:
            used = f"It is used by {', '.join(others)}: delete that first. " if others else ""
            return Ended("failed", f"{error.said} {used}Then clear this task.")
        return Waiting(None, f"{error.said} What uses it is on its way out.")

    def _users(self, arn: str) -> list[tuple[str, str]]:
        return [
            (resource.kind, str(row[resource.row_key]))
            for resource in (CUSTOM_MODEL_DEPLOYMENT, PROVISIONED_THROUGHPUT)
            for row in self._clients(resource).listed(modelArnEquals=arn)
        ]
