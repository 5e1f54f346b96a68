"""The oldest moto that the extra allows serves as well as the one beside us; only its WSGI application is used."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.packaging.deployments import uv

PROJECT = Path(__file__).parents[2]
FACTS = ["edge", "state", "services/test_quotas.py", "services/test_pricing.py"]


def oldest() -> str:
    """The lower bound in the project's extra, as an exact version."""
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [bound] = [requirement for requirement in extras["sandbox"] if requirement.startswith("moto")]
    assert ">=" in bound
    return str(bound).replace(">=", "==")


@pytest.mark.long
def test_the_oldest_moto_passes_the_same_tests(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    uv("venv", "--python", sys.executable, tmp_path / "venv")
    uv("pip", "install", "--python", python, oldest(), "boto3", "pytest", "psutil")
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *(f"tests/sandbox/{fact}" for fact in FACTS)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""})
    assert done.returncode == 0, done.stdout
