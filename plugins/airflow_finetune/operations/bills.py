"""Judges what costs money: whose it is, whether it should be there, what it costs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from airflow_finetune.aws.stored import Stored
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.lifecycle.owner import DEPLOYMENT, LIFECYCLE, lease_of, tag_value
from airflow_finetune.resources.resource import Phase
from airflow_finetune.values import Value

GB = 1 << 30  # as AWS bills S3
HOURLY = (
    *("endpoint", "training job", "warm pool"),
    *("provisioned throughput", "custom model deployment", "model customization job"),
)
MONTHLY = ("storage", "custom model")
_LEASED = ("endpoint", "provisioned throughput", "custom model deployment")
"""What the cleanup deletes when its lease is over."""


class BillingItem(Value):
    """One thing at AWS that costs money while it is there.

    Attributes:
        kind: ``endpoint``, ``training job``, ``warm pool``, ``storage`` or ``checkpoints``; on Bedrock ``model
            customization job``, ``custom model deployment``, ``provisioned throughput`` or ``custom model``.
        name: AWS's name of it; the address of what is stored.
        arn: of it; empty for what is stored.
        lifecycle: ``ephemeral``, ``promoted`` or ``job`` by its tag; empty for what is stored or cannot be read.
        state: ``overdue`` should have been gone; ``unjudged`` cannot be judged, and somebody should look at it.
        usd_per_hour: while it is there; 0 for what bills by the token; None when a price is not known, and for what is
            stored.
        usd_per_month: of what is stored, custom models too; None when the price is not known, and for what bills by the
            hour.
        bytes: of what is stored.
        since: when it was made; of what is stored, when the newest of it was written.
        expires_at: the end of its lease; None without one.
        reason: why it is there, or why it should not be.
    """

    kind: str
    name: str
    arn: str = ""
    lifecycle: str = ""
    state: Literal["expected", "overdue", "unjudged"] = "expected"
    usd_per_hour: float | None = None
    usd_per_month: float | None = None
    bytes: int | None = None
    since: datetime | None = None
    expires_at: datetime | None = None
    reason: str = ""


class BillingReport(Value):
    """What of one deployment costs money now, in one region of one account.

    Attributes:
        deployment: whose tags were looked for.
        region: where.
        asked_at: when.
        items: everything that bills; nothing is in it twice.
        removable: a part of the storage that nobody needs any more: checkpoints of jobs that are done.
        deleted: what of that this task has deleted.
        usd_per_hour: of all items that bill by the hour; None when a price of one is not known.
        usd_per_month: of all storage and custom models; None when a price or a size of it is not known.
        notes: what could not be looked at.
    """

    deployment: str
    region: str
    asked_at: datetime
    items: tuple[BillingItem, ...] = ()
    removable: tuple[BillingItem, ...] = ()
    deleted: tuple[BillingItem, ...] = ()
    usd_per_hour: float | None = None
    usd_per_month: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """One thing at AWS that bills, but for what lies in S3.

    Attributes:
        kind: as of ``BillingItem``.
        name: of it.
        arn: of it.
        phase: what its status means.
        said: AWS's words on it.
        since: when it was made.
        tags: None when AWS did not let us read them.
        has_our_name: whether its name has the form of one that we give.
        usd_per_hour: of all its instances; None when the price is not known.
        note: what to know about the price; empty without.
        usd_per_month: of what bills by the month; None when the price is not known, and for what does not.
        held: why AWS would not delete it now; empty without.
    """

    kind: str
    name: str
    arn: str
    phase: Phase
    said: str
    since: datetime
    tags: Mapping[str, str] | None
    has_our_name: bool
    usd_per_hour: float | None
    note: str = ""
    usd_per_month: float | None = None
    held: str = ""


class _Standing(NamedTuple):
    state: str
    reason: str


def judged(seen: Seen, deployment: str, now: datetime) -> BillingItem | None:
    """Return what a thing costs and whether it should be there; None when it is not of this deployment.

    Args:
        seen: what AWS says.
        deployment: whose things are looked for.
        now: the clock.
    """
    tags = seen.tags or {}
    if DEPLOYMENT not in tags:
        if not seen.has_our_name:
            return None
        standing = _Standing("unjudged", _untagged(seen))
    elif tags[DEPLOYMENT] != tag_value(deployment):
        return None
    else:
        standing = _standing(seen, tags, now)
    return BillingItem(
        kind=seen.kind,
        name=seen.name,
        arn=seen.arn,
        lifecycle=tags.get(LIFECYCLE, ""),
        state=standing.state,  # type: ignore[arg-type]  # pydantic checks it
        usd_per_hour=seen.usd_per_hour,
        usd_per_month=seen.usd_per_month,
        since=seen.since,
        expires_at=lease_of(tags),
        reason=" ".join(part for part in (standing.reason, seen.note) if part),
    )


def stored(uri: str, found: Stored | Refusal, usd_per_gb: float | None) -> BillingItem:
    """Return what is stored below an address and costs money by the month.

    Args:
        uri: of it.
        found: what lies there, or AWS's refusal to let us look.
        usd_per_gb: of S3 Standard, a month; None when the price is not known.
    """
    if isinstance(found, Refusal):
        reason = f"Not counted: AWS answered {found.code}: {found.message}"
        return BillingItem(kind="storage", name=uri, state="unjudged", reason=reason)
    usd = None if usd_per_gb is None or found.elsewhere_bytes else found.all.bytes / GB * usd_per_gb
    words = [f"{found.all.objects} objects."]
    if found.elsewhere_bytes:
        words.append(f"{found.elsewhere_bytes} bytes are in other storage classes, whose prices are not asked for.")
    if not found.is_whole:
        words.append("There are more: counting stopped here.")
    return BillingItem(
        kind="storage",
        name=uri,
        usd_per_month=usd,
        bytes=found.all.bytes,
        since=found.all.changed_at,
        reason=" ".join(words),
    )


def hourly_total(items: Iterable[BillingItem]) -> float | None:
    """Return dollars per hour of all that bills by the hour; None when a price is not known."""
    return _sum(item.usd_per_hour for item in items if item.kind in HOURLY)


def monthly_total(items: Iterable[BillingItem]) -> float | None:
    """Return dollars per month of all that bills by the month; None when a price or a size is not known."""
    return _sum(item.usd_per_month for item in items if item.kind in MONTHLY)


def _untagged(seen: Seen) -> str:
    if seen.tags is None:
        return "It has our kind of name, and AWS did not let us read its tags."
    return f"It has our kind of name and no tag {DEPLOYMENT}."


def _standing(seen: Seen, tags: Mapping[str, str], now: datetime) -> _Standing:
    if seen.phase == "stopping":
        return _Standing("expected", f"It is on its way out: {seen.said}")
    if seen.kind == "warm pool":
        return _Standing("expected", "Its job has ended; AWS keeps the instances until the keep-alive time is over.")
    match tags.get(LIFECYCLE):
        case "promoted":
            return _Standing("expected", "It is promoted: it bills until somebody deletes it.")
        case "ephemeral" | "job":
            return _leased(seen, tags, now)
        case other:
            return _Standing("unjudged", f"Its lifecycle {other!r} is none that we give.")


def _leased(seen: Seen, tags: Mapping[str, str], now: datetime) -> _Standing:
    ends = lease_of(tags)
    if ends is None:
        return _Standing("unjudged", "Its lease cannot be read from its tags.")
    if now < ends:
        return _Standing("expected", f"Its lease ends at {ends:%Y-%m-%d %H:%M} UTC. {seen.said}")
    ended = f"Its lease ended at {ends:%Y-%m-%d %H:%M} UTC"
    if seen.held:
        return _Standing("expected", f"{ended}; {seen.held}")
    if seen.kind == "custom model":
        said = "nobody has promoted it, and it bills until somebody deletes it. Delete it, or promote it."
        return _Standing("unjudged", f"The lease of its job ended at {ends:%Y-%m-%d %H:%M} UTC: {said}")
    if seen.kind in _LEASED:
        return _Standing("overdue", f"{ended}: cleanup has not deleted it. Is the cleanup DAG paused?")
    return _Standing("overdue", f"{ended}: no task waits for it any more. Stop it.")


def _sum(prices: Iterable[float | None]) -> float | None:
    known = list(prices)
    return None if None in known else round(sum(price for price in known if price is not None), 6)
