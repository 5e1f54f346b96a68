"""A canonical dataset in S3, read as a stream of examples, and what is wrong with it; every backend renders its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from airflow_finetune.aws.objects import StoredObject, list_objects, stream_lines
from airflow_finetune.errors import DataError
from airflow_finetune.values import DatasetReference

ROLES = ("system", "user", "assistant")
MOST_TOLD = 10
LONGEST_LINE_BYTES = 64 << 20  # of one record; more is no text that a model could be tuned on
_NEXT = "Correct the data, or curate it with limits that fit; nothing was uploaded."


class BadRecord(ValueError):
    """An example cannot be a record; the text says which rule it breaks."""


class Turn(NamedTuple):
    """One message."""

    role: str
    content: str


class Source(NamedTuple):
    """Objects in S3 that make up one dataset.

    Attributes:
        uri: as the spec says it.
        objects: sorted by key.
    """

    uri: str
    objects: tuple[StoredObject, ...]


def source_of(client: Any, reference: DatasetReference | None) -> Source | None:
    """Return the objects of a dataset; None for none.

    Raises:
        DataError: nothing is there.
        RequestRefused: we may not list it.
        Unavailable: AWS cannot answer now.
    """
    if reference is None:
        return None
    found = tuple(list_objects(client, reference.uri))
    if not found:
        raise DataError(reference.uri, "nothing is there.", "Correct the address, or put the data there.")
    return Source(reference.uri, found)


def lines_of(client: Any, source: Source) -> Iterator[tuple[str, bytes]]:
    """Yield the lines of a dataset that are not empty, each with file and number for people.

    Raises:
        RequestRefused: we may not read it.
        Unavailable: AWS cannot answer now.
    """
    for each in source.objects:
        for number, line in enumerate(stream_lines(client, source.uri, each, LONGEST_LINE_BYTES), 1):
            if line.strip():
                yield f"{each.name}, line {number}", line


def parsed(line: bytes) -> Any:
    """Return what a line says.

    Raises:
        BadRecord: it is no JSON.
    """
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"it is no JSON ({error})") from None


def turns_of(example: Any) -> list[Turn]:
    """Return the messages of a canonical example.

    Raises:
        BadRecord: it is none.
    """
    messages = example.get("messages") if isinstance(example, Mapping) else None
    if not isinstance(messages, list) or not messages:
        raise BadRecord('it is no canonical example: {"messages": [{"role", "content"}, ...]} is wanted')
    return [_turn(message) for message in messages]


def _turn(message: Any) -> Turn:
    role, content = (message.get("role"), message.get("content")) if isinstance(message, Mapping) else (None, None)
    if role not in ROLES:
        raise BadRecord(f"the role {role!r} is none of {', '.join(ROLES)}")
    if not isinstance(content, str) or not content.strip():
        raise BadRecord(f"the {role}'s content must be a text that is not empty")
    return Turn(str(role), content)


def beside_messages(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a canonical example holds beside its messages."""
    return {name: value for name, value in example.items() if name != "messages"}


class Faults:
    """Collects what is wrong with one dataset; the first of them are told.

    Args:
        uri: of the dataset.
    """

    def __init__(self, uri: str) -> None:
        self._uri, self.said, self.count = uri, list[str](), 0

    def add(self, said: str) -> None:
        """Take one fault."""
        self.count += 1
        if len(self.said) < MOST_TOLD:
            self.said.append(said)

    def tell(self) -> None:
        """Raise what was collected.

        Raises:
            DataError: there was a fault.
        """
        if self.said:
            more = f" And {self.count - len(self.said)} more." if self.count > len(self.said) else ""
            raise DataError(self._uri, f"{' '.join(self.said)}{more}", _NEXT)
