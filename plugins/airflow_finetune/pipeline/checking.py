"""Collects every fault of a pipeline file while its sections are read."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from airflow_finetune.pipeline.faults import Fault, PipelineError, sentence, unknown
from airflow_finetune.spec import Spec
from airflow_finetune.strict_yaml import Document, Place, read_yaml

AnySpec = TypeVar("AnySpec", bound=Spec)


class Checking:
    """A file, what it says, and what is wrong with it so far.

    Args:
        path: of the file.
        overrides: section -> what goes before the file's; mappings are merged key by key.

    Raises:
        SpecError: the file cannot be read.
    """

    def __init__(self, path: Path, overrides: Mapping[str, Any]) -> None:
        self.path = path
        self._file: Document = read_yaml(path, f"pipeline {path}")
        self.values = {**self._file.values}
        for name, value in overrides.items():
            below = self.values.get(name)
            both = isinstance(below, Mapping) and isinstance(value, Mapping)
            self.values[name] = {**below, **value} if both else value  # type: ignore[dict-item]  # mypy does not see both
        self.faults: list[Fault] = []
        self._below: Place = ()

    def candidate(self, name: str, values: Mapping[str, Any]) -> Self:
        """Return the same file as one of its candidates sees it; what is wrong with it is noted here too.

        Args:
            name: of the candidate.
            values: section -> what counts for it: its own before the file's.
        """
        seen = copy.copy(self)
        seen.values, seen._below = dict(values), ("candidates", name)
        return seen

    @property
    def prefix(self) -> str:
        """What the names of a candidate's own fields begin with in the form of a run; empty for a file with one."""
        return "".join(f"{name}." for name in self._below[1:])

    def fault(self, place: Place, said: str) -> None:
        """Note a fault."""
        place = self._stands(place)
        self.faults.append(Fault(place, said, self._file.line(place)))

    def known(self, keys: Collection[str], place: Place, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keys that there are; note the others."""
        for key in values:
            if key not in keys:
                self.fault((*place, str(key)), unknown(key, keys))
        return {key: value for key, value in values.items() if key in keys}

    def section(self, name: str) -> dict[str, Any]:
        """Return what a section holds; nothing where it is left out, empty, or no mapping."""
        values = self.values.get(name)
        if values is None:
            return {}
        if not isinstance(values, Mapping):
            self.fault((name,), "must hold keys, each on a line of its own below it.")
            return {}
        return {str(key): value for key, value in values.items()}

    def checked(self, spec: type[AnySpec], values: Mapping[str, Any], *place: str) -> AnySpec | None:
        """Return what stands at a place as its spec; None when something is wrong with it."""
        fields = self.known(spec.model_fields, place, values)
        return self.loaded(spec, fields, {key: (*place, key) for key in spec.model_fields}, place)

    def loaded(
        self, spec: type[AnySpec], fields: Mapping[str, Any], places: Mapping[str, Place], otherwise: Place
    ) -> AnySpec | None:
        """Return a spec; None when something is wrong with it.

        Args:
            spec: its class.
            fields: of it.
            places: field -> where the file has it.
            otherwise: the place of a rule about several fields.
        """
        try:
            return spec.model_validate(fields, context={"rendered": False})
        except ValidationError as error:
            for each in error.errors(include_url=False, include_input=False):
                loc = [str(part) for part in each["loc"]]
                place = places.get(loc[0], otherwise) if loc else otherwise
                self.fault(self._in_file(place, loc[1:]), sentence(each))
        return None

    def finish(self) -> None:
        """Raise everything that was noted.

        Raises:
            PipelineError: there is something.
        """
        if self.faults:
            raise PipelineError(self.path, list(dict.fromkeys(self.faults)))

    def _in_file(self, place: Place, below: list[str]) -> Place:
        for part in below:  # pydantic also names the members of a union, which are no place
            if self._stands((*place, part)) in self._file.lines:
                place = (*place, part)
        return place

    def _stands(self, place: Place) -> Place:
        """Return where the file has a place: below the candidate that is looked at, or for all of them."""
        if not self._below or place[: len(self._below)] == self._below:
            return place
        own = (*self._below, *place)
        return place if self._depth(place) > max(self._depth(own) - len(self._below), 0) else own

    def _depth(self, place: Place) -> int:
        return max((end for end in range(1, len(place) + 1) if place[:end] in self._file.lines), default=0)
