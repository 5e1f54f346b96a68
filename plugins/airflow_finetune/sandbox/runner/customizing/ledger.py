"""Writes what became of a customization job where clients see it: Get and List, and EventBridge."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...world import World

KIND = "model_customization_job"
MODEL = "custom_model"
VALIDATION, PROCESSING, TRAINING = "validationDetails", "dataProcessingDetails", "trainingDetails"
PHASES = (VALIDATION, PROCESSING, TRAINING)
ENDED = ("Completed", "Failed", "Stopped")
LONGEST_MESSAGE = 2048
EVENT = "Model Customization Job State Change"


def hidden(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without the members that are ours alone: those that begin with an underscore."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


class Ledger:
    """The document of one job.

    Args:
        world: the parts of the sandbox.
        region: of the job.
        name: jobName.
    """

    def __init__(self, world: World, region: str, name: str) -> None:
        self._world, self._region, self._name = world, region, name
        self._told = ""

    def read(self) -> dict[str, Any]:
        """Return the document as it is; empty when the account was emptied meanwhile."""
        return self._world.store.get(KIND, self._region, self._name) or {}

    def begin(self, phase: str) -> None:
        """Write that a phase is in progress."""
        now = self._world.clock.now()
        self._change(
            lambda job: job["statusDetails"][phase].update(status="InProgress", creationTime=now, lastModifiedTime=now)
        )
        self.tell()

    def end(self, phase: str) -> None:
        """Write that a phase is done."""
        now = self._world.clock.now()
        self._change(lambda job: job["statusDetails"][phase].update(status="Completed", lastModifiedTime=now))

    def write(self, **members: Any) -> None:
        """Set members of the document."""
        self._change(lambda job: job.update(members))

    def finish(self, status: str, **members: Any) -> None:
        """Write how the job ended; the phase it was in ends likewise."""
        now = self._world.clock.now()

        def change(job: dict[str, Any]) -> None:
            job.update(members, status=status, endTime=now)
            for details in job["statusDetails"].values():
                if details["status"] in ("InProgress", "Stopping"):
                    details.update(status=status, lastModifiedTime=now)

        self._change(change)
        self.tell()

    def tell(self) -> None:
        """Send EventBridge what AWS sends when a job's status changes."""
        job = hidden(self.read())
        if not job or job["status"] == self._told:
            return
        self._told = job["status"]
        entry = {
            "Source": "aws.bedrock",
            "DetailType": EVENT,
            "Resources": [job["jobArn"]],
            "Detail": json.dumps({**job, "jobStatus": job["status"], "version": "0.0"}, default=_as_event_value),
        }
        self._world.clients.client("events", self._region).put_events(Entries=[entry])

    def _change(self, change: Callable[[dict[str, Any]], Any]) -> None:
        now = self._world.clock.now()

        def edit(job: dict[str, Any]) -> None:
            change(job)
            job["lastModifiedTime"] = now

        self._world.store.update(KIND, self._region, self._name, edit)


def _as_event_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
