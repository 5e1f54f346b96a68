"""What is wrong with a pipeline file: every fault at once, each with its place and its line."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from airflow_finetune.errors import SpecError
from airflow_finetune.strict_yaml import Place


class Fault(NamedTuple):
    """One fault.

    Attributes:
        place: the keys on the way to it.
        said: what is wrong, as a sentence.
        line: of the file, from 1; None where the file has no such place.
    """

    place: Place
    said: str
    line: int | None = None

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line else []
        return ": ".join([", ".join([*where, *([".".join(self.place)] if self.place else [])]), self.said]).lstrip(": ")


class PipelineError(SpecError):
    """A pipeline file that cannot work.

    Args:
        path: of the file.
        faults: at least one.
    """

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        ordered = sorted(faults, key=lambda fault: fault.line or 0)
        numbered = (f"[{number}] {fault}" for number, fault in enumerate(ordered, 1))
        said = str(ordered[0]) if len(ordered) == 1 else " ".join(numbered)
        super().__init__(f"pipeline {path}", said, "Correct the file; nothing was created.")
        self.path, self.faults = path, tuple(ordered)


def unknown(key: Any, known: Collection[str], what: str = "key") -> str:
    """Return the sentence about something that is not known, with what was probably meant."""
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.6)
    meant = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}."
    return f"{key!r} is no {what}: {meant}"


def sentence(error: Any) -> str:
    """Return what pydantic says about one value, as a sentence."""
    said = str(error["msg"])
    if error["type"] == "missing":
        return "must be given."
    if error["type"] == "string_type":
        said += "; put it into quotes if it begins with { or is a number"
    return said if said.endswith("?") else f"{said.rstrip('.')}."
