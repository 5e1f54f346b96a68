"""Every way to tune a model: one folder each, one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_finetune.backends.backend import Backend, Needs, Outcome, PipelineKeys, Place, Rung
from airflow_finetune.backends.bedrock import BEDROCK
from airflow_finetune.backends.jumpstart import JUMPSTART
from airflow_finetune.backends.serverless import SERVERLESS
from airflow_finetune.backends.spot_training import SPOT_TRAINING
from airflow_finetune.errors import SpecError
from airflow_finetune.spec import Spec, from_text, near_name

BACKENDS: tuple[Backend, ...] = (SPOT_TRAINING, JUMPSTART, SERVERLESS, BEDROCK)

__all__ = [
    "BACKENDS",
    "Backend",
    "Needs",
    "Outcome",
    "PipelineKeys",
    "Place",
    "Rung",
    "backend_of",
    "completed",
    "loaded_spec",
]


def backend_of(fields: Mapping[str, Any], thing: str) -> Backend:
    """Return the backend that a spec's fields name.

    Raises:
        SpecError: there is none of this name.
    """
    wanted = fields.get("backend", BACKENDS[0].name)
    for backend in BACKENDS:
        if backend.name == wanted:
            return backend
    known = ", ".join(repr(backend.name) for backend in BACKENDS)
    raise SpecError(thing, f"backend {wanted!r} is not known; known are {known}.", "Choose one of them.")


def completed(spec: Any, defaults: Mapping[str, Any], thing: str) -> dict[str, Any]:
    """Return a spec's fields, with the defaults that its backend has a field for.

    Args:
        spec: a mapping, or its words as Jinja renders them.
        defaults: what holds for every spec that does not say otherwise; several backends may share them.
        thing: what to name in an error.

    Raises:
        SpecError: the spec is no mapping, or no backend at all has a field of a default's name.
    """
    fields = from_text(spec) if isinstance(spec, str) else spec
    if not isinstance(fields, Mapping):
        said = f"the spec is a {type(spec).__name__}, and not a mapping of fields."
        raise SpecError(thing, said, "Give one spec; to run several, map over them: .partial(...).expand(spec=[...]).")
    everywhere = dict.fromkeys(name for backend in BACKENDS for name in backend.spec.model_fields)
    if unknown := [name for name in defaults if name not in everywhere and name != "backend"]:
        said = " ".join(
            f"defaults: {name!r} is no field of any backend{near_name(name, everywhere)}" for name in unknown
        )
        raise SpecError(thing, said, "Correct the defaults.")
    backend = backend_of({**defaults, **fields}, thing)
    known = {name: value for name, value in defaults.items() if name in backend.spec.model_fields}
    return {"backend": backend.name, **known, **fields}


def loaded_spec(fields: Mapping[str, Any], dataset: Any, *, rendered: bool, thing: str) -> Spec:
    """Return the spec of a mapping, with the dataset that stands beside it; None takes the spec's own.

    Raises:
        SpecError: names every fault at once.
    """
    values = dict(fields)
    if dataset is not None:
        if "dataset" in values:
            raise SpecError(thing, "the dataset is given twice, in the spec and beside it.", "Give it once.")
        values["dataset"] = dataset
    return backend_of(values, thing).spec.load(values, rendered=rendered, thing=thing)
