"""What a module or folder of the package must not be called."""

from __future__ import annotations

import sys
from collections.abc import Collection
from importlib.metadata import packages_distributions

from tests.contracts.source_tree import Module

DRAWERS = frozenset(["utils", "util", "helpers", "helper", "common", "misc", "manager", "handler", "data"])
# Names that something installed has too. All lie behind plugins/.airflowignore and are imported absolutely or
# relatively, never by their stem; a name is listed here only if the word is the one that a reader looks for.
KNOWN = {
    "operator": "what Airflow calls it; the standard library's is loaded before any of ours",
    "resource": "what a resource declaration is; the standard library's is for process limits",
}


def taken_names() -> set[str]:
    """Return every top-level name that an import in this environment may mean."""
    return {*packages_distributions(), *sys.stdlib_module_names} - {"airflow_finetune"}


def misleading_names(tree: list[Module], taken: Collection[str], known: Collection[str] = KNOWN.keys()) -> list[str]:
    """A drawer collects everything; a stem that something installed has can shadow it in a plugins folder."""
    violations = set()
    for module in tree:
        for part in module.parts:
            if part in DRAWERS:
                violations.add(f"{'/'.join(module.parts)}: {part} says nothing about what is inside")
            elif part in taken and part not in known and not part.startswith("__"):
                violations.add(f"{'/'.join(module.parts)}: {part} is the name of an installed package")
    return sorted(violations)
