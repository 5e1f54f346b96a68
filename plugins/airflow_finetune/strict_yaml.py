"""YAML as people write it: nothing is executed, no key stands twice, and every place has its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airflow_finetune.errors import SpecError

Place = tuple[str, ...]
"""The keys and indices on the way to a value."""


@dataclass(frozen=True)
class Document:
    """What a YAML file holds.

    Attributes:
        values: key -> value.
        lines: place -> the line on which its key stands, from 1.
    """

    values: Mapping[str, Any]
    lines: Mapping[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int | None:
        """Return the line of a place, or of the nearest one above it that the file has; None where it has none."""
        for end in range(len(place), 0, -1):
            if place[:end] in self.lines:
                return self.lines[place[:end]]
        return None


# libyaml's where PyYAML was built with it: ten times as fast, and DAG files are parsed all the time.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Strict(_Loader):  # type: ignore[misc]  # one of two classes, known when it runs
    """Refuses a mapping in which a key stands twice: YAML forbids it, and PyYAML silently takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} stands twice", node.start_mark)
        return dict(super().construct_mapping(node, deep))


def read_yaml(path: Path, thing: str) -> Document:
    """Return what a file holds.

    Args:
        path: of the file.
        thing: what it is, for the message.

    Raises:
        SpecError: it cannot be read, is no YAML, or holds no keys.
    """
    try:
        loader = _Strict(path.read_text("utf-8-sig"))
        root = loader.get_single_node()
        lines = dict(_lines(root, ()))  # before the values are made: that changes the nodes of a merge key
        values = None if root is None else loader.construct_document(root)
    except (OSError, ValueError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise SpecError(thing, f"cannot be read: {said}.", _hint(said)) from error
    if not isinstance(values, dict):
        raise SpecError(thing, "it holds no fields.", "Write one 'key: value' on each line.")
    return Document(values, lines)


def _hint(said: str) -> str:
    if "unhashable" in said or "flow mapping" in said:
        return "Put a value that begins with { into quotes."
    return "Correct the file."


def _lines(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*place, str(index))
            yield here, value.start_mark.line + 1
            yield from _lines(value, here)
