"""`make setup` on machines that cannot do it, and on one where it is done already."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contracts.source_tree import PROJECT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the set-up script reads, without an environment."""
    for name in ("scripts", "locks"):
        shutil.copytree(PROJECT / name, tmp_path / "clone" / name)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path / "clone")
    return tmp_path / "clone"


def setup(clone: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON"} | variables
    return subprocess.run([clone / "scripts" / "setup"], env=environment, capture_output=True, text=True)


def pretend(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_machine_without_a_usable_python_is_told_what_to_install(clone: Path, tmp_path: Path) -> None:
    too_old = pretend(tmp_path / "bin" / "python3.10", "exit 1")
    answer = setup(clone, PYTHON=str(too_old))
    assert answer.returncode == 1
    assert "no Python 3.11, 3.12 or 3.13 with the modules venv and ensurepip" in answer.stderr
    assert f"among: {too_old}" in answer.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_does_not_start_is_passed_over(clone: Path, tmp_path: Path) -> None:
    broken = pretend(tmp_path / "shims" / "python3.11", "echo 'python3.11: command not found' >&2; exit 127")
    chosen = pretend(tmp_path / "bin" / "python3.11", "echo 311; exit 0")
    answer = setup(clone, PATH=f"{broken.parent}:{chosen.parent}:{os.environ['PATH']}")
    assert f"at {chosen}" in answer.stdout


def test_an_environment_that_is_up_to_date_is_left_alone(clone: Path) -> None:
    made = pretend(clone / ".venv" / "bin" / "python", "echo 311")
    first = setup(clone)
    assert first.returncode != 0, "the pretended environment cannot be filled"
    stamp = subprocess.run(
        ["bash", "-c", 'cat locks/py311.txt scripts/setup <(echo "torch==2.13.0 $PWD") | sha256sum | cut -d" " -f1'],
        cwd=clone,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (clone / ".venv" / "setup-stamp").parent.mkdir(exist_ok=True)
    pretend(made, "echo 311")
    (clone / ".venv" / "setup-stamp").write_text(stamp)
    second = setup(clone)
    assert (second.returncode, second.stdout) == (0, "")
