"""The dataset in the form that the model family takes: read as a stream, checked record by record, written once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from airflow_finetune.backends.bedrock.families import Limits
from airflow_finetune.backends.bedrock.forms import rendered
from airflow_finetune.backends.bedrock.spec import BedrockSpec
from airflow_finetune.backends.records import BadRecord, Faults, Source, lines_of, parsed

FORMS_VERSION = 1  # grows when the same example is rendered to other bytes
TRAIN, VALIDATION = "train.jsonl", "validation.jsonl"
_MEGABYTE = 1_000_000
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


def place_of_data(spec: BedrockSpec, limits: Limits, train: Source, validation: Source | None) -> str:
    """Return the folder of the rendered data: named by all that decides about its bytes and its checks."""
    both = (train.objects, validation.objects if validation else ())
    objects = [[[each.etag, each.bytes] for each in source] for source in both]
    told = json.dumps([FORMS_VERSION, limits.model_dump(mode="json", exclude={"sources"}), objects], sort_keys=True)
    return f"{spec.output_uri.rstrip('/')}/bedrock-data/{hashlib.sha256(told.encode()).hexdigest()[:32]}/"


def render(client: Any, source: Source, limits: Limits, name: str, sink: IO[bytes] | None = None) -> Account:
    """Render a dataset and count it.

    Args:
        client: boto3 client of ``s3``.
        source: canonical.
        limits: of the family.
        name: of the rendered file, which says whether it is for training or validation.
        sink: takes the lines; None only counts.

    Raises:
        DataError: names the first faults with file, line and rule.
        RequestRefused: we may not read it.
        Unavailable: AWS cannot answer now.
    """
    account, faults = Account(), Faults(source.uri)
    for place, line in lines_of(client, source):
        try:
            body = _ENCODE(rendered(parsed(line), limits).record).encode() + b"\n"
        except (BadRecord, UnicodeEncodeError) as error:
            faults.add(f"{place}: {error}.")
            continue
        account = Account(account.records + 1, account.bytes + len(body), max(account.longest_bytes, len(body)))
        if sink is not None and not faults.said:
            sink.write(body)
    for said in _of_the_whole(account._replace(records=account.records + faults.count), limits, name):
        faults.add(said)
    faults.tell()
    return account


def bounds_of(limits: Limits, name: str) -> tuple[int, int] | None:
    """Return the fewest and the most records of a file; None without limits."""
    return limits.records if name == TRAIN else limits.validation_records


def _of_the_whole(account: Account, limits: Limits, name: str) -> Iterator[str]:
    what, key = ("training", "records") if name == TRAIN else ("validation", "validation_records")
    bounds = bounds_of(limits, name)
    if bounds is not None and not bounds[0] <= account.records <= bounds[1]:
        yield (
            f"{account.records} records for {what}, and {bounds[0]} to {bounds[1]} are allowed ({limits.source(key)})."
        )
    most = limits.megabytes if name == TRAIN else limits.validation_megabytes or limits.megabytes
    if most is not None and account.bytes > most * _MEGABYTE:
        source = limits.source("megabytes")
        yield f"{account.bytes / _MEGABYTE:.1f} MB for {what}, and {most:g} MB are allowed ({source})."
