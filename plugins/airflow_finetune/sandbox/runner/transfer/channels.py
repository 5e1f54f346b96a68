"""Brings the input channels of a job from S3 into its /opt/ml/input/data, as AWS's File mode does."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

COPY_BYTES = 1024 * 1024


class TransferError(Exception):
    """Data could not be brought in or out; the text is a FailureReason in AWS's form."""


class Cancelled(Exception):
    """The job was stopped or interrupted while its data travelled."""


@dataclass(frozen=True)
class Piece:
    """One object of a channel and the place that it gets, relative to the channel's folder."""

    bucket: str
    key: str
    relative: str


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key (or prefix) of an S3 URI."""
    parts = urlsplit(uri, allow_fragments=False)
    return parts.netloc, parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")


def under_prefix(s3: Any, uri: str) -> Iterator[Piece]:
    """Yield what lies under an S3 prefix, nested folders kept.

    AWS matches the prefix as text: ``s3://b/train`` also finds ``train2/x`` and ``train.csv``. What lies under
    ``train/`` comes without that folder's name, so that a prefix means the same with and without its slash; what
    matches only as text keeps its name from the last slash of the prefix on.
    """
    bucket, prefix = split_uri(uri)
    folder = prefix if prefix.endswith("/") or not prefix else prefix + "/"
    above = prefix[: prefix.rfind("/") + 1]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            key = entry["Key"]
            if not key.endswith("/"):
                start = len(folder) if key.startswith(folder) else len(above)
                yield Piece(bucket, key, key[start:])


def of_manifest(s3: Any, uri: str) -> Iterator[Piece]:
    """Yield what a manifest lists: ``[{"prefix": "s3://b/p/"}, "a", "sub/b"]``.

    Raises:
        TransferError: it is not such a list.
    """
    bucket, key = split_uri(uri)
    text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        head, *names = json.loads(text)
        base_bucket, base = split_uri(head["prefix"])
        if not base_bucket or not all(isinstance(name, str) for name in names):
            raise ValueError("names must be texts below one s3:// prefix")
    except (ValueError, TypeError, KeyError) as error:
        raise TransferError(f"ClientError: Data download failed:Manifest {uri} cannot be read ({error})") from error
    for name in names:
        yield Piece(base_bucket, base + name, name)


def pieces(s3: Any, channel: Mapping[str, Any]) -> Iterator[Piece]:
    """Yield the objects of one channel of InputDataConfig."""
    source = channel["DataSource"]["S3DataSource"]
    find = of_manifest if source["S3DataType"] == "ManifestFile" else under_prefix
    return find(s3, source["S3Uri"])


def place(folder: Path, relative: str) -> Path:
    """Return where a key goes below a folder.

    Raises:
        TransferError: the key would leave the folder.
    """
    parts = PurePosixPath(relative).parts
    if not parts or ".." in parts or relative.startswith("/"):
        raise TransferError(f"ClientError: Data download failed:Object name {relative!r} leaves its folder")
    return folder.joinpath(*parts)


def fetch(s3: Any, piece: Piece, folder: Path) -> Path:
    """Download one object to its place and return the file."""
    target = place(folder, piece.relative)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        body = s3.get_object(Bucket=piece.bucket, Key=piece.key)["Body"]
        with target.open("wb") as file:
            shutil.copyfileobj(body, file, COPY_BYTES)
    except (OSError, BotoCoreError, ClientError) as error:
        uri = f"s3://{piece.bucket}/{piece.key}"
        raise TransferError(f"ClientError: Data download failed:Failed to download {uri} ({error})") from error
    return target


def download_channel(s3: Any, channel: Mapping[str, Any], folder: Path, cancelled: threading.Event) -> int:
    """Bring one channel into its folder and return how many files came.

    Objects that end in ``.gz`` are unpacked when the channel says CompressionType Gzip.

    Raises:
        TransferError: nothing is there, an object cannot be read, or a packed one is broken.
        Cancelled: between two files, when ``cancelled`` was set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    try:
        for piece in pieces(s3, channel):
            if cancelled.is_set():
                raise Cancelled
            file = fetch(s3, piece, folder)
            if channel.get("CompressionType") == "Gzip" and file.suffix == ".gz":
                unpack_gzip(file)
            count += 1
    except (BotoCoreError, ClientError) as error:
        raise TransferError(f"ClientError: Data download failed:{error}") from error
    if not count:
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        raise TransferError(f'ClientError: Data download failed:No S3 objects found under S3 URL "{uri}"')
    return count


def unpack_gzip(file: Path) -> None:
    """Replace ``x.gz`` by ``x``.

    Raises:
        TransferError: it is not gzip.
    """
    try:
        with gzip.open(file, "rb") as packed, file.with_suffix("").open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    except (OSError, EOFError) as error:
        raise TransferError(f"ClientError: Data download failed:{file.name} is not gzip ({error})") from error
    file.unlink()
