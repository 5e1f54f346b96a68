"""Keeps a job's checkpoint folder and its CheckpointConfig.S3Uri together while the job runs.

As on AWS, a file may be uploaded while it is being written: a trainer writes under another name and renames. Files that
end in ``.tmp`` are never uploaded, so ``x.tmp`` -> ``x`` is a safe pair of names. What is deleted in the folder stays
in S3, and comes back with the next restore.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .channels import TransferError, fetch, split_uri, under_prefix
from .outputs import files_in, send

Stamp = tuple[int, int]


class Checkpoints:
    """One folder and its place in S3; not thread-safe: one transfer at a time.

    Args:
        s3: a boto3 client.
        uri: CheckpointConfig.S3Uri.
        folder: what the job sees as CheckpointConfig.LocalPath.
        word: what the files are called in errors.
    """

    def __init__(self, s3: Any, uri: str, folder: Path, word: str = "Checkpoint") -> None:
        self._s3, self._uri, self._folder, self._word = s3, uri.rstrip("/") + "/", folder, word
        self._seen: dict[str, Stamp] = {}

    def restore(self) -> int:
        """Download everything under the prefix and return how many files came.

        Raises:
            TransferError: S3 refuses.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            for piece in under_prefix(self._s3, self._uri):
                fetch(self._s3, piece, self._folder)
        except (BotoCoreError, ClientError) as error:
            raise TransferError(f"ClientError: Data download failed:{error}") from error
        self._seen = {relative: _stamp(file) for file, relative in files_in(self._folder)}
        return len(self._seen)

    def sync(self) -> int:
        """Upload what is new or changed, oldest first, and return how many files went.

        Raises:
            TransferError: S3 refuses.
        """
        bucket, prefix = split_uri(self._uri)
        sent = 0
        for stamp, file, relative in self._changed():
            try:
                send(self._s3, file, bucket, prefix + relative, {})
            except FileNotFoundError:
                continue  # the trainer rotated it away
            except (OSError, BotoCoreError, ClientError) as error:
                raise TransferError(f"ClientError: {self._word} upload failed:{error}") from error
            self._seen[relative] = stamp
            sent += 1
        return sent

    def _changed(self) -> list[tuple[Stamp, Path, str]]:
        found = []
        for file, relative in files_in(self._folder):
            try:
                stamp = _stamp(file)
            except FileNotFoundError:
                continue
            if not relative.endswith(".tmp") and self._seen.get(relative) != stamp:
                found.append((stamp, file, relative))
        return sorted(found, key=lambda item: (item[0], item[2]))


def _stamp(file: Path) -> Stamp:
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size
