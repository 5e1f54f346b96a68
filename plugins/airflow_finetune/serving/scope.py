"""The scope of a run's endpoints: every name in it is computed, so that whoever comes later finds what there is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, get_args

from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.claim import MAX_NAME_LENGTH, Claim
from airflow_finetune.values import Value

Arm = Literal["baseline", "candidate"]
ARMS: tuple[Arm, ...] = get_args(Arm)
MARK = "-scope-"  # one List by it (Bedrock refuses its first letter there) finds the things of every scope
_KEY_LENGTH = 16
_SLUG_LENGTH = MAX_NAME_LENGTH - len(MARK) - _KEY_LENGTH - 1 - max(map(len, ARMS))


class ScopeClaim(NamedTuple):
    """One run's right to its endpoints; without a try or generation, so that every try means the same endpoints.

    The formula is frozen by golden vectors: changing it makes a teardown that spans the upgrade find nothing.

    Attributes:
        deployment: which Airflow.
        dag_id: as in Airflow, any text.
        run_id: as in Airflow, any text.
        group: of the tasks that share the scope; two scopes of one DAG have different ones.
        map_index: of a mapped group; -1 for one that is not.
    """

    deployment: str
    dag_id: str
    run_id: str
    group: str
    map_index: int = -1

    @property
    def owner(self) -> Claim:
        """The claim that all resources of the scope bear; no task can have it, its task id has a colon."""
        return Claim(self.deployment, self.dag_id, self.run_id, f"scope:{self.group}", self.map_index, 0)

    @property
    def id(self) -> str:
        """Sixteen hex digits."""
        return self.owner.key

    def name(self, arm: Arm) -> str:
        """Return the name that model, endpoint configuration and endpoint of an arm have; at most 63 characters."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.dag_id.lower()).strip("-")[:_SLUG_LENGTH].strip("-") or "finetune"
        return f"{slug}{MARK}{self.id}-{arm}"

    @property
    def names(self) -> dict[Arm, str]:
        """Every name in the scope, by arm."""
        return {arm: self.name(arm) for arm in ARMS}


class Scope(Value):
    """An open scope, as it travels from ``open_scope`` to the tasks inside.

    Attributes:
        scope_id: of the claim.
        group: of the claim.
        names: arm -> the name of its model, configuration and endpoint.
        opened_at: when the lease began.
        expires_at: when it ends.
    """

    scope_id: str
    group: str
    names: dict[Arm, str]
    opened_at: datetime
    expires_at: datetime

    def check_lease(self, now: datetime) -> None:
        """Refuse to make anything that cleanup would delete at once.

        Raises:
            RequestRefused: the lease is over.
        """
        if now >= self.expires_at:
            said = f"its lease ended at {self.expires_at:%Y-%m-%d %H:%M} UTC: cleanup deletes what is in it."
            raise RequestRefused(f"scope {self.scope_id}", said, "Clear open_scope too: it begins a new lease.")


def open_scope(claim: ScopeClaim, lease: timedelta, now: datetime) -> Scope:
    """Return the scope that begins now; nothing is created.

    Args:
        claim: whose it is.
        lease: how long its endpoints may live, whatever happens to the run.
        now: the clock.
    """
    opened = now.astimezone(UTC).replace(microsecond=0)
    return Scope(
        scope_id=claim.id, group=claim.group, names=dict(claim.names), opened_at=opened, expires_at=opened + lease
    )


def is_of_a_scope(name: str) -> bool:
    """Say whether a name has the form of one in a scope; only its tags say whose it is."""
    return re.fullmatch(rf".+{MARK}[0-9a-f]{{{_KEY_LENGTH}}}-({'|'.join(ARMS)})", name) is not None
