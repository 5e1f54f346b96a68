"""Writes what became of a job where clients see it: the store behind Describe and List, and EventBridge."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .life import Life

if TYPE_CHECKING:
    from ...world import World
    from .instance import Order

KIND = "training_job"
LONGEST_REASON = 1024


@dataclass(frozen=True)
class Kind:
    """How clients see one kind of job.

    Attributes:
        shelf: the kind of its documents in the store.
        event: the detail type of its events.
        members: the members of Describe that a life decides.
    """

    shelf: str
    event: str
    members: Callable[[Life], dict[str, Any]]


def members(life: Life) -> dict[str, Any]:
    """Return the members of DescribeTrainingJob that a life decides; those that AWS does not know yet are absent."""
    found = {
        "TrainingJobStatus": life.status,
        "SecondaryStatus": life.secondary,
        "SecondaryStatusTransitions": [
            {
                "Status": step.status,
                "StartTime": step.start,
                **({"EndTime": step.end} if step.end else {}),
                "StatusMessage": step.message,
            }
            for step in life.transitions
        ],
        "FailureReason": life.failure[:LONGEST_REASON] if life.failure and life.ended else None,
        "TrainingStartTime": life.started,
        "TrainingEndTime": life.ended,
        "TrainingTimeInSeconds": life.training_time_in_seconds,
        "BillableTimeInSeconds": life.billable_time_in_seconds,
    }
    return {name: value for name, value in found.items() if value is not None}


TRAINING = Kind(KIND, "SageMaker Training Job State Change", members)


class Record:
    """The document of one job.

    Args:
        world: the parts of the sandbox.
        kind: of the job.
        order: what was asked for.
        later: runs a function on the one thread that writes, in the order of the calls.
    """

    def __init__(self, world: World, kind: Kind, order: Order, later: Callable[[Callable[[], None]], object]) -> None:
        self._world, self._kind, self._order, self._later = world, kind, order, later
        self._told: list[Any] = []

    def write(self, life: Life, **further: Any) -> None:
        """Bring the document up to date, and tell EventBridge when a status changed."""

        def change(document: dict[str, Any]) -> None:
            document.update(self._kind.members(life), **further, LastModifiedTime=self._world.clock.now())

        document = self._world.store.update(self._kind.shelf, self._order.region, self._order.name, change)
        status = [value for name, value in self._kind.members(life).items() if name.endswith("Status")]
        if document is not None and status != self._told:
            self._told = status
            self._later(lambda: self._tell(document))

    def _tell(self, document: dict[str, Any]) -> None:
        detail = {**document, "Tags": {tag["Key"]: tag["Value"] for tag in document.get("Tags", [])}}
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": self._kind.event,
            "Resources": [self._order.arn],
            "Detail": json.dumps(detail, default=_as_event_value),
        }
        self._world.clients.client("events", self._order.region).put_events(Entries=[entry])


def _as_event_value(value: Any) -> Any:
    """AWS's events carry times as epoch milliseconds."""
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else str(value)
