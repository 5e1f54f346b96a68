"""What a run may change: an allow-list, so that the trigger form is no admin console."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple

from pydantic import TypeAdapter

from airflow_finetune.backends import Backend
from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.evaluation.advice.spec import AdviseSpec
from airflow_finetune.pipeline.docstrings import described
from airflow_finetune.pipeline.faults import unknown
from airflow_finetune.pipeline.windows import WINDOW
from airflow_finetune.spec import Spec, is_later

DATA = ("validation_fraction", "max_characters", "on_contradiction", "max_unusable_fraction")
ADVISE = ("require_advice",)
RETRAIN = "retrain"
_NEVER = (
    "can only be changed in the file: role, images, addresses, keys, instances, money, redaction and the gate are no"
    " business of a run."
)
_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "format")


class FormField(NamedTuple):
    """One field of the trigger form; its name is the key in a run's conf.

    Attributes:
        name: for example ``model.epochs``.
        default: what the file says.
        title: shown above it.
        description: shown below it.
        section: shown around it.
        schema: what JSON Schema says about its value.
    """

    name: str
    default: Any
    title: str
    description: str
    section: str
    schema: Mapping[str, Any]


RETRAIN_FIELD = FormField(
    RETRAIN,
    False,
    "Train again",
    "When this run is cleared: train again, and pay again, instead of taking the model that it has made.",
    "Clear",
    {"type": "boolean"},
)
"""Every form has it; the life of a job reads it from the run's conf."""


def allowed(backend: Backend) -> dict[str, tuple[type[Spec], str]]:
    """Return what a file may list in ``form``: name -> the spec and its field."""
    data: dict[str, tuple[type[Spec], str]] = {f"data.{key}": (CurateSpec, key) for key in DATA}
    data |= {f"advise.{key}": (AdviseSpec, key) for key in ADVISE}
    return data | {f"model.{key}": (backend.spec, backend.keys.model[key]) for key in backend.keys.form}


def form_field(name: str, backend: Backend, value: Any, sections: Iterable[str]) -> FormField | str:
    """Return the field of the form, or what is wrong with it.

    Args:
        name: what the file lists.
        backend: of the file.
        value: what the file says there; None when it says nothing.
        sections: of a pipeline file.
    """
    known = allowed(backend)
    if name not in known:
        section = name.partition(".")[0]
        if section in set(sections) - {"advise", "data", "model"} or _is_key(name, backend):
            return f"{name!r} {_NEVER} A run may change {', '.join(known)}."
        return unknown(name, known, "field that a run may change")
    if is_later(value):
        return f"{name!r} is Jinja in this file; give a constant, which is the form's default."
    spec, field = known[name]
    default = spec.model_fields[field].get_default() if value is None else value
    section, key = name.split(".", 1)
    title = key.replace("_", " ").capitalize()
    said = described(spec).get(field, "").replace("`", "")
    return FormField(name, default, title, said[:1].upper() + said[1:], section.capitalize(), schema_of(spec, field))


def window_fields(windowed: bool) -> tuple[FormField, ...]:
    """Return the fields of a run's window; none where the source has none."""
    date = {"type": ["null", "string"], "format": "date"}
    said = {
        "window_start": "First day that the source is read for; empty takes the run's data interval.",
        "window_end": "The day after the last one; empty takes the run's data interval.",
    }
    fields = [FormField(name, None, name.replace("_", " ").capitalize(), said[name], "Window", date) for name in WINDOW]
    return tuple(fields if windowed else ())


@cache
def schema_of(spec: type[Spec], field: str) -> Mapping[str, Any]:
    """Return what JSON Schema says about a field, in the flat form that Airflow's trigger form shows."""
    info = spec.model_fields[field]  # its own schema only: that of a whole spec takes long, and DAGs are parsed often
    whole: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    found = TypeAdapter(whole).json_schema()
    parts = found.get("anyOf", [found])
    types = [part["type"] for part in parts if "type" in part]
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    for part in parts:
        schema |= {limit: part[limit] for limit in _LIMITS if limit in part}
        if "enum" in part:
            schema["enum"] = [*part["enum"], *([None] if "null" in types else [])]
    return schema


def conf_fault(conf: Mapping[str, Any] | None, names: Iterable[str]) -> str | None:
    """Return what is wrong with the conf of a run; None when it changes only what it may.

    Airflow merges keys that the form does not have without a word, so that a misspelt one would change nothing.
    """
    known = list(names)
    strange = [key for key in conf or {} if key not in known]
    if not strange:
        return None
    said = " ".join(unknown(key, known, "key that this run may set") for key in strange)
    return f"{said} A run may change what the pipeline file lists in 'form': {', '.join(known)}."


def _is_key(name: str, backend: Backend) -> bool:
    section, _, key = name.partition(".")
    keys: dict[str, Mapping[str, Any]] = {"data": CurateSpec.model_fields, "model": backend.keys.model}
    return key in {**keys, "advise": AdviseSpec.model_fields}.get(section, {})
