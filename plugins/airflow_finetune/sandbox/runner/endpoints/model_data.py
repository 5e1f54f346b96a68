"""Brings a model from S3 into /opt/ml/model, as CreateModel's three ways to name it say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..archives import ArchiveError, unpack
from ..transfer.channels import Piece, TransferError, fetch, split_uri, under_prefix

ARCHIVE, OBJECT, PREFIX = "archive", "object", "prefix"
NAME = "container_1"


class ModelDataError(Exception):
    """The model is not where it should be, or it is not whole; the text is a FailureReason in AWS's form."""


@dataclass(frozen=True)
class Source:
    """Where a container's model lies.

    Attributes:
        uri: in S3.
        kind: ``archive`` (one .tar.gz), ``object`` (one file), ``prefix`` (everything below).
    """

    uri: str
    kind: str


def source_of(container: Mapping[str, Any]) -> Source | None:
    """Give where the model lies, or None for a container without one.

    Raises:
        ModelDataError: the members contradict each other.
    """
    if container.get("ModelDataUrl") and container.get("ModelDataSource"):
        raise ModelDataError("Only one of ModelDataUrl and ModelDataSource may be specified.")
    if container.get("ModelDataUrl"):
        return Source(container["ModelDataUrl"], ARCHIVE)
    if not container.get("ModelDataSource"):
        return None
    source = container["ModelDataSource"]["S3DataSource"]
    kinds = {("S3Prefix", "None"): PREFIX, ("S3Object", "None"): OBJECT, ("S3Object", "Gzip"): ARCHIVE}
    kind = kinds.get((source["S3DataType"], source["CompressionType"]))
    if kind is None:
        raise ModelDataError("CompressionType Gzip needs S3DataType S3Object: one gzip-compressed tar archive.")
    if kind == PREFIX and not source["S3Uri"].endswith("/"):
        raise ModelDataError(
            f"S3Uri {source['S3Uri']!r} must end with a forward slash (/), because S3DataType is S3Prefix."
        )
    return Source(source["S3Uri"], kind)


def check(s3: Any, source: Source, role_arn: str) -> None:
    """Look whether the model is there, as CreateModel does.

    Raises:
        ModelDataError: it is not, with AWS's text.
    """
    bucket, key = split_uri(source.uri)
    try:
        if source.kind != PREFIX:
            s3.head_object(Bucket=bucket, Key=key)
        elif not s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount"):
            raise ModelDataError(f"Could not find model data at {source.uri}.")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey") and _exists(s3, bucket):
            raise ModelDataError(f"Could not find model data at {source.uri}.") from error
        raise ModelDataError(
            f'Could not access model data at {source.uri}. Please ensure that the role "{role_arn}" exists and that '
            'its trust relationship policy allows the action "sts:AssumeRole" for the service principal '
            '"sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the object '
            f"is located in {s3.meta.region_name}."
        ) from error


def _exists(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        return False
    return True


def bring(s3: Any, source: Source, into: Path, scratch: Path) -> None:
    """Download the model, and unpack it where it is an archive.

    Args:
        s3: a boto3 client.
        source: where it lies.
        into: the host's folder of /opt/ml/model.
        scratch: folder for the archive.

    Raises:
        ModelDataError: it is gone, broken, or climbs out of its folder.
    """
    into.mkdir(parents=True, exist_ok=True)
    bucket, key = split_uri(source.uri)
    name = key.rsplit("/", 1)[-1] or "model"
    try:
        if source.kind == PREFIX:
            found = [fetch(s3, piece, into) for piece in under_prefix(s3, source.uri)]
            if not found:
                raise TransferError("no object lies there")
        elif source.kind == OBJECT:
            fetch(s3, Piece(bucket, key, name), into)
        else:
            archive = fetch(s3, Piece(bucket, key, name), scratch)
            unpack(archive, into)
            archive.unlink()
    except (TransferError, BotoCoreError, ClientError) as error:
        raise ModelDataError(
            f'Failed to download model data for container "{NAME}" from URL: "{source.uri}". Please ensure that there '
            "is an object located at the URL and that the role passed to CreateModel has permissions to download the "
            "object."
        ) from error
    except ArchiveError as error:
        raise ModelDataError(
            f'Failed to extract model data archive for container "{NAME}" from URL: "{source.uri}". Please ensure '
            f"that the object located at the URL is a valid tar.gz archive: {error}."
        ) from error
