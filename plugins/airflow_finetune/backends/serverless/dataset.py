"""The dataset in the form of the technique: read as a stream, checked record by record, written once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple

from airflow_finetune.aws.objects import upload
from airflow_finetune.aws.s3 import exists
from airflow_finetune.backends.records import BadRecord, Faults, Source, lines_of, parsed, source_of
from airflow_finetune.backends.serverless.forms import record_of
from airflow_finetune.backends.serverless.spec import ServerlessSpec, Technique

FORMS_VERSION = 1  # grows when the same example is rendered to other bytes
TRAIN, VALIDATION = "train.jsonl", "validation.jsonl"
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Account(NamedTuple):
    """What a rendered dataset holds.

    Attributes:
        records: how many.
        bytes: of all of them; a token is at least one byte.
        longest_bytes: of the longest record.
    """

    records: int = 0
    bytes: int = 0
    longest_bytes: int = 0


class Sources(NamedTuple):
    """Where the data of a spec lies now, and where its rendered form belongs.

    Attributes:
        train: canonical.
        validation: likewise; None without.
        folder_uri: of the rendered files.
    """

    train: Source
    validation: Source | None
    folder_uri: str

    @property
    def train_uri(self) -> str:
        """Where the rendered training data belongs."""
        return self.folder_uri + TRAIN

    @property
    def validation_uri(self) -> str | None:
        """Where the rendered validation data belongs; None without."""
        return self.folder_uri + VALIDATION if self.validation else None


def sources_of(client: Any, spec: ServerlessSpec) -> Sources:
    """Return the sources of a spec; the folder is named by all that decides about its bytes.

    Raises:
        DataError: nothing is there.
        RequestRefused: we may not list it.
        Unavailable: AWS cannot answer now.
    """
    train, validation = source_of(client, spec.dataset), source_of(client, spec.validation)
    assert train is not None  # noqa: S101 - a rendered spec has a dataset; for the type checker
    both = (train.objects, validation.objects if validation else ())
    objects = [[[each.etag, each.bytes] for each in source] for source in both]
    told = json.dumps([FORMS_VERSION, spec.technique, objects], sort_keys=True)
    digest = hashlib.sha256(told.encode()).hexdigest()[:32]
    return Sources(train, validation, f"{spec.output_uri.rstrip('/')}/serverless-data/{digest}/")


def counted(client: Any, source: Source, technique: Technique, sink: IO[bytes] | None = None) -> Account:
    """Render a dataset and count it.

    Args:
        client: boto3 client of ``s3``.
        source: canonical.
        technique: that it is rendered for.
        sink: takes the lines; None only counts.

    Raises:
        DataError: names the first faults with file, line and rule; or there is no record.
        RequestRefused: we may not read it.
        Unavailable: AWS cannot answer now.
    """
    account, faults = Account(), Faults(source.uri)
    for place, line in lines_of(client, source):
        try:
            body = _ENCODE(record_of(parsed(line), technique)).encode() + b"\n"
        except (BadRecord, UnicodeEncodeError) as error:
            faults.add(f"{place}: {error}.")
            continue
        account = Account(account.records + 1, account.bytes + len(body), max(account.longest_bytes, len(body)))
        if sink is not None and not faults.said:
            sink.write(body)
    if not account.records and not faults.said:
        faults.add("it holds no record.")
    faults.tell()
    return account


def uploaded(client: Any, spec: ServerlessSpec, sources: Sources) -> int | None:
    """Render and upload what is not there yet; return the records for training, None where all was there.

    Raises:
        DataError: as of ``counted``; then nothing is uploaded.
        RequestRefused: we may not read or write it.
        Unavailable: AWS cannot answer now.
    """
    if exists(client, sources.train_uri):  # it is written last, so the rest is there too, and all of it was checked
        return None
    with TemporaryDirectory(prefix="serverless-data-") as folder:
        train, validation = Path(folder, TRAIN), Path(folder, VALIDATION)
        with train.open("wb") as sink:
            account = counted(client, sources.train, spec.technique, sink)
        if sources.validation is not None and sources.validation_uri is not None:
            with validation.open("wb") as sink:
                counted(client, sources.validation, spec.technique, sink)
            upload(client, validation, sources.validation_uri, spec.output_kms_key_id)
        upload(client, train, sources.train_uri, spec.output_kms_key_id)
    return account.records
