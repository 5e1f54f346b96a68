"""How a program gets its own /opt/ml on this machine, found out by doing it and reading a file through it."""

from __future__ import annotations

import re
import shutil
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTAINER_ROOT = "/opt/ml"
MODES = ("mount", "userns", "rewrite")
SECRETS = (".aws", ".ssh", ".netrc", ".docker", ".config", ".kube", ".gnupg", ".git-credentials", ".pgpass")
REWRITTEN = frozenset({".py", ".sh", ".json", ".yaml", ".yml"})
LARGEST_TEXT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Probe:
    """What trying one mode showed.

    Attributes:
        mode: ``mount`` (root: a mount namespace), ``userns`` (a user namespace), or ``rewrite`` (no namespace: the
            text ``/opt/ml`` in the job's code, arguments and environment is replaced by its folder).
        works: whether a program really read its file at /opt/ml.
        reason: why it does not work, in the kernel's words, or what is lost.
        pid_namespace: whether the program gets process numbers of its own too.
    """

    mode: str
    works: bool
    reason: str
    pid_namespace: bool = False


def probe(mode: str, folder: Path, run: Callable[[dict[str, Any]], str]) -> Probe:
    """Try a mode by running a program that reads a file through /opt/ml.

    Args:
        mode: one of ``MODES``.
        folder: where the file for the attempt is written.
        run: runs an order to its end and gives the reason of a failure to start; the output goes to ``order["log"]``.
    """
    if mode == "rewrite":
        return Probe(mode, True, "no namespace: paths put together at run time and files of the host are not covered")
    if sys.platform != "linux":
        return Probe(mode, False, f"{sys.platform} has no mount namespaces")
    without = _attempt(mode, folder, run, pid_namespace=True)
    if not without:
        return Probe(mode, True, "", pid_namespace=True)
    reason = _attempt(mode, folder, run, pid_namespace=False)
    if not reason:
        return Probe(mode, True, f"without process numbers of its own: {without}")
    return Probe(mode, False, reason)


def _attempt(mode: str, folder: Path, run: Callable[[dict[str, Any]], str], *, pid_namespace: bool) -> str:
    """Run the probe's program once; give why it could not read its file, or an empty text."""
    word = uuid.uuid4().hex
    place = folder / f"probe-{mode}-{word}"
    (place / "ml").mkdir(parents=True)
    (place / "ml" / "word").write_text(f"{word}\n")
    log = place / "log"
    script = f"read word < {CONTAINER_ROOT}/word && test -r /proc/self/stat && echo $word"
    reason = run(
        {
            "argv": ["/bin/sh", "-c", script],
            "env": {"PATH": "/usr/bin:/bin"},
            "cwd": "/",
            "ml": str(place / "ml"),
            "log": str(log),
            "state": str(place / "state.json"),
            "mode": mode,
            "pid_namespace": pid_namespace,
            "hide": [str(folder)],
            "keep": [str(place)],
            "memory_limit_bytes": None,
        }
    )
    said = log.read_text() if log.exists() else ""
    shutil.rmtree(place, ignore_errors=True)
    if said.strip() == word:
        return ""
    return reason or said.strip()[-300:] or "the file at /opt/ml could not be read"


def hidden(state_dir: Path) -> Iterator[Path]:
    """Give what no program shall see: credentials of the person who runs this, and the server's own state."""
    for name in SECRETS:
        path = Path.home() / name
        if path.exists():
            yield path.resolve()
    if state_dir.exists():
        yield state_dir.resolve()


def kept(paths: Iterable[Path], hide: Iterable[Path]) -> list[Path]:
    """Give those of ``paths`` that lie in something hidden, so that they have to be shown again."""
    covers = list(hide)
    return [path for path in dict.fromkeys(each.resolve() for each in paths) if any(map(path.is_relative_to, covers))]


def there(text: bytes, ml: Path) -> bytes:
    """Put the job's folder in the place of ``/opt/ml``, but leave ``/opt/mlflow`` and the like."""
    return re.sub(rb"/opt/ml(?![A-Za-z0-9_-])", lambda _: str(ml).encode(), text)


def rewrite(folders: Iterable[Path], ml: Path) -> int:
    """Replace the text ``/opt/ml`` by the job's folder in code and configuration; give the number of files changed."""
    changed = 0
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.suffix not in REWRITTEN and not _is_script(path):
                continue
            if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_TEXT_BYTES:
                continue
            old = path.read_bytes()
            new = there(old, ml)
            if new != old:
                path.write_bytes(new)
                changed += 1
    return changed


def _is_script(path: Path) -> bool:
    """Say whether a file without a suffix starts with ``#!``, as the programs ``train`` and ``serve`` do."""
    if path.suffix or path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(2) == b"#!"
