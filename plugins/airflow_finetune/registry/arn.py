"""Which version is meant: by a dumped value, or by AWS's own name of it."""

from __future__ import annotations

from typing import Any

from airflow_finetune.errors import SpecError
from airflow_finetune.values import ModelVersion


def arn_of(version: Any, task_id: str) -> str:
    """Return the ARN of a version that is given as such or as a dumped value.

    Raises:
        SpecError: it is neither.
    """
    if isinstance(version, str) and ":model-package/" in version:
        return version.strip()
    try:
        return ModelVersion.load(version).model_package_arn
    except ValueError:
        said = f"{str(version)[:200]!r} is neither a dumped ModelVersion nor the ARN of a model package."
        raise SpecError(f"{task_id}: version", said, "Give the output of register, or an ARN.") from None
