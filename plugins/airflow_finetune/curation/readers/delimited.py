"""Reads CSV: a header, then a record a row; a row that does not fit is named, never bent into shape."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

from airflow_finetune.curation.readers.files import Options, SourceFile, encoding_fault, text
from airflow_finetune.curation.records import BAD_ENCODING, BROKEN_LINE, Broken, Origin, Record
from airflow_finetune.errors import DataError


def read(file: SourceFile, options: Options) -> Iterator[Record | Broken]:
    """Yield the rows of a CSV file.

    Raises:
        DataError: the header cannot be used, or a quote is never closed, so that the rest of the file is lost.
    """
    with text(file, options, newline="") as stream:
        rows = csv.reader(stream, delimiter=_delimiter(file, options), strict=True)
        header = _header(file, rows)
        while True:
            origin = Origin(file.name, rows.line_num + 1)
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield _broken(origin, error, stream)
                continue
            if row:
                yield _record(origin, header, row)


def _record(origin: Origin, header: list[str], row: list[str]) -> Record | Broken:
    if len(row) != len(header):
        return Broken(origin, BROKEN_LINE, f"{len(row)} fields where the header has {len(header)}.")
    for column, value in zip(header, row, strict=True):
        if fault := encoding_fault(value):
            return Broken(origin, BAD_ENCODING, f"column {column!r}: {fault}")
    return Record(origin, dict(zip(header, row, strict=True)))


def _broken(origin: Origin, error: csv.Error, stream: IO[str]) -> Broken:
    if "unexpected end" in str(error) or "field larger" in str(error):
        said = f"{error}: a quote that opens there is not closed, or a field is longer than {csv.field_size_limit()}."
        raise DataError(str(origin), said, "Close the quote, or convert the file to JSON Lines.") from error
    return Broken(origin, BROKEN_LINE, f"{error}.")


def _header(file: SourceFile, rows: Any) -> list[str]:
    try:
        header = [str(name) for name in next(rows, [])]
    except csv.Error as error:
        raise DataError(f"{file.name}, line 1", f"{error}.", "Correct the header.") from error
    if fault := encoding_fault("".join(header)):
        raise DataError(f"{file.name}, line 1", fault, "Correct the header.")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise DataError(f"{file.name}, line 1", f"the header has {twice[0]!r} twice.", "Rename one of the columns.")
    return header


def _delimiter(file: SourceFile, options: Options) -> str:
    if options.delimiter is not None:
        return options.delimiter
    return "\t" if ".tsv" in file.path.suffixes[-2:] else ","
