"""The budgets of modules, functions and folders; ruff counts complexity and statements."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.contracts import budget_rules as budgets
from tests.contracts.source_tree import PACKAGE, PLUGINS, PROJECT, modules, write_tree

LONG_FUNCTION = "def long():\n" + "    x = 1\n" * 45
LONG_MODULE = "x = 1\n" * 251
TANGLED = "def tangled(a):\n" + "".join(f"    if a == {i}:\n        return {i}\n" for i in range(8)) + "    return a\n"
MANY_STATEMENTS = "def many():\n" + "    x = 1\n" * 31


def project_trees() -> list[budgets.Module]:
    return modules() + modules(PROJECT, "demo") + modules(PROJECT, "benchmarks")


def test_modules_are_short() -> None:
    assert budgets.modules_are_short(project_trees()) == []


def test_functions_are_short() -> None:
    assert budgets.functions_are_short(project_trees()) == []


def test_folders_are_small() -> None:
    assert budgets.folders_are_small(PLUGINS / PACKAGE) == []


def test_a_long_module_is_found_out(tmp_path: Path) -> None:
    tree = modules(write_tree(tmp_path, {"big.py": LONG_MODULE, "small.py": "x = 1\n" * 250}))
    assert [violation.split(":")[0] for violation in budgets.modules_are_short(tree)] == [str(tree[1].path)]


def test_a_long_function_is_found_out(tmp_path: Path) -> None:
    tree = modules(
        write_tree(tmp_path, {"one.py": LONG_FUNCTION, "two.py": LONG_FUNCTION.replace("    x = 1\n", "", 1)})
    )
    assert len(budgets.functions_are_short(tree)) == 1


def test_docstrings_and_blank_lines_are_free(tmp_path: Path) -> None:
    text = '    """' + "words\n\n" * 60 + '    """\n'
    tree = modules(write_tree(tmp_path, {"one.py": "def f():\n" + text + "\n" * 60 + "    return 1\n"}))
    assert budgets.functions_are_short(tree) == []


def test_a_full_folder_is_found_out_unless_it_is_a_flat_list(tmp_path: Path) -> None:
    for folder in ("serving", "resources"):
        (tmp_path / folder).mkdir()
        for number in range(13):
            (tmp_path / folder / f"m{number}.py").write_text("")
    assert budgets.folders_are_small(tmp_path) == ["serving/: 13 files, at most 12"]


@pytest.mark.parametrize(("source", "code"), [(TANGLED, "C901"), (MANY_STATEMENTS, "PLR0915")])
def test_ruff_holds_complexity_and_statements(source: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('"""Why."""\n' + source)
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(PROJECT / "pyproject.toml"), "."]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert code in answer.stdout, answer


def test_no_folder_of_the_package_is_excused_from_complexity() -> None:
    ruff = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["ruff"]
    excused = {code for codes in ruff["lint"]["per-file-ignores"].values() for code in codes}
    assert not {"C90", "C901"} & excused
    assert "exclude" not in ruff
    assert ruff["lint"]["mccabe"]["max-complexity"] == 8
    assert ruff["lint"]["pylint"]["max-statements"] == 30
