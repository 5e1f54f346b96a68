"""What no text may say: wrong words, one machine's paths, an index's address, an ignore without its reason."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDERS = ("plugins", "tests", "dags", "demo", "benchmarks", "docs", "include", "scripts", ".ci")
FILES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "Dockerfile", ".dockerignore", ".gitignore"),
    *("pyproject.toml", "requirements.txt", "packages.txt"),
)
TEXTS = frozenset([".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".cfg", ".sh", ".html", ""])
# The files that must spell out what they forbid.
EXCUSED = frozenset(["tests/contracts/text_rules.py", "tests/contracts/test_texts.py"])


class Forbidden(NamedTuple):
    """One pattern with the reason that a person reads who used it."""

    pattern: re.Pattern[str]
    reason: str


def _forbid(pattern: str, reason: str, flags: re.RegexFlag = re.IGNORECASE) -> Forbidden:
    return Forbidden(re.compile(pattern, flags), reason)


FORBIDDEN = (
    _forbid(r"\bsweep(s|er|ing)?\b|(endpoint|resource|lease)[ _-]?reaper", "say cleanup"),
    _forbid(r"\bfinetuner\b|\bfine-?tuner\b", "say fine_tune, or the operator's name"),
    _forbid(r"(?<![\w.])/(work|root|opt/wheels)/|/home/(?!airflow)\w+/", "a path of one machine"),
    _forbid(r"files\.pythonhosted|pypi\.org/simple|download\.pytorch|registry\.npmjs", "an address of a package index"),
    _forbid(r"\b(TODO|FIXME|XXX)\b", "unfinished: do it, or write it down as a limit", re.NOFLAG),
    _forbid(
        r"unittest[.]mock|\bMagic[M]ock\b|\bmocker[.]|monkeypatch\.set(attr|item)",
        "no mocks: use a seam",
    ),
    _forbid("[\U0001f300-\U0001faff\u2705\u274c\u26a0]", "no emojis"),
)

_IGNORE = re.compile(r"#\s*(noqa|type:\s*ignore|nosec|pragma:|mypy:|ruff:)", re.IGNORECASE)
_IGNORE_WITH_REASON = re.compile(
    r"#\s*(noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w,\- ]+\]|nosec \w+)\W.*[a-z]{4,}", re.IGNORECASE
)


def texts(root: Path) -> Iterator[Path]:
    """Find every text that people or tools read; sorted."""
    for name in FILES:
        if (root / name).is_file():
            yield root / name
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix in TEXTS and "__pycache__" not in path.parts:
                yield path


def forbidden_words(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number}: {found.group()!r}: {forbidden.reason}"
        for path in texts(root)
        if path.relative_to(root).as_posix() not in EXCUSED and path.stat().st_size < 1_000_000
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        for forbidden in FORBIDDEN
        if (found := forbidden.pattern.search(line))
    ]


def ignores_without_reason(root: Path) -> list[str]:
    """An ignore names its rule, and its reason stands behind it or in a comment on the line above."""
    return [
        f"{path.relative_to(root)}:{line}: {comment}"
        for path in texts(root)
        if path.suffix == ".py"
        for line, comment, above in _comments(path)
        if _IGNORE.search(comment) and not _excused(comment, above)
    ]


def _excused(comment: str, above: str) -> bool:
    if _IGNORE_WITH_REASON.search(comment):
        return True
    coded = re.search(r"noqa:\s*[A-Z]+\d+|ignore\[[\w\-, ]+\]", comment)
    return bool(coded) and above.startswith("#") and len(above.split()) > 3


def _comments(path: Path) -> Iterator[tuple[int, str, str]]:
    lines = path.read_text().splitlines()
    with path.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            if token.type == tokenize.COMMENT:
                row = token.start[0]
                yield row, token.string, lines[row - 2].strip() if row > 1 else ""
