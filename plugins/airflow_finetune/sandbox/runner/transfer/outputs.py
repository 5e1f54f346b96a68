"""Brings what a job made from /opt/ml/model and /opt/ml/output/data to S3."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .channels import TransferError, split_uri

IN_MEMORY_BYTES = 16 * 1024 * 1024


def files_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield (file, path relative to the folder) of all regular files, sorted; links out of the folder are left out.

    Folders that disappear meanwhile are no error: trainers rotate their checkpoints.
    """
    inside = folder.resolve()
    for place, folders, names in os.walk(folder):
        folders.sort()
        for file in (Path(place, name) for name in sorted(names)):
            if file.is_file() and file.resolve().is_relative_to(inside):
                yield file, file.relative_to(folder).as_posix()


def send(s3: Any, file: Path, bucket: str, key: str, extra: Mapping[str, str]) -> None:
    """Upload one file as it is at one moment, though somebody may be writing it; ``extra``: members of PutObject."""
    with file.open("rb") as source:
        start = source.read(IN_MEMORY_BYTES)
        if len(start) < IN_MEMORY_BYTES:
            s3.put_object(Bucket=bucket, Key=key, Body=start, **extra)
            return
        with tempfile.TemporaryFile() as still:
            still.write(start)
            shutil.copyfileobj(source, still, IN_MEMORY_BYTES)
            still.seek(0)
            s3.put_object(Bucket=bucket, Key=key, Body=still, **extra)


def base_uri(request: Mapping[str, Any]) -> str:
    """Return ``<S3OutputPath>/<job>/output``."""
    return f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{request['TrainingJobName']}/output"


def model_uri(request: Mapping[str, Any]) -> str:
    """Return what ModelArtifacts.S3ModelArtifacts says: an archive, or a prefix where compression is off."""
    plain = request["OutputDataConfig"].get("CompressionType") == "NONE"
    return base_uri(request) + ("/model/" if plain else "/model.tar.gz")


def upload(s3: Any, request: Mapping[str, Any], ml: Path) -> None:
    """Upload model and output; a folder without files makes no object, as on AWS.

    Raises:
        TransferError: S3 refuses.
    """
    extra = encryption(request["OutputDataConfig"])
    try:
        if request["OutputDataConfig"].get("CompressionType") == "NONE":
            for name in ("model", "output/data"):
                target = base_uri(request) + ("/model/" if name == "model" else "/output/")
                upload_plain(s3, ml / name, target, extra)
            return
        _upload_archive(s3, ml / "model", model_uri(request), extra)
        _upload_archive(s3, ml / "output" / "data", base_uri(request) + "/output.tar.gz", extra)
    except (OSError, BotoCoreError, ClientError) as error:
        raise TransferError(f"ClientError: Artifact upload failed:{error}") from error


def upload_folder(s3: Any, request: Mapping[str, Any], folder: Path, uri: str) -> None:
    """Upload the files of a folder below a prefix.

    Raises:
        TransferError: S3 refuses.
    """
    try:
        upload_plain(s3, folder, uri, encryption(request["OutputDataConfig"]))
    except (OSError, BotoCoreError, ClientError) as error:
        raise TransferError(f"ClientError: Artifact upload failed:{error}") from error


def encryption(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the members of PutObject that a ``KmsKeyId`` means."""
    key = config.get("KmsKeyId")
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}


def upload_plain(s3: Any, folder: Path, uri: str, extra: dict[str, str]) -> None:
    """Upload each file of a folder below a prefix, which ends with a slash; what boto3 raises is not caught."""
    bucket, prefix = split_uri(uri)
    for file, relative in files_in(folder):
        send(s3, file, bucket, prefix + relative, extra)


def _upload_archive(s3: Any, folder: Path, uri: str, extra: dict[str, str]) -> None:
    found = list(files_in(folder))
    if not found:
        return
    bucket, key = split_uri(uri)
    packed = folder.parent / f".{folder.name}.tar.gz"
    with tarfile.open(packed, "w:gz", compresslevel=1, dereference=True) as archive:
        for file, relative in found:
            archive.add(file, arcname=relative, recursive=False)
    with packed.open("rb") as body:
        s3.put_object(Bucket=bucket, Key=key, Body=body, **extra)
    packed.unlink()
