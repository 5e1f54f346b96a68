"""The ways in: ``pip install .``, the plugins folder of a deployment that exists, and beside other people's pins."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contracts.airflow_process import LOAD_PLUGINS, PARSE_DAGS
from tests.contracts.source_tree import PLUGINS, PROJECT
from tests.packaging.deployments import Deployment, deployment, uv

pytestmark = pytest.mark.long

AMAZON = "apache-airflow-providers-amazon>=9.39"
DAG = """
from airflow.sdk import DAG
from airflow_finetune import SpotTrainingOperator
assert SpotTrainingOperator.__module__.startswith("airflow_finetune.")
with DAG("theirs", schedule=None):
    pass
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Airflow alone, then ours by ``pip install .``."""
    made = deployment(tmp_path_factory.mktemp("plain"))
    made.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PROJECT)
    return made


@pytest.fixture(scope="module")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Airflow with the amazon provider, as somebody runs it, then our plugins/ dropped into its home."""
    made = deployment(tmp_path_factory.mktemp("existing"), AMAZON)
    shutil.copytree(PLUGINS, made.home / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    return made


def source_of_our_plugin(where: Deployment) -> list[str]:
    return [row["source"] for row in where.airflow("plugins") if row["name"] == "airflow_finetune"]


def parses_a_dag(where: Deployment) -> bool:
    dags = where.home / "dags"
    dags.mkdir(exist_ok=True)
    (dags / "theirs.py").write_text(DAG)
    printed = where.run("python", "-c", PARSE_DAGS, dags).splitlines()[-1]
    assert '"errors": {}' in printed
    return '"theirs"' in printed


def test_pip_install_makes_the_plugin_appear(plain: Deployment) -> None:
    (source,) = source_of_our_plugin(plain)
    assert source.startswith("airflow-finetune==")


def test_pip_install_makes_the_provider_appear(plain: Deployment) -> None:
    listed = {row["package_name"]: row["version"] for row in plain.airflow("providers", "list")}
    assert listed["airflow-finetune"] == plain.frozen()["airflow-finetune"]


def test_the_provider_documents_its_configuration(plain: Deployment) -> None:
    assert plain.run("airflow", "config", "get-value", "airflow_finetune", "deployment").strip() == "default"


def test_operators_of_the_installed_package_are_importable_in_a_dag(plain: Deployment) -> None:
    assert parses_a_dag(plain)


def test_the_sandbox_command_says_which_extra_it_needs_and_answers_with_it(plain: Deployment) -> None:
    command = [plain.python, "-m", "airflow_finetune.sandbox", "--help"]
    without = subprocess.run(command, cwd=plain.home, capture_output=True, text=True)
    assert without.returncode == 2
    assert "pip install 'airflow-finetune[sandbox]'" in without.stderr
    uv("pip", "install", "--python", plain.python, f"airflow-finetune[sandbox] @ {PROJECT}")
    assert "serve" in plain.run("python", "-m", "airflow_finetune.sandbox", "--help")


def test_a_dropped_in_plugins_folder_makes_the_plugin_appear(existing: Deployment) -> None:
    assert source_of_our_plugin(existing) == ["$PLUGINS_FOLDER/airflow_finetune_plugin.py"]


def test_a_dropped_in_plugins_folder_takes_no_names_and_breaks_nothing(existing: Deployment) -> None:
    printed = existing.run("python", "-c", LOAD_PLUGINS, existing.home / "plugins").splitlines()[-1]
    assert '"errors": {}' in printed
    assert '"taken": ["airflow_finetune", "airflow_finetune_plugin"]' in printed


def test_operators_of_a_dropped_in_folder_are_importable_in_a_dag(existing: Deployment) -> None:
    assert parses_a_dag(existing)


def test_a_deployment_without_our_folder_has_no_such_plugin(tmp_path: Path, existing: Deployment) -> None:
    (tmp_path / "home").mkdir()
    assert source_of_our_plugin(Deployment(existing.venv, tmp_path / "home")) == []


def test_installing_beside_aiobotocore_changes_no_installed_version(tmp_path: Path) -> None:
    made = deployment(tmp_path, AMAZON.replace("amazon", "amazon[aiobotocore]"))
    before = made.frozen()
    assert "aiobotocore" in before
    made.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PROJECT)
    after = made.frozen()
    assert {name: version for name, version in after.items() if name != "airflow-finetune"} == before
    assert parses_a_dag(made)
