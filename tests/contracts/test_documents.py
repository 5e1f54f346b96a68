"""Every Python block of the README and of the docs runs, in order, as a reader would type it; links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from tests.contracts.source_tree import PROJECT

DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
NAMES = [path.relative_to(PROJECT).as_posix() for path in DOCUMENTS]


def run_blocks(path: Path) -> int:
    """Run the document's Python blocks in one namespace and return how many there were."""
    document = Sybil(parsers=[PythonCodeBlockParser()], path=str(path.parent), pattern="*.md").parse(path)
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    return len(examples)


def broken_links(path: Path) -> list[str]:
    """Return the relative links of a document that lead to no file."""
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    return [link for link in local if not (path.parent / link).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_the_blocks_of_the_document_run(path: Path) -> None:
    run_blocks(path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_the_links_of_the_document_lead_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_the_readme_has_blocks() -> None:
    assert run_blocks(PROJECT / "README.md") >= 2


def test_a_block_that_does_not_run_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nfrom airflow_finetune import NoSuchName\n```\n")
    with pytest.raises(ImportError, match="NoSuchName"):
        run_blocks(page)


def test_a_link_that_leads_nowhere_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[here](page.md#top) [there](gone.md) [web](https://example.com/)\n")
    assert broken_links(page) == ["gone.md"]
