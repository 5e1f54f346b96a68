"""Python modules as data: every rule about the structure is a function over a folder, and can be shown to fail."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PLUGINS = PROJECT / "plugins"
PACKAGE = "airflow_finetune"


@dataclass(frozen=True)
class Import:
    """One imported module.

    Attributes:
        target: dotted and absolute; ``from a import b`` names ``a.b`` where that is a module of the tree, else ``a``.
        line: where the statement stands.
        typing_only: below ``if TYPE_CHECKING``; never executed.
        relative: written with leading dots.
    """

    target: str
    line: int
    typing_only: bool
    relative: bool = False

    def within(self, *packages: str) -> bool:
        return any(self.target == p or self.target.startswith(p + ".") for p in packages)


@dataclass(frozen=True)
class Module:
    """One file of a package; ``parts`` are the folders and the stem below the package, as ``("aws", "s3")``."""

    path: Path
    name: str
    parts: tuple[str, ...]
    source: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def stem(self) -> str:
        return self.path.stem

    def within(self, *folders: str) -> bool:
        return "/".join(self.parts).startswith(tuple(f"{folder}/" for folder in folders))


def modules(root: Path = PLUGINS, package: str = PACKAGE) -> list[Module]:
    """Read every module of ``root/package``."""
    paths = sorted((root / package).rglob("*.py"))
    names = {path: _dotted(path.relative_to(root)) for path in paths}
    known = frozenset(names.values())
    return [_read(path, name, known) for path, name in names.items()]


def _dotted(relative: Path) -> str:
    parts = relative.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _read(path: Path, name: str, known: frozenset[str]) -> Module:
    source = path.read_text()
    tree = ast.parse(source, str(path))
    folder = name if path.stem == "__init__" else name.rpartition(".")[0]
    parts = (*folder.split(".")[1:], path.stem)
    imports = tuple(_imports(tree, folder, known, False))
    return Module(path, name, parts, source, tree, imports)


def _imports(node: ast.AST, folder: str, known: frozenset[str], typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, typing_only) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from _from(child, folder, known, typing_only)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), folder, known, True)
        else:
            yield from _imports(child, folder, known, typing_only)


def _from(node: ast.ImportFrom, folder: str, known: frozenset[str], typing_only: bool) -> Iterator[Import]:
    base = node.module or ""
    if node.level:
        ancestors = folder.split(".")
        kept = ancestors[: len(ancestors) - node.level + 1]
        base = ".".join([*kept, base] if base else kept)
    for alias in node.names:
        full = f"{base}.{alias.name}"
        yield Import(full if full in known else base, node.lineno, typing_only, node.level > 0)


def write_tree(root: Path, files: dict[str, str]) -> Path:
    """Write a small package for a negative control; every folder on the way gets an ``__init__.py``."""
    for name, source in files.items():
        path = root / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path.parent
        while folder != root:
            if not (folder / "__init__.py").exists():
                (folder / "__init__.py").write_text("")
            folder = folder.parent
        path.write_text(source)
    return root
