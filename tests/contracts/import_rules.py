"""Which module may import what: each rule takes the modules of a tree and returns its violations as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from tests.contracts.source_tree import PACKAGE, Import, Module

Rule = Callable[[list[Module]], list[str]]

AIRFLOW_STEMS = frozenset(
    ["operator", "operators", "trigger", "triggers", "sensor", "sensors", "links", "groups", "plugin", "provider"]
)
OWN_IMPORTS_LIMIT = 8
# The explicit tuples and the public operators: one line for each is what they are for.
TUPLES = frozenset(["backends/__init__", "operators", "resources/__init__", "sandbox/services/__init__"])


def _say(module: Module, found: Import, why: str) -> str:
    return f"{'/'.join(module.parts)}.py:{found.line} imports {found.target}: {why}"


def _own(*folders: str) -> tuple[str, ...]:
    return tuple(f"{PACKAGE}.{folder}" for folder in folders)


def airflow_follows_file_names(tree: list[Module]) -> list[str]:
    """Airflow is imported only where the file's name says so, and in dag_templates/."""
    return [
        _say(module, found, f"Airflow only in {', '.join(sorted(AIRFLOW_STEMS))} and dag_templates/")
        for module in tree
        if module.stem not in AIRFLOW_STEMS and not module.within("dag_templates")
        for found in module.imports
        if found.within("airflow")
    ]


def boto3_stays_at_the_edge(tree: list[Module]) -> list[str]:
    """boto3 is imported only in lifecycle/client.py, in aws/, and in the sandbox, which stands alone."""
    return [
        _say(module, found, "boto3 only in lifecycle/client.py and aws/")
        for module in tree
        if module.parts != ("lifecycle", "client") and not module.within("aws", "sandbox")
        for found in module.imports
        if found.within("boto3", "aiobotocore", "s3transfer")
    ]


def the_sandbox_stands_alone(tree: list[Module]) -> list[str]:
    """sandbox/ imports nothing of ours outside sandbox/, and that with relative imports only, and no Airflow."""
    return list(_sandbox_violations(tree))


def _sandbox_violations(tree: list[Module]) -> Iterator[str]:
    for module in tree:
        if not module.within("sandbox"):
            continue
        for found in module.imports:
            if found.within("airflow"):
                yield _say(module, found, "the sandbox starts without Airflow")
            elif found.within(PACKAGE) and not found.within(*_own("sandbox")):
                yield _say(module, found, "the sandbox imports nothing of ours")
            elif found.within(PACKAGE) and not found.relative:
                yield _say(module, found, "imports inside the sandbox are relative, or a copy of it would not start")


def nobody_imports_the_sandbox(tree: list[Module]) -> list[str]:
    """What runs in production never depends on the embedded AWS."""
    return [
        _say(module, found, "nothing of ours imports the sandbox")
        for module in tree
        if not module.within("sandbox")
        for found in module.imports
        if found.within(*_own("sandbox"))
    ]


def containers_import_nothing_of_ours(tree: list[Module]) -> list[str]:
    """Code that runs inside a job is copied there alone: one container's folder, and what its requirements bring."""
    return [
        _say(module, found, "a container's code imports nothing of ours but its own folder")
        for module in tree
        if module.within("containers")
        for found in module.imports
        if found.within(PACKAGE) and not found.within(".".join((PACKAGE, *module.parts[:2])))
    ]


def nobody_imports_containers(tree: list[Module]) -> list[str]:
    """The code of a job is shipped as files; importing it would bring its requirements along."""
    return [
        _say(module, found, "containers/ is shipped, not imported")
        for module in tree
        if not module.within("containers")
        for found in module.imports
        if found.within(*_own("containers"))
    ]


def backends_do_not_know_each_other(tree: list[Module]) -> list[str]:
    """A backend is one folder that can be removed without a trace; what all share lies beside the folders."""
    folders = {module.parts[1] for module in tree if module.within("backends") and len(module.parts) > 2}
    return [
        _say(module, found, "backends do not import each other")
        for module in tree
        if module.within("backends") and len(module.parts) > 2
        for found in module.imports
        if found.within(*(f"{PACKAGE}.backends.{folder}" for folder in folders - {module.parts[1]}))
    ]


def the_spine_knows_no_backend(tree: list[Module]) -> list[str]:
    """lifecycle/ and resources/ are not edited for a new backend, so they import none."""
    return [
        _say(module, found, "a new backend must not need a change here")
        for module in tree
        if module.within("lifecycle", "resources", "aws")
        for found in module.imports
        if found.within(*_own("backends", "dag_templates"))
    ]


def modules_import_few_of_ours(tree: list[Module]) -> list[str]:
    """A module with many imports of ours knows too much. Imports for type checkers do not count."""
    counted = [
        (module, {found.target for found in module.imports if found.within(PACKAGE) and not found.typing_only})
        for module in tree
        if "/".join(module.parts) not in TUPLES
    ]
    return [
        f"{'/'.join(module.parts)}.py imports {len(own)} modules of ours, at most {OWN_IMPORTS_LIMIT}"
        for module, own in counted
        if len(own) > OWN_IMPORTS_LIMIT
    ]


def no_imports_run_in_a_circle(tree: list[Module]) -> list[str]:
    """Two modules that import each other are one module in two files. Imports for type checkers do not count."""
    known = {module.name for module in tree}
    graph = {
        module.name: {found.target for found in module.imports if found.target in known and not found.typing_only}
        - {module.name}
        for module in tree
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["in a circle: " + " -> ".join(reversed(error.args[1]))]
    return []


RULES: tuple[Rule, ...] = (
    airflow_follows_file_names,
    boto3_stays_at_the_edge,
    the_sandbox_stands_alone,
    nobody_imports_the_sandbox,
    containers_import_nothing_of_ours,
    nobody_imports_containers,
    backends_do_not_know_each_other,
    the_spine_knows_no_backend,
    modules_import_few_of_ours,
    no_imports_run_in_a_circle,
)


def names(rules: Iterable[Rule]) -> list[str]:
    """Return what a test is called after."""
    return [rule.__name__.replace("_", " ") for rule in rules]
