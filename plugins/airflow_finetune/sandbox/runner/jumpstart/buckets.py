"""AWS's two buckets of a region, filled when somebody first asks for something in them, and nobody's to change."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...state.public_hub import GATED_BUCKET, OPEN_BUCKET
from . import content

if TYPE_CHECKING:
    from ...edge.clients import Clients
    from ...state.public_hub import PublicHub

OWNER = "800000000001"
"""The account that the buckets belong to: they are in nobody else's ListBuckets."""
READS = frozenset({"GetObject", "HeadObject", "ListObjects", "ListObjectsV2", "HeadBucket", "GetBucketLocation"})
FILLS = frozenset({"CreateBucket", "PutObject"})
_BUCKET = re.compile(rf"(?P<kind>{OPEN_BUCKET}|{GATED_BUCKET})(?P<region>[a-z]{{2,4}}(?:-[a-z]+)+-\d)")


class JumpStart:
    """The content of the public hub in S3.

    Args:
        hub: the table of models.
        clients: make the client that fills the buckets.
    """

    def __init__(self, hub: PublicHub, clients: Clients) -> None:
        self._hub, self._clients = hub, clients
        self._lock = threading.Lock()
        self._filled: set[str] = set()

    def clear(self) -> None:
        """Forget what was filled: S3 is empty again."""
        with self._lock:
            self._filled.clear()

    def admit(self, bucket: str, operation: str, internal: bool) -> None:
        """Fill the buckets of a region before a call reads one of them; nothing to do for other buckets.

        Args:
            bucket: that the call is for.
            operation: of S3.
            internal: whether the sandbox itself calls, for a job or an endpoint.

        Raises:
            AwsError: somebody wants to change what is AWS's, or to read models whose licence has to be accepted.
        """
        found = _BUCKET.fullmatch(bucket)
        if found is None or (internal and operation in FILLS):
            return
        if not internal and (operation not in READS or found["kind"] == GATED_BUCKET):
            raise AwsError("AccessDenied", "Access Denied", status=403)
        with self._lock:
            if found["region"] not in self._filled:
                self._fill(found["region"])
                self._filled.add(found["region"])

    def _fill(self, region: str) -> None:
        s3 = self._clients.client("s3", region, OWNER)
        where: dict[str, Any] = {}
        if region != "us-east-1":
            where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        for kind in (OPEN_BUCKET, GATED_BUCKET):
            s3.create_bucket(Bucket=kind + region, **where)
        for bucket, key, body in content.files(self._hub, region):
            s3.put_object(Bucket=bucket, Key=key, Body=body)
