"""S3 objects to and from local disk as streams, so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from fnmatch import fnmatchcase
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from boto3.exceptions import Boto3Error, S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from airflow_finetune.aws.s3 import place_of
from airflow_finetune.errors import RequestRefused, Unavailable

_CHUNK_BYTES = 1 << 20
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
_ABSENT = ("NoSuchKey", "404")


class StoredObject(NamedTuple):
    """One object; ``name`` is its key below the address that was listed."""

    key: str
    name: str
    etag: str
    bytes: int


def list_objects(client: Any, uri: str) -> list[StoredObject]:
    """Return the object at an address, or else everything below it as below a folder; sorted by key.

    ``s3://b/day=1`` is a folder: it never means ``s3://b/day=10``. Markers of empty folders are left out.

    Raises:
        RequestRefused: the bucket is not there, or we may not list it.
        Unavailable: AWS cannot answer now.
    """
    bucket, key = place_of(uri)
    folder = key if not key or key.endswith("/") else f"{key}/"
    with _told(uri, "s3:ListBucket"):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        rows = [row for page in pages for row in page.get("Contents", ())]
    found = [row for row in rows if row["Key"] == key] or [row for row in rows if row["Key"].startswith(folder)]
    listed = [
        StoredObject(row["Key"], row["Key"].removeprefix(folder), row["ETag"], row["Size"])
        for row in found
        if not row["Key"].endswith("/")
    ]
    return [each._replace(name=PurePosixPath(key).name) if each.key == key else each for each in listed]


def download(client: Any, uri: str, folder: Path, pattern: str = "*") -> int:
    """Download everything at an address whose name fits a pattern; return how many objects that were.

    Raises:
        RequestRefused: an address cannot be read, or a name cannot be a file's.
        Unavailable: AWS cannot answer now, or an object changed between the listing and its download.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for each in list_objects(client, uri):
        if fnmatchcase(each.name, pattern):
            _download(client, place_of(uri).bucket, each, _inside(folder, each))
            count += 1
    return count


def read_object(client: Any, uri: str) -> bytes | None:
    """Return the content of a small object; None if it is not there.

    Raises:
        RequestRefused: the bucket is not there, or we may not read it.
        Unavailable: AWS cannot answer now.
    """
    bucket, key = place_of(uri)
    with _told(uri, "s3:GetObject and s3:ListBucket"):
        try:
            body: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise
        return body


def stream_lines(client: Any, uri: str, each: StoredObject, longest_bytes: int) -> Iterator[bytes]:
    """Yield the lines of an object, one at a time, so that memory does not grow with it.

    Args:
        client: boto3 client of ``s3``.
        uri: of the object, or of the folder that was listed.
        each: as it was listed.
        longest_bytes: of a line.

    Raises:
        RequestRefused: we may not read it, or a line is longer.
        Unavailable: AWS cannot answer now, or the object changed since it was listed.
    """
    bucket = place_of(uri).bucket
    where = f"s3://{bucket}/{each.key}"
    with _told(where, "s3:GetObject"):
        body = client.get_object(Bucket=bucket, Key=each.key, IfMatch=each.etag)["Body"]
        with closing(body):
            reader = BufferedReader(body, _CHUNK_BYTES)
            while line := reader.readline(longest_bytes + 1):
                if len(line) > longest_bytes:
                    said = f"a line is longer than {longest_bytes} bytes."
                    raise RequestRefused(where, said, "Give JSON Lines: one record a line.")
                yield line


def upload(client: Any, path: Path, uri: str, kms_key_id: str | None = None) -> None:
    """Upload a file, in parts where it is long.

    Raises:
        RequestRefused: the bucket is not there, or we may not write to it.
        Unavailable: AWS cannot answer now.
    """
    bucket, key = place_of(uri)
    extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
    with _told(uri, "s3:PutObject"):
        client.upload_file(str(path), bucket, key, ExtraArgs=extra)


def copy_object(client: Any, folder_uri: str, each: StoredObject, uri: str, kms_key_id: str | None = None) -> None:
    """Copy an object inside S3, in parts where it is long; nothing passes through this machine.

    Raises:
        RequestRefused: we may not read it, or not write there.
        Unavailable: AWS cannot answer now, or the object changed since it was listed.
    """
    bucket, key = place_of(uri)
    extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
    source = {"Bucket": place_of(folder_uri).bucket, "Key": each.key}
    with _told(f"s3://{source['Bucket']}/{each.key} to {uri}", "s3:GetObject and s3:PutObject"):
        client.copy(source, bucket, key, ExtraArgs={"CopySourceIfMatch": each.etag, **extra})


def put(client: Any, uri: str, body: bytes, kms_key_id: str | None = None, content_type: str = "") -> None:
    """Put an object in place of what may be there; who reads meanwhile gets the old one or the new one, never a part.

    Raises:
        RequestRefused: the bucket is not there, or we may not write to it.
        Unavailable: AWS cannot answer now.
    """
    bucket, key = place_of(uri)
    extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
    with _told(uri, "s3:PutObject"):
        client.put_object(
            Bucket=bucket, Key=key, Body=body, **extra, **({"ContentType": content_type} if content_type else {})
        )


def put_first(client: Any, uri: str, body: bytes, kms_key_id: str | None = None) -> bool:
    """Put an object unless there is one; return False if somebody else was first. S3 decides, so one caller wins.

    Raises:
        RequestRefused: the bucket is not there, or we may not write to it.
        Unavailable: AWS cannot answer now.
    """
    bucket, key = place_of(uri)
    extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
    with _told(uri, "s3:PutObject"):
        try:
            client.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", **extra)
        except ClientError as error:
            if error.response["Error"]["Code"] in _TAKEN:
                return False
            raise
    return True


def _download(client: Any, bucket: str, each: StoredObject, path: Path) -> None:
    with _told(f"s3://{bucket}/{each.key}", "s3:GetObject"):
        body = client.get_object(Bucket=bucket, Key=each.key, IfMatch=each.etag)["Body"]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    file.write(chunk)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            said = "it and another object cannot both be files in one folder."
            raise RequestRefused(f"s3://{bucket}/{each.key}", said, "Rename one of them.") from error


def _inside(folder: Path, each: StoredObject) -> Path:
    parts = PurePosixPath(each.name).parts
    if not parts or ".." in parts or each.name.startswith("/") or "\0" in each.name:
        raise RequestRefused(each.key, "its name leads out of the folder.", "Rename the object.")
    return folder.joinpath(*parts)


@contextmanager
def _told(uri: str, permission: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        said = f"AWS answered {code}: {error.response['Error'].get('Message', '')}"
        if code in _TAKEN or code in ("SlowDown", "RequestTimeout", "Throttling") or status >= 500:
            raise Unavailable(uri, said, "Try again.") from error
        next_step = f"Check the address, and that the role of the Airflow connection has {permission} there."
        raise RequestRefused(uri, said, next_step) from error
    except S3UploadFailedError as error:
        next_step = f"Check the address, and that the role of the Airflow connection has {permission} there."
        raise RequestRefused(uri, f"AWS said: {error}", next_step) from error
    except (BotoCoreError, Boto3Error) as error:
        raise Unavailable(uri, f"{type(error).__name__}: {error}", "Try again.") from error
