"""How much lies below an address in S3, as a whole and by parts, and the deletion of one part."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from airflow_finetune.aws.answers import asked
from airflow_finetune.aws.s3 import place_of
from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.failures import NEXT_STEP, Refusal

MOST_AT_ONCE = 1000  # keys that one list answers with and one delete takes


class Part(NamedTuple):
    """Objects that belong together.

    Attributes:
        objects: how many.
        bytes: of all of them.
        changed_at: when the newest of them was written; None for an empty part.
    """

    objects: int = 0
    bytes: int = 0
    changed_at: datetime | None = None


class Stored(NamedTuple):
    """What lies below an address.

    Attributes:
        all: everything.
        elsewhere_bytes: of objects in another storage class than Standard.
        parts: name -> a part of it.
        is_whole: False when counting stopped before the end of the list: then there is more.
    """

    all: Part
    elsewhere_bytes: int
    parts: dict[str, Part]
    is_whole: bool


def stored_below(client: Any, uri: str, part_of: Callable[[str], str | None], most_objects: int) -> Stored | Refusal:
    """Return what lies below an address, or AWS's refusal. Old versions of objects are not counted.

    Args:
        client: boto3 client of ``s3``.
        uri: everything whose name begins with it.
        part_of: gives the part that a key belongs to; None for none.
        most_objects: after which counting stops; AWS bills a list request for each thousand.

    Raises:
        RequestRefused: the address is none.
        Unavailable: AWS cannot answer now.
    """
    place = place_of(uri)
    return asked(uri, lambda: _counted(client, place.bucket, place.key, part_of, most_objects))


def delete_below(client: Any, uri: str, at_once: int = MOST_AT_ONCE) -> int:
    """Delete every object below a folder; return how many there were. Deleting what is gone already is fine.

    Args:
        client: boto3 client of ``s3``.
        uri: of a folder inside a bucket, with a slash at its end, so that no name beside it is meant.
        at_once: keys in one request.

    Raises:
        RequestRefused: the address is not a folder's, or AWS does not let us delete.
        Unavailable: AWS cannot answer now.
    """
    place = place_of(uri)
    if not place.key.strip("/") or not place.key.endswith("/"):
        raise RequestRefused(uri, "this is no folder inside a bucket.", "Write s3://BUCKET/FOLDER/.")
    count = asked(uri, lambda: _deleted(client, place.bucket, place.key, at_once))
    if isinstance(count, Refusal):
        said = f"AWS answered {count.code}: {count.message}"
        raise RequestRefused(uri, said, NEXT_STEP[count.meaning])
    return count


def _counted(client: Any, bucket: str, prefix: str, part_of: Callable[[str], str | None], most_objects: int) -> Stored:
    total, elsewhere, parts = Part(), 0, dict[str, Part]()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for row in page.get("Contents", ()):
            if total.objects == most_objects:
                return Stored(total, elsewhere, parts, is_whole=False)
            total = _with(total, row)
            elsewhere += 0 if row.get("StorageClass", "STANDARD") == "STANDARD" else row["Size"]
            if (name := part_of(row["Key"])) is not None:
                parts[name] = _with(parts.get(name, Part()), row)
    return Stored(total, elsewhere, parts, is_whole=True)


def _with(part: Part, row: dict[str, Any]) -> Part:
    changed = row["LastModified"] if part.changed_at is None else max(part.changed_at, row["LastModified"])
    return Part(part.objects + 1, part.bytes + row["Size"], changed)


def _deleted(client: Any, bucket: str, prefix: str, at_once: int) -> int:
    count = 0
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": at_once}
    )
    for page in pages:
        keys = [{"Key": row["Key"]} for row in page.get("Contents", ())]
        if keys:
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise RequestRefused(
                    f"s3://{bucket}/{error.get('Key', prefix)}",
                    f"AWS answered {error.get('Code')}: {error.get('Message', '')}",
                    "Give the role of the Airflow connection s3:DeleteObject there.",
                )
        count += len(keys)
    return count
