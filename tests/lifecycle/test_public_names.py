"""Public names are sorted, importable, and cost nothing until they are asked for."""

from __future__ import annotations

import ast
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


def test_every_task_its_values_and_its_errors_are_public():
    from airflow_finetune import errors, operators, sensors, values

    tasks = {*operators.__all__, *sensors.__all__}
    travels = {"CuratedDataset", "DatasetReference", "RawDataset", "TunedModel"}
    raised = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}
    assert tasks | travels | raised <= set(airflow_finetune.__all__)
    assert all(hasattr(values, name) for name in travels)


def test_each_name_comes_from_where_type_checkers_look_for_it():
    source = ast.parse(Path(airflow_finetune.__file__).read_text())
    shown = {
        alias.name: each.module for each in ast.walk(source) if isinstance(each, ast.ImportFrom) for alias in each.names
    }
    for name in airflow_finetune.__all__:
        assert shown[name] == getattr(airflow_finetune, name).__module__, name


def test_no_other_name_is_there():
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = airflow_finetune.Nonsense
    assert set(airflow_finetune.__all__) <= set(dir(airflow_finetune))


def test_importing_the_package_loads_nothing_else():
    assert not {"airflow", "boto3", "botocore", "pydantic"} & loaded_after("import airflow_finetune")
    assert "pydantic" in loaded_after("from airflow_finetune import TunedModel"), "the negative control"


@pytest.mark.parametrize("collects", [True, False])
def test_asking_for_a_name_leaves_the_garbage_collector_as_it_was(collects: bool):
    program = f"import gc; gc.{'enable' if collects else 'disable'}(); from airflow_finetune import TunedModel"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; print(gc.isenabled())"],
        env={"PYTHONPATH": str(Path(airflow_finetune.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(collects)
