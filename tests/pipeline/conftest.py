"""Pipeline files as somebody writes them, in a folder laid out as `include/` is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_finetune.pipeline import PipelineError, PipelineSpec, read_pipeline

SMALLEST: dict[str, Any] = {
    "backend": "spot_training",
    "data": {
        "source": "s3://acme/orders/{window_start}/",
        "prompt": "{text}",
        "completion": "{json}",
        "golden": "s3://acme/golden.jsonl",
    },
    "model": {"base": "s3://acme/llama/", "method": "lora", "epochs": 3},
    "compute": {"instance_type": "ml.g5.2xlarge"},
    "gate": {"metric": "exact_match", "at_least": 0.80, "on_reject": "skip"},
    "max_usd": 20,
}
"""The file of the README: with only these sections it must work."""

Write = Callable[..., Path]


def changed(**sections: Any) -> dict[str, Any]:
    """Return the smallest file with sections merged key by key; `...` takes a key or a section away."""
    made = {**SMALLEST}
    for name, value in sections.items():
        below = made.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        made[name] = {k: v for k, v in {**below, **value}.items() if v is not ...} if both else value  # type: ignore[dict-item]  # mypy does not see both
    return {name: value for name, value in made.items() if value is not ...}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`include/pipelines/`, with the folders beside it."""
    for name in ("pipelines", "datasets", "golden", "policies"):
        (tmp_path / "include" / name).mkdir(parents=True)
    return tmp_path / "include" / "pipelines"


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a pipeline file: a text, or the smallest one with changes."""

    def write(text: str | None = None, **sections: Any) -> Path:
        path = folder / "orders.yaml"
        path.write_text(yaml.safe_dump(changed(**sections), sort_keys=False) if text is None else text)
        return path

    return write


@pytest.fixture
def read(write: Write) -> Callable[..., PipelineSpec]:
    """Read the smallest pipeline with changes."""
    return lambda **sections: read_pipeline(write(**sections))


@pytest.fixture
def faults(write: Write) -> Callable[..., dict[str, str]]:
    """Return place -> what is wrong there."""

    def faults(text: str | None = None, **sections: Any) -> dict[str, str]:
        with pytest.raises(PipelineError) as refused:
            read_pipeline(write(text, **sections))
        return {".".join(fault.place): fault.said for fault in refused.value.faults}

    return faults
