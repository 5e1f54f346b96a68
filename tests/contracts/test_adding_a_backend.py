"""docs/adding-a-backend.md, followed to the letter in a copy of the project: its files, then its commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.source_tree import PROJECT

pytestmark = pytest.mark.long

PAGE = (PROJECT / "docs/adding-a-backend.md").read_text()
COPIED = ("plugins", "tests", "include", "dags", "demo", "pyproject.toml", "requirements.txt")
FENCED = re.compile(r"```(py|yaml|sh)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, so that nothing here is changed."""
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def shell(folder: Path, commands: str) -> subprocess.CompletedProcess[str]:
    """Run the commands of a block as a reader would type them, with this project's Python."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": f"{folder}/plugins:{folder}",
        "AIRFLOW_HOME": f"{folder}/.home",
    }
    return subprocess.run(["bash", "-e"], input=commands, cwd=folder, env=environment, capture_output=True, text=True)


def follow(folder: Path, page: str) -> list[str]:
    """Write each file and run each command of a page; return what the commands have printed."""
    printed = []
    for language, block in FENCED.findall(page):
        if language == "sh":
            answer = shell(folder, block)
            assert answer.returncode == 0, f"{block}\n{answer.stdout[-6000:]}{answer.stderr[-3000:]}"
            printed.append(answer.stdout)
        else:
            first, _, rest = block.partition("\n")
            path = folder / first.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(rest if language == "py" else block)
    return printed


def test_the_page_adds_a_backend_that_every_judge_accepts(copy: Path) -> None:
    without = shell(copy, "python -m airflow_finetune schema")
    assert "hyperpod" not in without.stdout, "the control: it is not there before"
    printed = follow(copy, PAGE)
    assert '"hyperpod"' in printed[-1]
    ruff = shell(copy, "ruff check plugins tests/backends/test_hyperpod.py; ruff format --check plugins tests/backends")
    assert ruff.returncode == 0, ruff.stdout + ruff.stderr


def test_a_page_that_leaves_something_out_is_found(copy: Path) -> None:
    wrong = re.sub(r'        "InService": "done",\n', "", PAGE)
    with pytest.raises(AssertionError, match="status: \\['InService'\\]"):
        follow(copy, wrong.replace("sed -i", "true"))
