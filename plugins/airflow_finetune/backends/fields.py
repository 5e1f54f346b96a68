"""Types of fields that the specs of several backends have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from airflow_finetune.values import DatasetReference

Scalar = bool | int | float | str
S3Uri = Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")]


def _reference(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value.startswith("s3://"):
        raise PydanticCustomError("dataset", "must be an S3 address or a dumped DatasetReference")
    return {"uri": value}


def _words(value: Any) -> Any:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


Dataset = Annotated[DatasetReference, BeforeValidator(_reference)]
Names = Annotated[tuple[str, ...], BeforeValidator(_words)]
