"""The Dockerfile, as far as it can be tested without a container engine: linted, and what it copies is a deployment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.contracts.airflow_process import LOAD_PLUGINS, PARSE_DAGS, ask
from tests.contracts.source_tree import PROJECT
from tests.packaging.deployments import uv
from tests.packaging.test_locks import locked

DOCKERFILE = PROJECT / "Dockerfile"
HADOLINT = Path(sysconfig.get_path("scripts")) / "hadolint"


def instructions(text: str) -> list[tuple[str, list[str]]]:
    """Return the instructions with their words; options such as --chown are left out."""
    lines = [line.split() for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip() and line[0] != "#"]
    return [(words[0], [word for word in words[1:] if not word.startswith("--")]) for words in lines]


def copies() -> dict[str, str]:
    """Return what is copied: path in the project -> path in the image."""
    return {words[0]: words[1] for name, words in instructions(DOCKERFILE.read_text()) if name == "COPY"}


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HADOLINT, path], capture_output=True, text=True)


@pytest.fixture
def image_home(tmp_path: Path) -> Path:
    """What the image has in /opt/airflow, copied as the Dockerfile says."""
    for source, target in copies().items():
        place = tmp_path / Path(target).relative_to("/opt/airflow")
        if (PROJECT / source).is_dir():
            shutil.copytree(PROJECT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / source, place)
    return tmp_path


def test_the_dockerfile_is_linted() -> None:
    answer = lint(DOCKERFILE)
    assert answer.returncode == 0, answer.stdout


def test_the_linter_finds_faults(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nRUN cd /tmp && pip install boto3\nUSER root\n")
    assert {"DL3007", "DL3002", "DL3042"} <= set(re.findall(r"DL\d+", lint(bad).stdout))


def test_the_base_is_the_official_image_for_python_3_11_and_can_be_chosen() -> None:
    found = instructions(DOCKERFILE.read_text())
    (base,) = [words[0] for name, words in found if name == "ARG" and words[0].startswith("BASE=")]
    version = locked((PROJECT / "locks" / "py311.txt").read_text())["apache-airflow"]
    assert base == f"BASE=apache/airflow:{version}-python3.11"
    assert ("FROM", ["${BASE}"]) in found


def test_the_image_does_not_run_as_root() -> None:
    users = [words[0] for name, words in instructions(DOCKERFILE.read_text()) if name == "USER"]
    assert users == ["${RUN_AS}"]
    assert ("ARG", ["RUN_AS=airflow"]) in instructions(DOCKERFILE.read_text())


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    allowed = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copies()) == allowed
    assert [source for source in copies() if not (PROJECT / source).exists()] == []


def test_what_is_copied_is_a_deployment_with_our_plugin_and_dags(image_home: Path) -> None:
    plugins, log = ask(LOAD_PLUGINS, image_home / "plugins", image_home)
    assert [name for name, _ in plugins["plugins"]].count("airflow_finetune") == 1, log
    assert plugins["errors"] == {}
    dags, log = ask(PARSE_DAGS, image_home / "dags", image_home)
    assert dags["errors"] == {}, log
    assert dags["dags"]


def test_a_deployment_without_the_plugins_folder_has_no_plugin(image_home: Path) -> None:
    shutil.rmtree(image_home / "plugins")
    plugins, _ = ask(LOAD_PLUGINS, image_home / "plugins", image_home)
    assert "airflow_finetune" not in [name for name, _ in plugins["plugins"]]


def test_the_image_does_not_install_a_second_copy_of_ours() -> None:
    assert "airflow-finetune" not in re.findall(r"^[\w-]+", (PROJECT / "requirements.txt").read_text(), re.M)


@pytest.mark.long
def test_the_requirements_resolve_beside_the_airflow_of_the_image(tmp_path: Path) -> None:
    version = locked((PROJECT / "locks" / "py311.txt").read_text())["apache-airflow"]
    (tmp_path / "airflow.txt").write_text(f"apache-airflow=={version}\n")
    sources = [tmp_path / "airflow.txt", PROJECT / "requirements.txt"]
    resolved = locked(uv("pip", "compile", "--python-version", "3.11", "--no-header", *sources))
    assert resolved["apache-airflow"] == version
    assert int(resolved["sagemaker"].split(".")[0]) >= 3
