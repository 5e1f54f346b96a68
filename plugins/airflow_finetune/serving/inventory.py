"""What there is of ours at AWS, and for each thing whether it may be deleted: rules over tags, without AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from airflow_finetune.lifecycle.owner import DEPLOYMENT, LIFECYCLE, OWNER, lease_of, tag_value
from airflow_finetune.resources import RESOURCES, Resource
from airflow_finetune.serving.endpoint.host import ENDPOINT_HOST

KINDS = ENDPOINT_HOST.kinds
_ORDER = {resource.kind: index for index, resource in enumerate(RESOURCES)}


@dataclass(frozen=True)
class Found:
    """One thing that AWS knows.

    Attributes:
        resource: its kind.
        name: of it.
        described: AWS's description.
        tags: None when AWS did not let us read them.
    """

    resource: Resource
    name: str
    described: Mapping[str, Any]
    tags: Mapping[str, str] | None

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name."""
        return self.resource.kind, self.name

    @property
    def answers(self) -> bool:
        """Whether this is what answers, and not a document that it was made from."""
        return self.resource.status is not None


class Verdict(NamedTuple):
    """Whether a thing may be deleted.

    Attributes:
        action: ``unjudged`` keeps it, and somebody should look at it.
        reason: why it is kept; empty when it is deleted.
    """

    action: Literal["delete", "keep", "unjudged"]
    reason: str = ""


Judge = Callable[[Found], Verdict]
"""The filter: a teardown and a cleanup differ in nothing else."""


def in_scope(scope_id: str) -> Judge:
    """Return the filter of a teardown: what bears this scope's owner tag."""

    def judge(found: Found) -> Verdict:
        if (doubt := _doubt(found, OWNER, LIFECYCLE)) is not None:
            return doubt
        tags = found.tags or {}
        if tags[OWNER] != scope_id:
            return Verdict("keep", f"its owner is {tags[OWNER]}, not this scope.")
        return _ephemeral(tags)

    return judge


def expired(deployment: str, now: datetime) -> Judge:
    """Return the filter of a cleanup: ephemeral, of this deployment, its lease has ended."""

    def judge(found: Found) -> Verdict:
        if (doubt := _doubt(found, OWNER, LIFECYCLE, DEPLOYMENT)) is not None:
            return doubt
        tags = found.tags or {}
        if tags[DEPLOYMENT] != tag_value(deployment):
            return Verdict("keep", f"it is of deployment {tags[DEPLOYMENT]!r}, and this is {deployment!r}.")
        verdict = _ephemeral(tags)
        if verdict.action != "delete":
            return verdict
        ends = lease_of(tags)
        if ends is None:
            return Verdict("unjudged", "its lease cannot be read from its tags.")
        return verdict if now >= ends else Verdict("keep", f"its lease ends at {ends:%Y-%m-%d %H:%M} UTC.")

    return judge


def commitment_of(described: Mapping[str, Any], now: datetime) -> str:
    """Return why AWS does not delete a throughput now; empty where nothing holds it.

    Args:
        described: AWS's description of anything.
        now: the clock.
    """
    ends = described.get("commitmentExpirationTime")
    if ends is None or now >= ends or described.get("status") == "Failed":
        return ""
    return (
        f"its commitment ends at {ends:%Y-%m-%d %H:%M} UTC. AWS does not delete it before, and bills every hour until"
        " it is deleted."
    )


class Plan(NamedTuple):
    """What to do with an inventory now.

    Attributes:
        delete: at once, in this order.
        wait: what AWS does not let us delete yet.
        blocked: what something that still answers is made from.
        kept: with the reason.
    """

    delete: tuple[Found, ...]
    wait: tuple[Found, ...]
    blocked: tuple[Found, ...]
    kept: tuple[tuple[Found, Verdict], ...]


def plan(inventory: Iterable[Found], judge: Judge) -> Plan:
    """Return what to delete now, what to wait for, and what to keep.

    What answers and is being created, updated or deleted cannot be deleted; what it was made from, which has its name,
    goes after it.

    Args:
        inventory: what AWS knows.
        judge: the filter.
    """
    ordered = sorted(inventory, key=lambda found: (_ORDER[found.resource.kind], found.name))
    judged = [(found, judge(found)) for found in ordered]
    doomed = [found for found, verdict in judged if verdict.action == "delete"]
    kept = tuple((found, verdict) for found, verdict in judged if verdict.action != "delete")
    wait = tuple(found for found in doomed if found.resource.phase(found.described) in ("running", "stopping"))
    blocked, delete = [], []
    there = {found.name for found in ordered if found.answers}
    for found in doomed:
        if not found.answers and found.name in there:
            blocked.append(found)
        elif found not in wait:
            delete.append(found)
    return Plan(tuple(delete), wait, tuple(blocked), kept)


def _doubt(found: Found, *wanted: str) -> Verdict | None:
    if found.tags is None:
        return Verdict("unjudged", "AWS did not let us read its tags.")
    missing = [key for key in wanted if key not in found.tags]
    return Verdict("unjudged", f"it has our kind of name and no tag {', '.join(missing)}.") if missing else None


def _ephemeral(tags: Mapping[str, str]) -> Verdict:
    if tags[LIFECYCLE] == "ephemeral":
        return Verdict("delete")
    return Verdict("keep", f"its lifecycle is {tags[LIFECYCLE]!r}, and only what is ephemeral is deleted.")
