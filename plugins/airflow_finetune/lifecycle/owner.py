"""Owner, lifecycle, lease and digest of what we create: the one function that makes the tags of every create call."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from airflow_finetune.lifecycle.claim import Claim

PREFIX = "airflow-finetune:"
OWNER, SPEC, RUNG, STOPPED_BY = f"{PREFIX}owner", f"{PREFIX}spec", f"{PREFIX}rung", f"{PREFIX}stopped-by"
DEPLOYMENT, LIFECYCLE, EXPIRES_AT = f"{PREFIX}deployment", f"{PREFIX}lifecycle", f"{PREFIX}expires-at"
MAX_TAGS = 50
_MAX_VALUE_LENGTH = 256
Lifecycle = Literal["job", "ephemeral", "promoted"]


@dataclass(frozen=True)
class Owner:
    """Whose a resource is, and until when.

    Attributes:
        claim: the task instance that it belongs to.
        digest: of the spec that it was made from.
        lifecycle: ``job`` ends by itself, ``ephemeral`` is deleted when the lease ends, ``promoted`` stays.
        expires_at: end of the lease, UTC; None only for what is promoted.
        rung: which market it was bought on: 0 is the first choice, 1 the fallback.
    """

    claim: Claim
    digest: str
    lifecycle: Lifecycle
    expires_at: datetime | None
    rung: int = 0


def owner_tags(owner: Owner) -> dict[str, str]:
    """Return the tags that everything created by this package bears."""
    claim = owner.claim
    return {
        OWNER: claim.key,
        DEPLOYMENT: tag_value(claim.deployment),
        f"{PREFIX}dag": tag_value(claim.dag_id),
        f"{PREFIX}run": tag_value(claim.run_id),
        f"{PREFIX}task": tag_value(claim.task_id),
        f"{PREFIX}map-index": str(claim.map_index),
        LIFECYCLE: owner.lifecycle,
        EXPIRES_AT: lease_tag(owner.expires_at),
        SPEC: owner.digest,
        RUNG: str(owner.rung),
    }


def lease_tag(expires_at: datetime | None) -> str:
    """Return the value of the tag that says when a lease ends."""
    return "never" if expires_at is None else expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def lease_of(tags: Mapping[str, str]) -> datetime | None:
    """Return the end of a lease from the tags; None where they do not say one."""
    try:
        return datetime.strptime(tags[EXPIRES_AT], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def all_tags(owner: Owner, users: Mapping[str, str]) -> dict[str, str]:
    """Return the user's tags and ours; ours win, and their prefix is refused in specs."""
    return {**users, **owner_tags(owner)}


def tag_value(text: str) -> str:
    """Return a text as AWS takes it for the value of a tag: other characters become ``_``, 256 at most."""
    return re.sub(r"[^\w\s.:/=+\-@]", "_", text).strip()[:_MAX_VALUE_LENGTH] or "_"


def spec_digest(spec: Mapping[str, Any]) -> str:
    """Return sixteen hex digits of what a person asked for, without lease, tags and clock.

    Args:
        spec: only what was set to something else than its default, so that a new field of a later release
            does not change the digest of a job that is already running.
    """
    return hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest()[:16]
