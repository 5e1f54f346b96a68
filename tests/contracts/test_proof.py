"""The page about proofs names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs/proof.md"
CASES = "tests/dags/test_bad_input_of_a_run.py"


def missing(page: str) -> list[str]:
    """Return what a page names in code marks and the tests do not have: files, functions, cases of whole runs."""
    found = []
    for path, name in re.findall(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`", page):
        place = PROJECT / path
        if not place.exists() or (name and f"def {name}(" not in place.read_text()):
            found.append(f"{path}::{name}")
    cases = (PROJECT / CASES).read_text()
    for row in re.findall(r"^\| .* \|$", page, re.MULTILINE):
        last = row.split("|")[3:4]
        names = re.findall(r"`(\w+)`", last[0]) if last else []
        found += [name for name in names if f'"{name}"' not in cases]
    return found


def test_every_test_that_the_page_names_exists() -> None:
    assert missing(PAGE.read_text()) == []


def test_a_name_that_does_not_exist_is_found() -> None:
    page = "| a | `tests/contracts/test_proof.py::test_nothing` | `no_such_case` |\n`tests/nowhere`"
    assert missing(page) == ["tests/contracts/test_proof.py::test_nothing", "tests/nowhere::", "no_such_case"]
