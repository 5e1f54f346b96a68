"""What the wheel holds: the package with all that it needs at run time, and nothing else."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.contracts.source_tree import PLUGINS, PROJECT
from tests.packaging.deployments import uv

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--out-dir", folder, PROJECT)
    (path,) = folder.glob("*.whl")
    assert path.name.endswith("-py3-none-any.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: zipfile.ZipFile) -> None:
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    source = {path.relative_to(PLUGINS).as_posix() for path in _files(PLUGINS / "airflow_finetune")}
    assert shipped == source


@pytest.mark.parametrize("name", ["py.typed", "sandbox/state/prices.json", "containers/train/requirements.txt"])
def test_what_is_not_python_is_in_the_wheel(name: str, wheel: zipfile.ZipFile) -> None:
    assert f"airflow_finetune/{name}" in wheel.namelist()


def test_the_tiny_model_is_in_the_wheel_and_small(wheel: zipfile.ZipFile) -> None:
    weights = [entry for entry in wheel.infolist() if entry.filename.endswith(".safetensors")]
    assert [entry.filename.startswith("airflow_finetune/sandbox/zoo/") for entry in weights] == [True] * len(weights)
    assert weights
    assert sum(entry.file_size for entry in weights) <= 3_000_000


def test_the_plugins_folder_shim_is_not_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert not [name for name in wheel.namelist() if "airflow_finetune_plugin" in name or "tests" in name.split("/")]


def test_the_licence_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if name.endswith("dist-info/licenses/LICENSE")]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
