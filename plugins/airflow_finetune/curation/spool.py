"""Where examples wait on disk until all are known; memory holds 72 bytes of digests and places for each."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from airflow_finetune.curation.canonical import Keys

_PACKED = struct.Struct(">16s4s8s16sQIIIII")


class Row(NamedTuple):
    """What is known of an example without reading it; its order is the order of the dataset.

    Attributes:
        prompt: digest of the normalised prompt.
        system: digest of the normalised system messages.
        completion: digest of the normalised completion.
        line: digest of the canonical line.
        offset: of the line in the spool; grows in the order of the source.
        length: of the line in bytes.
        file: index of the source file.
        number: of the line or row in that file.
        prompt_characters: of all texts but the completion.
        completion_characters: of the completion.
    """

    prompt: bytes
    system: bytes
    completion: bytes
    line: bytes
    offset: int
    length: int
    file: int
    number: int
    prompt_characters: int
    completion_characters: int


class Spool:
    """A file of lines that are written one after another and read in any order.

    Args:
        path: a file of its own.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=1 << 20)
        self._packed: list[bytes] = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._packed)

    def add(self, line: bytes, keys: Keys, place: tuple[int, int], characters: tuple[int, int]) -> None:
        """Write a line.

        Args:
            line: of the canonical dataset.
            keys: what it is compared by.
            place: index of the source file, and line or row in it.
            characters: of the prompt and of the completion.
        """
        self._packed.append(
            _PACKED.pack(
                *(keys.prompt, keys.system, keys.completion, keys.line, self._size, len(line), *place, *characters)
            )
        )
        self._file.write(line)
        self._size += len(line)

    def rows(self) -> Iterator[Row]:
        """Yield all rows, sorted: equal prompts together, in an order that depends on content only."""
        self._file.flush()
        self._packed.sort()
        for packed in self._packed:
            yield Row._make(_PACKED.unpack(packed))

    def line(self, row: Row) -> bytes:
        """Return the line of a row."""
        return os.pread(self._file.fileno(), row.length, row.offset)
