"""Deletes what a plan says until AWS knows none of it; the same for a scope's teardown and for cleanup."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_finetune.errors import FinetuneError, NotAllowed, RequestRefused, Unavailable, Unreachable
from airflow_finetune.lifecycle.life import MAX_FAILURES
from airflow_finetune.lifecycle.owner import lease_of
from airflow_finetune.serving.endpoint.host import ENDPOINT_HOST
from airflow_finetune.serving.inventory import Found, Judge, Plan, commitment_of, expired, in_scope, plan
from airflow_finetune.serving.scope import MARK, ScopeClaim, is_of_a_scope
from airflow_finetune.serving.waiting import Waiting
from airflow_finetune.values import CleanedResource, CleanupReceipt

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient
    from airflow_finetune.resources import Resource
    from airflow_finetune.serving.host import Host, MakeClient, Price

Key = tuple[str, str]
"""Kind and name."""


class What(NamedTuple):
    """What a teardown is about.

    Attributes:
        names: of a scope; None looks for every name that a scope can have.
        judge: the filter.
        hosts: where to look.
        may_be_hidden: hosts that are left out, with a note, where AWS does not let us look.
    """

    names: Collection[str] | None
    judge: Judge
    hosts: tuple[Host, ...] = (ENDPOINT_HOST,)
    may_be_hidden: Collection[Host] = ()


def of_scope(claim: ScopeClaim, hosts: tuple[Host, ...] = (ENDPOINT_HOST,)) -> What:
    """Return what a teardown deletes: all in a scope, whether or not its lease has ended."""
    return What(list(claim.names.values()), in_scope(claim.id), hosts)


def of_expired(deployment: str, now: datetime, hosts: tuple[Host, ...] = (ENDPOINT_HOST,)) -> What:
    """Return what a cleanup deletes: all of a deployment that is ephemeral and whose lease has ended."""
    return What(None, expired(deployment, now), hosts, [host for host in hosts if host is not ENDPOINT_HOST])


class Teardown:
    """Carries a set of names, or everything that can be found, to the end of what may be deleted.

    Args:
        clients: gives the client of a kind of resource.
        what: to delete.
        say: takes one line for the task's log.
        price: for what was saved.
        memory: of an earlier part of this task; None at its start.
    """

    def __init__(
        self,
        clients: MakeClient,
        what: What,
        say: Callable[[str], None],
        price: Price,
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        self._what, self._say, self._price = what, say, price
        self._hosts = {resource.kind: host for host in what.hosts for resource in host.kinds}
        self._clients: dict[str, ResourceClient] = {
            resource.kind: clients(resource) for host in what.hosts for resource in host.kinds
        }
        before = memory or {"begun": [], "saved_usd": 0.0}
        self.begun: set[Key] = {(kind, name) for kind, name in before["begun"]}
        self.saved_usd: float | None = before["saved_usd"]
        self._failed: dict[Key, str] = {}
        self._refused: dict[Key, int] = {}
        self._committed: dict[Key, str] = {}
        self._hidden: dict[str, str] = {}

    def step(self, now: datetime) -> CleanupReceipt | Waiting:
        """Look, delete what can be deleted, and say what is waited for; a receipt when nothing is left to do.

        Args:
            now: the clock.

        Raises:
            Unavailable: AWS could not answer.
            RequestRefused: AWS does not let us look.
        """
        inventory = self._inventory()
        todo = plan(inventory, self._what.judge)
        for found in todo.delete:
            self._delete(found, now)
        left = [found for found in todo.delete if found.key not in self._failed and found.key not in self._committed]
        if left or todo.wait:
            going = next((found for found in (*todo.wait, *left) if found.answers), None)
            what = ", ".join(f"{found.resource.kind} {found.name}" for found in todo.wait)
            why = f"AWS does not delete what is on its way: {what}." if what else "AWS deletes."
            return Waiting(None, why) if going is None else Waiting(going.name, why, kind=going.resource.kind)
        return self._receipt(inventory, todo)

    def memory(self) -> dict[str, Any]:
        """Return what a later part of the same task must know, in plain types."""
        return {"begun": [list(key) for key in sorted(self.begun)], "saved_usd": self.saved_usd}

    def give_up(self, why: str) -> CleanupReceipt:
        """Return a receipt in which all that is still there has failed."""
        inventory = self._inventory()
        todo = plan(inventory, self._what.judge)
        gone = {found.key for found in inventory}
        for found in (*todo.delete, *todo.wait):
            if found.key not in self._committed:
                self._failed.setdefault(found.key, why)
        for kind, name in self.begun & gone:
            self._failed.setdefault((kind, name), why)
        return self._receipt(inventory, todo)

    def _inventory(self) -> list[Found]:
        return [found for host in self._what.hosts for found in self._on(host)]

    def _on(self, host: Host) -> list[Found]:
        if host.name in self._hidden:
            return []
        try:
            return [found for each in host.kinds for name in self._known(each) if (found := self._look(each, name))]
        except (NotAllowed, Unreachable) as error:
            if host not in self._what.may_be_hidden:
                raise
            self._hidden[host.name] = f"What is on Bedrock was not looked at. {error}"
            return []

    def _known(self, resource: Resource) -> list[str]:
        if self._what.names is not None:
            return sorted(self._what.names)  # described one by one: AWS's lists may lack what was just made
        return [name for name in self._clients[resource.kind].find(MARK.lstrip("-")) if is_of_a_scope(name)]

    def _look(self, resource: Resource, name: str) -> Found | None:
        client = self._clients[resource.kind]
        described = client.describe(name)
        if described is None:
            return None
        try:
            return Found(resource, name, described, client.tags(described[resource.arn]))
        except RequestRefused:  # deleted between the two calls, or not ours to read
            return None if client.describe(name) is None else Found(resource, name, described, None)

    def _delete(self, found: Found, now: datetime) -> None:
        client, thing = self._clients[found.resource.kind], f"{found.resource.kind} {found.name}"
        if found.key in self._failed:
            return
        if why := commitment_of(found.described, now):
            self._committed[found.key] = why
            return
        saved = self._saving(found, now) if found.key not in self.begun else 0.0
        try:
            client.delete(found.name)
        except FinetuneError as error:
            self._refused[found.key] = self._refused.get(found.key, 0) + 1
            self._say(f"Could not delete {thing}: {error}")
            described = client.describe(found.name)
            changes = described is None or found.resource.phase(described) in ("running", "stopping")
            patience = MAX_FAILURES if changes or isinstance(error, Unavailable) else 1
            if self._refused[found.key] >= patience:
                self._failed[found.key] = str(error)
            return
        self._say(f"Deletes {thing}.")
        self.begun.add(found.key)
        self.saved_usd = None if saved is None or self.saved_usd is None else self.saved_usd + saved

    def _saving(self, found: Found, now: datetime) -> float | None:
        if found.resource.bills_as is None:
            return 0.0
        ends = lease_of(found.tags or {})
        if ends is None:
            return None
        host = self._hosts[found.resource.kind]
        usd = host.hourly_usd(found.described, lambda resource: self._clients[resource.kind], self._price)
        return None if usd is None else usd * max(0.0, (ends - now).total_seconds()) / 3600

    def _receipt(self, inventory: list[Found], todo: Plan) -> CleanupReceipt:
        there = {found.key for found in inventory}
        names = self._what.names or ()
        for found in todo.blocked:
            self._failed.setdefault(found.key, "its endpoint is still there.")
        kept = tuple(
            CleanedResource(kind=found.resource.kind, name=found.name, reason=why, unjudged=action == "unjudged")
            for found, (action, why) in todo.kept
        )
        committed = tuple(row.model_copy(update={"accepted": True}) for row in rows(self._committed))
        gone = {(kind, name) for kind in self._hosts for name in names} - there - self.begun
        return CleanupReceipt(
            deleted=rows({key: "" for key in self.begun - there}),
            already_gone=rows({key: "" for key in gone}),
            kept=(*kept, *committed),
            failed=rows(self._failed),
            estimated_saved_usd=None if self.saved_usd is None else round(self.saved_usd, 4),
            notes=tuple(self._hidden.values()),
        )


def rows(reasons: Mapping[Key, str]) -> tuple[CleanedResource, ...]:
    """Return the rows of a receipt, sorted, from kind and name -> reason."""
    return tuple(CleanedResource(kind=kind, name=name, reason=reasons[kind, name]) for kind, name in sorted(reasons))
