"""The dataset in the form that the script takes: read as a stream, checked record by record, written once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple

from airflow_finetune.aws.objects import put, upload
from airflow_finetune.aws.s3 import exists
from airflow_finetune.backends.jumpstart.forms import PLAIN, record_of
from airflow_finetune.backends.jumpstart.spec import JumpStartSpec
from airflow_finetune.backends.records import BadRecord, Faults, Source, lines_of, parsed, source_of

FORMS_VERSION = 1  # grows when the same example is rendered to other bytes
TEMPLATE = "template.json"
_FILES = {"instruction": "train.jsonl", "chat": "train.jsonl", "domain_adaptation": "train.jsonl"}
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


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
    def training_uri(self) -> str:
        """The channel ``training``."""
        return f"{self.folder_uri}training/"

    @property
    def validation_uri(self) -> str | None:
        """The channel ``validation``; None without."""
        return None if self.validation is None else f"{self.folder_uri}validation/"


def sources_of(client: Any, spec: JumpStartSpec, *, validated: bool) -> Sources:
    """Return the sources of a spec.

    Args:
        client: boto3 client of ``s3``.
        spec: rendered.
        validated: whether the script takes validation data.

    Raises:
        DataError: nothing is there.
        RequestRefused: we may not list it.
        Unavailable: AWS cannot answer now.
    """
    train, validation = source_of(client, spec.dataset), source_of(client, spec.validation if validated else None)
    assert train is not None  # noqa: S101 - a rendered spec has a dataset; for the type checker
    both = (train.objects, validation.objects if validation else ())
    objects = [[[each.etag, each.bytes] for each in source] for source in both]
    template = None if spec.template is None else spec.template.model_dump()
    told = json.dumps([FORMS_VERSION, spec.method, template, objects], sort_keys=True)
    digest = hashlib.sha256(told.encode()).hexdigest()[:32]
    return Sources(train, validation, f"{spec.output_uri.rstrip('/')}/jumpstart-data/{digest}/")


def counted(client: Any, spec: JumpStartSpec, source: Source, sink: IO[bytes] | None = None) -> int:
    """Render a dataset; return how many records it has.

    Args:
        client: boto3 client of ``s3``.
        spec: rendered.
        source: canonical.
        sink: takes the lines; None only checks.

    Raises:
        DataError: names the first faults with file, line and rule; or there is no record.
        RequestRefused: we may not read it.
        Unavailable: AWS cannot answer now.
    """
    records, faults = 0, Faults(source.uri)
    for place, line in lines_of(client, source):
        try:
            body = _ENCODE(record_of(parsed(line), spec.method, spec.template)).encode() + b"\n"
        except (BadRecord, UnicodeEncodeError) as error:
            faults.add(f"{place}: {error}.")
            continue
        records += 1
        if sink is not None and not faults.said:
            sink.write(body)
    if not records and not faults.said:
        faults.add("it holds no record.")
    faults.tell()
    return records


def uploaded(client: Any, spec: JumpStartSpec, sources: Sources) -> int | None:
    """Render and upload what is not there yet; return the records for training, None where all was there.

    Raises:
        DataError: as of ``counted``.
        RequestRefused: we may not read or write it.
        Unavailable: AWS cannot answer now.
    """
    name, key = _FILES[spec.method], spec.output_kms_key_id
    target = sources.training_uri + name
    if exists(client, target):  # it is written last, so the rest is there too, and all of it was checked
        return None
    with TemporaryDirectory(prefix="jumpstart-data-") as folder:
        train, validation = Path(folder, "train"), Path(folder, "validation")
        with train.open("wb") as sink:
            records = counted(client, spec, sources.train, sink)
        if sources.validation is not None and sources.validation_uri is not None:
            with validation.open("wb") as sink:
                counted(client, spec, sources.validation, sink)
            upload(client, validation, sources.validation_uri + name, key)
        if spec.method == "instruction":
            template = (spec.template or PLAIN).model_dump_json().encode()
            put(client, sources.training_uri + TEMPLATE, template, key)
        upload(client, train, target, key)
    return records
