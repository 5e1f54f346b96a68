"""Every Python block of the README and of the docs runs as a reader would type it; links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.document_blocks import parsed
from tests.contracts.source_tree import PLUGINS, PROJECT

DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
NAMES = [path.relative_to(PROJECT).as_posix() for path in DOCUMENTS]


def blocks(page: Path) -> int:
    return len(list(parsed(page).examples()))


def run_blocks(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the page's Python blocks in a process and a folder of their own, with the package on the path."""
    environment = {**os.environ, "PYTHONPATH": f"{PLUGINS}:{PROJECT}", "AIRFLOW_HOME": str(folder)}
    command = [sys.executable, "-m", "tests.contracts.document_blocks", str(page)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def broken_links(path: Path) -> list[str]:
    """Return the relative links of a document that lead to no file."""
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    return [link for link in local if not (path.parent / link).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_the_blocks_of_the_document_run(path: Path, tmp_path: Path) -> None:
    if blocks(path):
        answer = run_blocks(path, tmp_path)
        assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_the_links_of_the_document_lead_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_the_readme_has_blocks() -> None:
    assert blocks(PROJECT / "README.md") >= 3


def test_a_block_that_does_not_run_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nfrom airflow_finetune import NoSuchName\n```\n")
    assert "cannot import name 'NoSuchName'" in run_blocks(page, tmp_path).stderr


def test_a_link_that_leads_nowhere_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[here](page.md#top) [there](gone.md) [web](https://example.com/)\n")
    assert broken_links(page) == ["gone.md"]
