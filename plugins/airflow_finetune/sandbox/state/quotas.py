"""How many instances of a type may run at once, per region and usage; increases are approved after a modelled wait."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from .clock import Clock

Usage = Literal["training", "spot_training", "processing", "endpoint", "serverless"]

TABLE = Path(__file__).with_name("quotas.json")
WORDS: dict[Usage, str] = {
    "training": "training job usage",
    "spot_training": "spot training job usage",
    "processing": "processing job usage",
    "endpoint": "endpoint usage",
    "serverless": "concurrent jobs",
}
SERVERLESS = "serverless model customization"
"""In the place of an instance type: what such a job runs on is nobody's but AWS's."""
OTHER_USAGES = frozenset({"bedrock_requests_per_minute"})
"""Limits per Bedrock model that can be set here, and that Service Quotas does not show."""


@dataclass(frozen=True)
class Quota:
    """One quota.

    Attributes:
        code: ``L-`` and eight digits; derived from the name, not AWS's own.
        name: AWS's name, for example ``ml.g5.2xlarge for spot training job usage``.
        usage: training, spot_training, processing, endpoint or serverless.
        instance_type: for example ``ml.g5.2xlarge``.
        default: instances that a new account has.
    """

    code: str
    name: str
    usage: Usage
    instance_type: str
    default: int


@dataclass(frozen=True)
class Increase:
    """A request for more.

    Attributes:
        id: AWS's request id.
        region: where it counts.
        quota: which quota.
        desired: instances asked for.
        requested_at: real time.
        due: modelled seconds at which it is approved.
        status: PENDING or APPROVED.
        updated_at: real time at which its approval was noticed; None while it is pending.
    """

    id: str
    region: str
    quota: Quota
    desired: float
    requested_at: datetime
    due: float
    status: str = "PENDING"
    updated_at: datetime | None = None


class Quotas:
    """Limits in force, and requests for more."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._limits: dict[tuple[str, str, str], int] = {}
        self._increases: list[Increase] = []

    @cached_property
    def table(self) -> dict[str, Any]:
        """The whole document, with its date."""
        document: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
        return document

    @cached_property
    def all(self) -> dict[str, Quota]:
        """Every quota by its code."""
        quotas = [
            _quota(usage, instance_type, limits[usage])
            for instance_type, limits in self.table["limits"].items()
            for usage in WORDS
            if usage in limits
        ]
        quotas.append(_quota("serverless", SERVERLESS, int(self.table["serverless_jobs"])))
        return {quota.code: quota for quota in quotas}

    def limit(self, region: str, usage: Usage, instance_type: str) -> int:
        """Instances that may run at once; 0 for a type that the table does not have, as in a new account."""
        self._approve()
        with self._lock:
            changed = self._limits.get((region, usage, instance_type))
        if changed is not None:
            return changed
        if usage == "serverless":
            return int(self.table["serverless_jobs"])
        return int(self.table["limits"].get(instance_type, {}).get(usage, 0))

    def changed(self, region: str, usage: str, what: str) -> int | None:
        """The limit that was set here for a usage outside the table, or None."""
        with self._lock:
            return self._limits.get((region, usage, what))

    def set(self, region: str, usage: str, instance_type: str, limit: int) -> None:
        """Set a limit at once.

        Raises:
            ValueError: an unknown usage, or a negative limit.
        """
        usages = WORDS.keys() | OTHER_USAGES
        if usage not in usages or limit < 0:
            raise ValueError(f"usage must be one of {sorted(usages)} and limit at least 0, not {usage!r} and {limit}")
        with self._lock:
            self._limits[region, usage, instance_type] = limit

    def request(self, region: str, quota: Quota, desired: float) -> Increase:
        """Ask for more; approved after the table's modelled wait."""
        wait = float(self.table["approval_seconds"])
        increase = Increase(uuid.uuid4().hex, region, quota, desired, self._clock.now(), self._clock.modelled() + wait)
        with self._lock:
            self._increases.append(increase)
        return increase

    def increases(self, region: str) -> list[Increase]:
        """Every request in a region, the oldest first."""
        self._approve()
        with self._lock:
            return [increase for increase in self._increases if increase.region == region]

    def rows(self, region: str) -> list[dict[str, Any]]:
        """Every limit in force in a region, ready for JSON."""
        return [
            {
                "code": quota.code,
                "name": quota.name,
                "usage": quota.usage,
                "instance_type": quota.instance_type,
                "limit": self.limit(region, quota.usage, quota.instance_type),
            }
            for quota in self.all.values()
        ]

    def clear(self) -> None:
        """Back to a new account's limits."""
        with self._lock:
            self._limits.clear()
            self._increases.clear()

    def _approve(self) -> None:
        now = self._clock.modelled()
        with self._lock:
            for position, increase in enumerate(self._increases):
                if increase.status == "PENDING" and increase.due <= now:
                    self._increases[position] = replace(increase, status="APPROVED", updated_at=self._clock.now())
                    quota = increase.quota
                    self._limits[increase.region, quota.usage, quota.instance_type] = int(increase.desired)


def _quota(usage: Usage, instance_type: str, default: int) -> Quota:
    name = f"{instance_type} for {WORDS[usage]}"
    code = f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"
    return Quota(code, name, usage, instance_type, default)
