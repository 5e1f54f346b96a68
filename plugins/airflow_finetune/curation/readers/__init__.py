"""Readers: one file a format; a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_finetune.curation.readers import delimited, json_values, parquet_rows, text_lines
from airflow_finetune.curation.readers.files import Format, Found, Options, SourceFile, digest_of, find
from airflow_finetune.curation.records import Broken, Record

__all__ = ["READERS", "Format", "Found", "Options", "SourceFile", "digest_of", "find", "read"]

Reader = Callable[[SourceFile, Options], Iterator[Record | Broken]]

READERS: dict[Format, Reader] = {
    "csv": delimited.read,
    "json": json_values.read,
    "jsonl": json_values.read_lines,
    "parquet": parquet_rows.read,
    "text": text_lines.read,
}


def read(file: SourceFile, options: Options) -> Iterator[Record | Broken]:
    """Yield the records of one file, in its order."""
    return READERS[file.format](file, options)
