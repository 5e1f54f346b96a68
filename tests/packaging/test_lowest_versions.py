"""The lower bounds of pyproject.toml are real: with exactly those versions jobs run, in both wait modes."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from typing import Any

import pytest

from airflow_finetune.backends import BACKENDS
from tests.clients.embedded import REGION, serving
from tests.contracts.source_tree import PLUGINS, PROJECT
from tests.packaging.deployments import Deployment, uv

pytestmark = pytest.mark.long

DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
LOWEST = {name: low for name, low in (re.fullmatch(r"([\w-]+)>=([\d.]+)", each).groups() for each in DECLARED)}  # type: ignore[union-attr]  # every bound of ours has this form


@pytest.fixture(scope="module")
def lowest(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """An environment with the lowest versions that pyproject.toml allows; Airflow brings what it wants beside them."""
    folder = tmp_path_factory.mktemp("lowest")
    made = Deployment(folder / "venv", folder / "home")
    made.home.mkdir()
    uv("venv", "--python", sys.executable, made.venv)
    uv("pip", "install", "--python", made.python, "--resolution", "lowest-direct", *DECLARED)
    return made


@pytest.fixture(scope="module")
def said(lowest: Deployment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with serving(tmp_path_factory.mktemp("embedded-aws") / "log") as endpoint:
        settings = {**endpoint.environment, **endpoint.airflow_environment, "AWS_DEFAULT_REGION": REGION}
        program = PROJECT / "tests/packaging/lowest_jobs.py"
        printed = lowest.run("python", program, **settings, PYTHONPATH=f"{PLUGINS}:{PROJECT}")
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def test_the_environment_has_the_lowest_versions(said: dict[str, Any]) -> None:
    for name, low in LOWEST.items():
        installed = said["versions"][name]
        assert installed == low or installed.startswith(f"{low}."), f"{name} {installed}, declared {low}"


@pytest.mark.parametrize("backend", [each.name for each in BACKENDS])
def test_a_job_of_every_backend_runs_with_the_lowest_versions_in_both_wait_modes(
    said: dict[str, Any], backend: str
) -> None:
    runs = said["runs"][backend]
    assert {way: run["state"] for way, run in runs.items()} == {"worker": "success", "triggerer": "success"}, runs
    assert (runs["worker"]["deferrals"], runs["triggerer"]["deferrals"] > 0) == (0, True)
    assert all(run["model"]["model_uri"] for run in runs.values())


def test_a_member_that_the_lowest_botocore_lacks_is_named_with_the_way_to_a_newer_one(said: dict[str, Any]) -> None:
    text = " ".join(said["newer"])
    assert 'Unknown parameter in ServerlessJobConfig: "SequenceLength"' in text
    assert f"This is botocore {said['versions']['botocore']}" in text
    assert "pip install --upgrade boto3" in text
