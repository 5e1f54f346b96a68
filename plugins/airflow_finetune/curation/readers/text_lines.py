"""Reads plain text: every line that is not blank is a record with one column, ``text``."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_finetune.curation.readers.files import Options, SourceFile, encoding_fault, text
from airflow_finetune.curation.records import BAD_ENCODING, Broken, Origin, Record


def read(file: SourceFile, options: Options) -> Iterator[Record | Broken]:
    """Yield the lines of a text file."""
    with text(file, options, newline=None) as stream:
        for number, line in enumerate(stream, 1):
            if line.isspace():
                continue
            origin = Origin(file.name, number)
            fault = encoding_fault(line)
            yield Broken(origin, BAD_ENCODING, fault) if fault else Record(origin, {"text": line.rstrip("\r\n")})
