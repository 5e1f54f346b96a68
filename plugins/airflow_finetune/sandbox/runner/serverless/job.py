"""A serverless job: the life of any training job, without an instance, with its progress, and billed by the token."""

from __future__ import annotations

from typing import Any, cast

from ..jobs.instance import Instance
from ..jobs.job import Job
from ..jobs.provisioning import Provisioning
from .package import model_uri
from .room import Room

BILLED_AS = "serverless_customization"

__all__ = ["Capacity", "Room", "ServerlessJob"]


class Capacity(Provisioning):
    """A search for room; nothing of it is bought by the hour."""

    def _usd(self, usage: Any) -> float:
        return 1.0


class ServerlessJob(Job):
    """A job that a request with ServerlessJobConfig has made."""

    _billed = False

    def _begin_to_bill(self) -> None:
        """Bill nothing yet: its tokens are counted at its end."""

    def _watch(self, instance: Instance, lines: list[str]) -> None:
        super()._watch(instance, lines)
        progress = cast(Room, instance).progress()
        if progress is not None:
            self._record.write(self.life, ProgressInfo=progress)

    def _further(self) -> dict[str, Any]:
        room = cast("Room | None", self._instance)
        further = super()._further()
        further.pop("ModelArtifacts", None)
        if room is None or not self.life.ended:
            return further
        progress = room.progress()
        if progress is not None:
            further["ProgressInfo"] = progress
        if room.package_arn and self.life.status == "Completed":
            further["ModelArtifacts"] = {"S3ModelArtifacts": model_uri(self._order.request)}
        if room.package_arn:
            further["OutputModelPackageArn"] = room.package_arn
        if room.tokens:
            further["BillableTokenCount"] = room.tokens
            self._bill(room)
        return further

    def _bill(self, room: Room) -> None:
        """Bill what was trained on; a stop or a failure gives nothing back."""
        if not self._billed:
            self._billed = True
            usd = room.tokens / 1000 * room.customization.usd_per_1k_tokens
            self._world.billing.charge(self._order.arn, BILLED_AS, room.tokens, "tokens", usd)
