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
from airflow_finetune.spec import Spec

BACKENDS: tuple[Backend, ...] = (SPOT_TRAINING, JUMPSTART, SERVERLESS, BEDROCK)

__all__ = ["BACKENDS", "Backend", "Needs", "Outcome", "PipelineKeys", "Place", "Rung", "backend_of", "loaded_spec"]


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
