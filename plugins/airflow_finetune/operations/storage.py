"""What a deployment stores in S3: how much, at what price, and which part of it nobody needs any more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_finetune.aws.prices import storage_usd
from airflow_finetune.aws.s3 import bucket_region, place_of
from airflow_finetune.aws.stored import Part, Stored, delete_below, stored_below
from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.operations.bills import GB, BillingItem, stored
from airflow_finetune.operations.checkpoints import Need, folder_at, jobs_of, need_of, part_of

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient

MOST_FOLDERS = 20  # each takes three calls or more, and AWS lets an account list and describe about twice a second


class Tidying(NamedTuple):
    """What may be done about checkpoints.

    Attributes:
        deployment: whose may be judged.
        older_than: those of jobs that were done before are deleted; None deletes nothing.
    """

    deployment: str
    older_than: datetime | None


class Cellar:
    """Counts what lies below addresses, and tidies up where it may.

    Args:
        client: makes a boto3 client of a service.
        jobs: client of training jobs.
        tidying: what may be done about checkpoints.

    Attributes:
        removable: checkpoints that nobody needs and that are still there.
        deleted: those that were deleted.
        notes: what was not looked at, or could not be deleted.
    """

    def __init__(self, client: Callable[[str], Any], jobs: ResourceClient, tidying: Tidying) -> None:
        self._client, self._jobs, self._tidying = client, jobs, tidying
        self._prices: dict[str, float | None] = {}
        self.removable: list[BillingItem] = []
        self.deleted: list[BillingItem] = []
        self.notes: list[str] = []

    def item(self, uri: str, most_objects: int) -> BillingItem:
        """Return what lies below an address, after tidying up.

        Args:
            uri: of a folder.
            most_objects: after which counting stops.

        Raises:
            RequestRefused: the address is none.
            Unavailable: AWS cannot answer now.
        """
        bucket, found = place_of(uri).bucket, stored_below(self._client("s3"), uri, part_of, most_objects)
        usd_per_gb = self._usd_per_gb(bucket)
        if isinstance(found, Stored):
            found = self._tidied(bucket, found, usd_per_gb)
        return stored(uri, found, usd_per_gb)

    def _tidied(self, bucket: str, found: Stored, usd_per_gb: float | None) -> Stored:
        """Look at the biggest folders of checkpoints, and return what is left."""
        biggest = sorted(found.parts.items(), key=lambda each: (-each[1].bytes, each[0]))
        for name, part in biggest[:MOST_FOLDERS]:
            if self._is_deleted(bucket, name, part, usd_per_gb):
                left = Part(found.all.objects - part.objects, found.all.bytes - part.bytes, found.all.changed_at)
                found = found._replace(all=left)
        if len(biggest) > MOST_FOLDERS:
            rest = sum(part.bytes for _, part in biggest[MOST_FOLDERS:])
            said = f"{len(biggest) - MOST_FOLDERS} smaller folders of checkpoints in {bucket} were not looked at"
            self.notes.append(f"{said}: {rest} bytes.")
        return found

    def _is_deleted(self, bucket: str, name: str, part: Part, usd_per_gb: float | None) -> bool:
        folder = folder_at(bucket, name)
        if folder is None:
            return False
        try:
            need = need_of(folder, jobs_of(folder, self._jobs), self._tidying.deployment)
        except RequestRefused as error:
            self.notes.append(str(error))
            return False
        if need.done_at is None:
            return False
        item = BillingItem(
            kind="checkpoints",
            name=folder.uri,
            usd_per_month=None if usd_per_gb is None else part.bytes / GB * usd_per_gb,
            bytes=part.bytes,
            since=part.changed_at,
            reason=need.why,
        )
        if self._may_go(need) and self._delete(item):
            return True
        self.removable.append(item)
        return False

    def _may_go(self, need: Need) -> bool:
        limit = self._tidying.older_than
        return limit is not None and need.done_at is not None and need.done_at < limit

    def _delete(self, item: BillingItem) -> bool:
        try:
            delete_below(self._client("s3"), item.name)
        except RequestRefused as error:
            self.notes.append(f"Not deleted: {error}")
            return False
        self.deleted.append(item)
        return True

    def _usd_per_gb(self, bucket: str) -> float | None:
        if bucket not in self._prices:
            region = bucket_region(self._client("s3"), bucket)
            known = None if isinstance(region, Refusal) else storage_usd(self._client("pricing"), region)
            self._prices[bucket] = known
        return self._prices[bucket]
