"""What a step of deploying or tearing down answers while AWS is at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Waiting:
    """Something goes on at AWS.

    Attributes:
        name: of what changes; None when AWS has to be asked again for one.
        why: in words.
        until: when patience ends; None while there is nothing to measure from.
        kind: of what changes.
    """

    name: str | None
    why: str
    until: datetime | None = None
    kind: str = "endpoint"
