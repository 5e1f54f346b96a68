"""The sections `data` and `gate`: their keys are those of curation and of the gate's policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.errors import SpecError
from airflow_finetune.evaluation.policy import GatePolicy, read_policy
from airflow_finetune.pipeline.checking import Checking
from airflow_finetune.pipeline.places import find_beside
from airflow_finetune.pipeline.windows import is_windowed, templated
from airflow_finetune.spec import is_later

_FILES = {"source": "datasets", "prompt_template": "datasets", "completion_template": "datasets", "golden": "golden"}


def data_in(checking: Checking) -> dict[str, Any]:
    """Return the fields of ``CurateSpec``: files found, the window as Jinja."""
    values = checking.section("data")
    if not checking.values.get("data"):
        checking.fault(("data",), "must be given.")
        return {}
    if values.get("golden") is None:
        said = "must be given: a file, or {freeze_holdout: 300}. Without it nobody can say whether the model is good."
        checking.fault(("data", "golden"), said)
    for key, kind in _FILES.items():
        if (path := _found(checking, key, values.get(key), kind)) is not None:
            values[key] = path
    if isinstance(values.get("source"), str):
        values["source"] = templated(values["source"])
    spec = checking.checked(CurateSpec, values, "data")
    return {} if spec is None else values


def _found(checking: Checking, key: str, value: Any, kind: str) -> str | None:
    """Return the absolute path of a file that a section names relatively."""
    if not isinstance(value, str) or "://" in value or is_later(value) or Path(value).is_absolute():
        return None
    if is_windowed(value):
        checking.fault(("data", key), "a window needs an s3:// address or an absolute path.")
        return None
    path = find_beside(checking.path, value, kind)
    if path is None:
        folder = checking.path.parent
        said = f"there is no {value} in {folder.parent / kind} nor in {folder}."
        checking.fault(("data", key), said)
    return None if path is None else str(path)


def gate_in(checking: Checking) -> GatePolicy | None:
    """Return the policy, which stands in the file or in one of its own; None when something is wrong with it."""
    values = checking.section("gate")
    if not checking.values.get("gate"):
        checking.fault(("gate",), "must be given.")
        return None
    if "policy" not in values:
        return checking.checked(GatePolicy, values, "gate")
    beside = checking.known(("policy", "on_reject"), ("gate",), values)
    policy = _policy(checking, str(beside.pop("policy")))
    if policy is None:
        return None
    own = {name: getattr(policy, name) for name in policy.model_fields_set}
    return checking.checked(GatePolicy, {**own, **beside}, "gate")


def _policy(checking: Checking, name: str) -> GatePolicy | None:
    path = find_beside(checking.path, name, "policies") or find_beside(checking.path, f"{name}.yaml", "policies")
    try:
        if path is None or not path.is_file():
            folder = checking.path.parent
            raise SpecError("policy", f"there is no {name} in {folder.parent / 'policies'} nor in {folder}.", "")
        return read_policy(path)
    except SpecError as error:
        checking.fault(("gate", "policy"), f"{error.thing}: {error.said}")
    return None
