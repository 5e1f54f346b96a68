"""Writes what became of a job where clients see it: the store behind Describe and List, and EventBridge."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .life import Life

if TYPE_CHECKING:
    from ...world import World

KIND = "training_job"
LONGEST_REASON = 1024
EVENT = "SageMaker Training Job State Change"


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


class Record:
    """The document of one job.

    Args:
        world: the parts of the sandbox.
        region: of the job.
        name: TrainingJobName.
        arn: TrainingJobArn.
        later: runs a function on the one thread that writes, in the order of the calls.
    """

    def __init__(
        self, world: World, region: str, name: str, arn: str, later: Callable[[Callable[[], None]], object]
    ) -> None:
        self._world, self._region, self._name, self._arn, self._later = world, region, name, arn, later
        self._told: tuple[str, str] | None = None

    def write(self, life: Life, **further: Any) -> None:
        """Bring the document up to date, and tell EventBridge when a status changed."""

        def change(document: dict[str, Any]) -> None:
            document.update(members(life), **further, LastModifiedTime=self._world.clock.now())

        document = self._world.store.update(KIND, self._region, self._name, change)
        status = (life.status, life.secondary)
        if document is not None and status != self._told:
            self._told = status
            self._later(lambda: self._tell(document))

    def _tell(self, document: dict[str, Any]) -> None:
        detail = {**document, "Tags": {tag["Key"]: tag["Value"] for tag in document.get("Tags", [])}}
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": EVENT,
            "Resources": [self._arn],
            "Detail": json.dumps(detail, default=_as_event_value),
        }
        self._world.clients.client("events", self._region).put_events(Entries=[entry])


def _as_event_value(value: Any) -> Any:
    """AWS's events carry times as epoch milliseconds."""
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else str(value)
