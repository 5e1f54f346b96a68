"""Names of modules and folders, public names, and the strictness of the settings."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.contracts.name_rules import KNOWN, misleading_names, taken_names
from tests.contracts.source_tree import PLUGINS, PROJECT, modules, write_tree

IMPORTED = "import json, sys; sys.path.insert(0, sys.argv[1]); {}; print(json.dumps(sorted(sys.modules)))"


def loaded_by(statement: str, folder: Path = PLUGINS) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after the statement."""
    command = [sys.executable, "-c", IMPORTED.format(statement), str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return {name.partition(".")[0] for name in json.loads(answer.stdout)}


def test_no_name_misleads() -> None:
    assert misleading_names(modules(), taken_names()) == []


@pytest.mark.parametrize("name", ["curation/datasets.py", "utils.py", "helpers/names.py", "sandbox/types.py"])
def test_a_misleading_name_is_found_out(name: str, tmp_path: Path) -> None:
    assert len(misleading_names(modules(write_tree(tmp_path, {name: ""})), {"datasets", "types"})) >= 1


def test_the_known_names_are_still_in_use() -> None:
    parts = {part for module in modules() for part in module.parts}
    assert set(KNOWN) <= parts


def test_the_public_names_are_sorted_and_importable() -> None:
    import airflow_finetune

    assert airflow_finetune.__all__ == sorted(airflow_finetune.__all__)
    for name in airflow_finetune.__all__:
        assert getattr(airflow_finetune, name) is not None
    assert set(airflow_finetune.__all__) <= set(dir(airflow_finetune))


def test_importing_the_package_loads_neither_airflow_nor_boto3() -> None:
    assert not {"airflow", "boto3", "botocore", "pydantic", "torch"} & loaded_by("import airflow_finetune")


def test_the_sandbox_loads_nothing_of_airflow_or_of_a_job() -> None:
    assert not {"airflow", "torch", "transformers"} & loaded_by("import airflow_finetune.sandbox.cli.parser")


def test_an_eager_package_is_found_out(tmp_path: Path) -> None:
    write_tree(tmp_path, {"names.py": ""})
    (tmp_path / "airflow_finetune" / "__init__.py").write_text("import botocore\n")
    assert "botocore" in loaded_by("import airflow_finetune", tmp_path)


def test_warnings_are_errors_and_types_are_strict() -> None:
    tool = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]
    assert tool["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    assert tool["mypy"]["strict"] is True
    assert not any("ignore_errors" in override for override in tool["mypy"]["overrides"])


def test_a_warning_fails_a_test(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("import warnings\ndef test_one():\n    warnings.warn('careless')\n")
    command = [sys.executable, "-m", "pytest", "-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    answer = subprocess.run(
        [*command, "-p", "no:cacheprovider", "test_one.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert answer.returncode == 1, answer.stdout
    assert "careless" in answer.stdout
