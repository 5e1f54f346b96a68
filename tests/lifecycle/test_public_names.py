"""Public names are sorted, importable, and cost nothing until they are asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import airflow_finetune

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


def loaded_after(code: str) -> set[str]:
    program = f"import sys; sys.path.insert(0, {str(PLUGINS)!r}); {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["", ".operators", ".sensors", ".triggers"])
def test_public_names_are_sorted_and_there(module: str):
    public = import_module(f"airflow_finetune{module}")
    assert list(public.__all__) == sorted(public.__all__)
    assert all(getattr(public, name) is not None for name in public.__all__)


def test_no_other_name_is_there():
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = airflow_finetune.Nonsense
    assert set(airflow_finetune.__all__) <= set(dir(airflow_finetune))


def test_importing_the_package_loads_nothing_else():
    assert not {"airflow", "boto3", "botocore", "pydantic"} & loaded_after("import airflow_finetune")
    assert "pydantic" in loaded_after("from airflow_finetune import TunedModel"), "the negative control"
