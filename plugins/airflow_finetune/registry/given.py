"""What a task was given: a value, its dump, or the text that Jinja makes of a dump; a version also by its ARN."""

from __future__ import annotations

import ast
import contextlib
import json
from typing import Any, TypeVar

from airflow_finetune.errors import SpecError
from airflow_finetune.values import ModelVersion, Value

Given = TypeVar("Given", bound=Value)


def loaded(kind: type[Given], given: Any, thing: str) -> Given:
    """Return the value that was given.

    Args:
        kind: its class.
        given: the value, its dump, or that as a text.
        thing: the task and its field, for the error.

    Raises:
        SpecError: it is no such value.
    """
    try:
        return kind.load(_meant(given))
    except ValueError as error:  # pydantic's error is one too
        said = f"{str(given)[:200]!r} is no dumped {kind.__name__}."
        raise SpecError(thing, said, f"Give the output of the task that returns a {kind.__name__}.") from error


def arn_of(version: Any, task_id: str) -> str:
    """Return the ARN of a version.

    Args:
        version: the ARN, a dumped ``ModelVersion``, or that as a text.
        task_id: for the error.

    Raises:
        SpecError: it is neither.
    """
    if isinstance(version, str) and version.strip().startswith("arn:"):
        return version.strip()
    try:
        return ModelVersion.load(_meant(version)).model_package_arn
    except ValueError:
        said = f"{str(version)[:200]!r} is neither a dumped ModelVersion nor the ARN of a model package."
        raise SpecError(f"{task_id}: version", said, "Give the output of register, or an ARN.") from None


def _meant(given: Any) -> Any:
    if isinstance(given, str):
        for read in (json.loads, ast.literal_eval):  # Jinja writes a mapping as Python does
            with contextlib.suppress(ValueError, SyntaxError):
                return read(given)
    return given
