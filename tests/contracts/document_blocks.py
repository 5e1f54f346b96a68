"""Runs the Python blocks of one Markdown page in one namespace: ``python -m tests.contracts.document_blocks PAGE``."""

from __future__ import annotations

import sys
from pathlib import Path

from sybil import Document, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser


def parsed(page: Path) -> Document:
    """Find the page's blocks; nothing runs."""
    return Sybil(parsers=[PythonCodeBlockParser()], path=str(page.parent), pattern="*.md").parse(page)


if __name__ == "__main__":
    for example in parsed(Path(sys.argv[1])).examples():
        example.evaluate()
