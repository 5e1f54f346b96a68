"""Airflow's own plugin manager on our plugins folder: one plugin, and no module name taken from anybody."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.airflow_process import LOAD_PLUGINS, ask
from tests.contracts.source_tree import PLUGINS


def load(folder: Path, home: Path, **settings: str) -> tuple[dict[str, Any], str]:
    return ask(LOAD_PLUGINS, folder, home, AIRFLOW__CORE__PLUGINS_FOLDER=str(folder), **settings)


@pytest.fixture
def copied_folder(tmp_path: Path) -> Path:
    """A copy of plugins/ without what needs a job's requirements, to be spoiled by a test."""
    ignore = shutil.ignore_patterns("__pycache__", "containers", "zoo")
    return Path(shutil.copytree(PLUGINS, tmp_path / "plugins", ignore=ignore))


@pytest.mark.parametrize("syntax", ["glob", "regexp"])
def test_airflow_loads_one_plugin_and_our_folder_takes_no_other_name(syntax: str, tmp_path: Path) -> None:
    loaded, _ = load(PLUGINS, tmp_path, AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX=syntax)
    ours = [plugin for plugin in loaded["plugins"] if plugin[0] == "airflow_finetune"]
    assert ours == [["airflow_finetune", "$PLUGINS_FOLDER/airflow_finetune_plugin.py"]]
    assert loaded["errors"] == {}
    assert loaded["taken"] == ["airflow_finetune", "airflow_finetune_plugin"]


def test_without_the_ignore_file_our_modules_take_names(copied_folder: Path, tmp_path: Path) -> None:
    (copied_folder / ".airflowignore").unlink()
    (copied_folder / "airflow_finetune" / "datasets.py").write_text("ROWS = 1\n")
    loaded, _ = load(copied_folder, tmp_path)
    assert {"datasets", "errors"} <= set(loaded["taken"])


def test_the_ignore_file_keeps_a_badly_named_module_out(copied_folder: Path, tmp_path: Path) -> None:
    (copied_folder / "airflow_finetune" / "datasets.py").write_text("ROWS = 1\n")
    loaded, _ = load(copied_folder, tmp_path)
    assert "datasets" not in loaded["taken"]


def test_a_second_copy_that_python_does_not_use_is_reported(copied_folder: Path, tmp_path: Path) -> None:
    shim = copied_folder / "airflow_finetune_plugin.py"
    shim.write_text(f"import sys\nsys.path.insert(0, {str(PLUGINS)!r})\n{shim.read_text()}")
    _, log = load(copied_folder, tmp_path)
    assert f"{PLUGINS / 'airflow_finetune'} is used" in log
    assert f"{copied_folder / 'airflow_finetune'} is not" in log


def test_one_copy_is_not_reported(copied_folder: Path, tmp_path: Path) -> None:
    _, log = load(copied_folder, tmp_path)
    assert "is here twice" not in log
