"""Environments and Airflow homes of other people, made from nothing, for the tests of how this project is installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contracts.airflow_process import environment

UV = Path(sysconfig.get_path("scripts")) / "uv"
AIRFLOW = "apache-airflow>=3.3,<3.4"


@dataclass(frozen=True)
class Deployment:
    """A virtual environment and an AIRFLOW_HOME; nothing of this project is on its search path."""

    venv: Path
    home: Path

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    def run(self, *command: str | Path, **settings: str) -> str:
        """Run a program of the environment and return its standard output."""
        argv = [str(self.venv / "bin" / command[0]), *map(str, command[1:])]
        variables = environment(self.home, **settings)
        answer = subprocess.run(argv, env=variables, cwd=self.home, capture_output=True, text=True)
        assert answer.returncode == 0, f"{argv}\n{answer.stdout}\n{answer.stderr}"
        return answer.stdout

    def airflow(self, *command: str) -> list[dict[str, Any]]:
        """Run an ``airflow`` command that lists things and return its rows; none where it says that there are none."""
        printed = self.run("airflow", *command, "--output", "json")
        found = re.search(r"^\[.*", printed, re.DOTALL | re.MULTILINE)
        rows: list[dict[str, Any]] = json.loads(found.group()) if found else []
        return rows

    def frozen(self) -> dict[str, str]:
        """Return the installed version (or the location) of each distribution."""
        listed = json.loads(uv("pip", "list", "--python", self.python, "--format", "json"))
        return {package["name"]: package["version"] for package in listed}


def uv(*arguments: str | Path) -> str:
    """Run uv and return its standard output."""
    argv = [str(UV), "--quiet", *map(str, arguments)]
    answer = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"})
    assert answer.returncode == 0, f"{argv}\n{answer.stderr}"
    return answer.stdout


def deployment(folder: Path, *requirements: str) -> Deployment:
    """Make an environment of this Python with Airflow and the requirements, and an empty home."""
    made = Deployment(folder / "venv", folder / "home")
    made.home.mkdir(parents=True)
    uv("venv", "--seed", "--python", sys.executable, made.venv)
    uv("pip", "install", "--python", made.python, AIRFLOW, *requirements)
    return made
