"""Reads Parquet in batches; the only format that needs a library, pyarrow, which the extra [curation] brings."""

from __future__ import annotations

import base64
import datetime
import decimal
import importlib
import math
from collections.abc import Iterator
from typing import Any

from airflow_finetune.curation.readers.files import Options, SourceFile
from airflow_finetune.curation.records import Broken, Origin, Record
from airflow_finetune.errors import DataError, SpecError

_BATCH_ROWS = 1024


def read(file: SourceFile, options: Options) -> Iterator[Record | Broken]:
    """Yield the rows of a Parquet file; times become ISO 8601, decimals text, bytes base64, NaN null.

    Raises:
        SpecError: pyarrow is not installed.
        DataError: it is no Parquet, or it is cut off.
    """
    parquet = _pyarrow("pyarrow.parquet")
    number = 0
    try:
        with parquet.ParquetFile(file.path) as rows:
            for batch in rows.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                for values in batch.to_pylist():
                    number += 1
                    yield Record(Origin(file.name, number, "row"), plain(values))
    except (_pyarrow("pyarrow").ArrowException, OSError) as error:
        said = f"it cannot be read as Parquet: {error}"
        raise DataError(f"{file.name}, row {number + 1}", said.rstrip(".") + ".", "Write the file again.") from error


def plain(value: Any) -> Any:
    """Return a value of a column in JSON's types."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value) if isinstance(value, decimal.Decimal | datetime.timedelta) else value


def _pyarrow(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        next_step = "Install it: pip install 'airflow-finetune[curation]'."
        raise SpecError("Parquet", f"pyarrow is not installed ({error}).", next_step) from error
