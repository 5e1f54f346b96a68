"""How much one module, function or folder may hold, so that none becomes a place where everything lands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.contracts.source_tree import Module

MODULE_LINES = 250
FUNCTION_LINES = 45
FOLDER_FILES = 12
# Flat lists of one kind: one resource, one operation family, one DAG a file. More of them is not more to understand.
FLAT_FOLDERS = frozenset(["resources", "sandbox/services/sagemaker"])

_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def code_lines(source: str, node: ast.AST, first: int, last: int) -> int:
    """Count the lines from ``first`` to ``last`` that are neither blank nor part of a docstring below ``node``."""
    documented = {line for child in ast.walk(node) for line in _docstring_lines(child)}
    lines = source.splitlines()
    return sum(1 for number in range(first, last + 1) if lines[number - 1].strip() and number not in documented)


def _docstring_lines(node: ast.AST) -> range:
    if not isinstance(node, _Documented) or not node.body or ast.get_docstring(node, clean=False) is None:
        return range(0)
    text = node.body[0]
    return range(text.lineno, (text.end_lineno or text.lineno) + 1)


def modules_are_short(tree: list[Module]) -> list[str]:
    counted = [(m, code_lines(m.source, m.tree, 1, len(m.source.splitlines()))) for m in tree]
    return [f"{m.path}: {lines} lines of code, at most {MODULE_LINES}" for m, lines in counted if lines > MODULE_LINES]


def functions_are_short(tree: list[Module]) -> list[str]:
    return [
        f"{module.path}:{node.lineno} {node.name}: {lines} lines of code, at most {FUNCTION_LINES}"
        for module in tree
        for node, lines in _functions(module)
        if lines > FUNCTION_LINES
    ]


def _functions(module: Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in ast.walk(module.tree):
        if isinstance(node, _FUNCTIONS):
            yield node, code_lines(module.source, node, node.lineno, node.end_lineno or node.lineno)


def folders_are_small(root: Path) -> list[str]:
    """Count the files of each folder below ``root``; what Python wrote does not count."""
    violations = []
    for folder in sorted(path for path in root.rglob("*") if path.is_dir() and path.name != "__pycache__"):
        files = [path for path in folder.iterdir() if path.is_file() and path.name != "__init__.py"]
        relative = folder.relative_to(root).as_posix()
        if len(files) > FOLDER_FILES and relative not in FLAT_FOLDERS:
            violations.append(f"{relative}/: {len(files)} files, at most {FOLDER_FILES}")
    return violations
