"""Every way to tune a model: one folder each, one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_finetune.backends.backend import Backend, Outcome, Place
from airflow_finetune.backends.spot_training import SPOT_TRAINING
from airflow_finetune.errors import SpecError

BACKENDS: tuple[Backend, ...] = (SPOT_TRAINING,)

__all__ = ["BACKENDS", "Backend", "Outcome", "Place", "backend_of"]


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
