"""The keys of a pipeline file as tables for people: type, default and meaning, from the specs themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_finetune.backends import BACKENDS
from airflow_finetune.cli.sections import SPECS
from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.pipeline.docstrings import described
from airflow_finetune.pipeline.sections import SERVING
from airflow_finetune.spec import Spec

__all__ = ["SPECS", "reference"]

_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
}


def reference() -> Iterator[str]:
    """Yield the lines of all tables, each under the heading of its section."""
    for title, spec, keys in _sections():
        yield f"### `{title}`"
        yield ""
        yield "| key | type | default | meaning |"
        yield "|---|---|---|---|"
        words = described(spec)
        for key, field in keys.items():
            yield f"| `{key}` | {_type(spec, field)} | {_default(spec, field)} | {words.get(field, '')} |"
        yield ""


def _sections() -> Iterator[tuple[str, type[Spec], Mapping[str, str]]]:
    for title, spec in SPECS.items():
        yield title, spec, {field: field for field in spec.model_fields}
        if spec is CurateSpec:
            for backend in BACKENDS:
                yield f"model, by {backend.name}", backend.spec, backend.keys.model
                if backend.keys.compute:
                    yield f"compute, by {backend.name}", backend.spec, backend.keys.compute
                hosts = SERVING[backend.served_by]
                yield f"serving, by {backend.name}", hosts, {field: field for field in hosts.model_fields}


def _type(spec: type[Spec], field: str) -> str:
    schema = spec.model_json_schema()["properties"][field]
    names = [_named(part) for part in schema.get("anyOf", [schema])]
    return " or ".join(dict.fromkeys(name for name in names if name))


def _named(part: Mapping[str, Any]) -> str:
    choices = part.get("enum", [part["const"]] if "const" in part else [])
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    return "mapping" if "$ref" in part else _TYPES.get(part["type"], "")


def _default(spec: type[Spec], field: str) -> str:
    found = spec.model_fields[field]
    if found.is_required():
        return "must be given"
    value = found.get_default(call_default_factory=True)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None or value in ("", (), {}):
        return ""
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return "an Airflow Variable" if "{{" in str(value) else f"`{value}`"
