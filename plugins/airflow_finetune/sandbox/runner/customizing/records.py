"""Reads the records of a customization job from S3 and refuses what AWS would refuse, in its words where known."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...state import Limits
from ..transfer.channels import split_uri, under_prefix
from . import forms
from .forms import BadRecord, Row

MEGABYTE = 1_000_000
START_CHARACTERS = 60


class BadData(Exception):
    """The data cannot be used; the text is the job's failureMessage."""


def unparsable(file: str, number: int, why: object) -> BadData:
    """Return AWS's text for a file with a broken record; what is broken stands behind it, in our words."""
    text = f"Unable to parse Amazon S3 file: {file}. Data files must conform to JSONL format."
    return BadData(f"{text} (sandbox: line {number}: {why})")


def not_readable(uri: str) -> BadData:
    """Return AWS's text for data that is not there, or that the role may not read."""
    bucket, key = split_uri(uri)
    return BadData(f"Could not validate GetObject permissions to access Amazon S3 bucket: {bucket} at key {key}")


def lines_of(s3: Any, uri: str, largest_megabytes: int) -> tuple[str, list[str]]:
    """Return the file's name and its lines.

    Raises:
        BadData: it is not there, too large, or not UTF-8.
    """
    bucket, key = split_uri(uri)
    name = PurePosixPath(key).name
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
        if answer["ContentLength"] > largest_megabytes * MEGABYTE:
            raise BadData(f"The size of Amazon S3 file: {name} exceeds the limit of {largest_megabytes} MB.")
        content = answer["Body"].read().decode("utf-8")
    except (BotoCoreError, ClientError):
        raise not_readable(uri) from None
    except UnicodeDecodeError as error:
        raise unparsable(name, 1, error) from None
    return name, content.removesuffix("\n").split("\n") if content else []


def check(lines: list[str], file: str, limits: Limits) -> Iterator[Row]:
    """Yield the rows of a file.

    Raises:
        BadData: at the first record that AWS would not take.
    """
    for number, line in enumerate(lines, start=1):
        try:
            row = forms.parse(limits.form, line)
        except BadRecord as error:
            raise unparsable(file, number, error) from None
        _check_size(row, line, file, limits)
        for word in limits.reserved:
            if word in forms.asked(row):
                shown = word.strip()
                raise BadData(f"Line {number} of Amazon S3 file: {file} contains the reserved keyword {shown!r}.")
        yield row


def _check_size(row: Row, line: str, file: str, limits: Limits) -> None:
    if limits.tokens is None:
        return
    size = len(forms.said(row))
    tokens = math.ceil(size / limits.characters_per_token)
    if tokens <= limits.tokens:
        return
    if limits.form == "text":
        raise BadData(f"Maximum input token count {tokens} exceeds limit of {limits.tokens} for train data")
    if limits.form == "prompt_completion":
        raise BadData(f"Input size exceeded in file {file} for record starting with {line[:START_CHARACTERS]}")
    raise BadData(f"Max sum of input and output token length {tokens} exceeds total limit of {limits.tokens}")


def usable(lines: list[str], limits: Limits) -> tuple[list[Row], list[dict[str, Any]]]:
    """Return the rows of prompts for a teacher, and what was left out with its reason: AWS drops bad prompts."""
    rows, rejected = [], []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(forms.parse(limits.form, line))
        except BadRecord as error:
            rejected.append({"line": number, "status": "Rejected", "reason": str(error)})
    return rows, rejected


def check_count(count: int, bounds: tuple[int, int], what: str) -> None:
    """Refuse too few and too many records.

    Raises:
        BadData: in our words; AWS's are not known.
    """
    fewest, most = bounds
    if count < fewest:
        raise BadData(f"The number of records in the {what} data is {count}: the minimum is {fewest}.")
    if count > most:
        raise BadData(f"The number of records in the {what} data is {count}: the maximum is {most}.")


def write(rows: list[Row], target: Path) -> None:
    """Write rows as JSON Lines."""
    with target.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def logged(s3: Any, uri: str) -> Iterator[dict[str, Any]]:
    """Yield the invocation logs under a prefix, packed or not; what is no such log is left out, as AWS does.

    Raises:
        BadData: nothing can be read there.
    """
    try:
        for piece in under_prefix(s3, uri):
            content = s3.get_object(Bucket=piece.bucket, Key=piece.key)["Body"].read()
            if piece.key.endswith(".gz"):
                content = gzip.decompress(content)
            for line in content.decode("utf-8", errors="replace").splitlines():
                document = _json(line)
                if isinstance(document, dict) and document.get("schemaType") == "ModelInvocationLog":
                    yield document
    except (BotoCoreError, ClientError, OSError, EOFError):
        raise not_readable(uri) from None


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
