"""What is tuned, and what is tried before: `model` and `compute`, whose keys are the backend's, and `advise`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.backends import BACKENDS, Backend
from airflow_finetune.evaluation.advice.spec import AdviseSpec
from airflow_finetune.pipeline.checking import Checking
from airflow_finetune.pipeline.faults import unknown
from airflow_finetune.pipeline.sections import IMAGE, ROLE, WORK
from airflow_finetune.resources.custom_model import is_custom_model

if TYPE_CHECKING:
    from airflow_finetune.evaluation.policy import GatePolicy

LATER = "{{ a value that is known when the task runs }}"


def filled(backend: Backend, fields: Mapping[str, Any], work_uri: str = WORK) -> dict[str, Any]:
    """Return a spec's fields with those that were not given; what was given as None stays None.

    Args:
        backend: the way to tune.
        fields: of its spec.
        work_uri: below which models go.
    """
    known = backend.spec.model_fields
    defaults = {"role_arn": ROLE, "image_uri": IMAGE}
    if backend.keys.output:
        defaults[backend.keys.output] = f"{work_uri.rstrip('/')}/models/"
    return {"backend": backend.name, **{name: value for name, value in defaults.items() if name in known}, **fields}


def backend_in(checking: Checking) -> Backend | None:
    """Return the backend that a file names; None when there is none of this name."""
    name = checking.values.get("backend")
    found = {backend.name: backend for backend in BACKENDS}
    if name in found:
        return found[str(name)]
    known = [*found, *([] if checking.prefix else ["auto", "all"])]  # words of a file with candidates
    said = "must be given." if name is None else unknown(name, known, "backend")
    checking.fault(("backend",), said)
    return None


def tuning_in(checking: Checking, backend: Backend, aws: Mapping[str, Any], work_uri: str) -> dict[str, Any]:
    """Return the fields of the backend's spec without those that curation fills.

    Args:
        checking: of the file.
        backend: of the file.
        aws: keys of the section ``aws`` that are set.
        work_uri: below which models go.
    """
    keys = backend.keys
    if not checking.values.get("model"):
        checking.fault(("model",), "must be given.")
        return {}
    places: dict[str, tuple[str, ...]] = {}
    fields: dict[str, Any] = {}
    for name, known in (("model", keys.model), ("compute", keys.compute), ("aws", keys.aws)):
        places |= {field: (name, key) for key, field in known.items()}
        values = aws if name == "aws" else checking.known(known, (name,), checking.section(name))
        fields |= {known[key]: value for key, value in values.items() if key in known}
    fields = filled(backend, fields, work_uri)
    whole = {**{name: LATER for name in backend.spec.filled}, **fields}
    whole.pop("backend")
    loaded = checking.loaded(backend.spec, whole, places, ("model",))
    return {} if loaded is None else fields


def advise_in(checking: Checking, gate: GatePolicy | None, backend: Backend | None) -> AdviseSpec | None:
    """Return what is tried before anything is tuned; None where the file does not ask, or something is wrong with it.

    Args:
        checking: of the file.
        gate: of the file, whose target the advice is about.
        backend: of the file.
    """
    if checking.values.get("advise") is None:
        return None
    found = checking.checked(AdviseSpec, checking.section("advise"), "advise")
    if found is None:
        return None
    if gate is not None and (said := found.against(gate)):
        checking.fault(("advise",), said)
    base = checking.section("model").get("base")
    if backend is not None and backend.served_by == "bedrock" and is_custom_model(str(base)):
        said = "it asks base models on demand, and model.base is a custom model, which would have to be hosted first."
        checking.fault(("advise",), said)
    if backend is not None and backend.brings_server:
        said = "what serves a model of a hub is known once it is tuned, so it cannot be asked before: leave advise out."
        checking.fault(("advise",), said)
    return found
