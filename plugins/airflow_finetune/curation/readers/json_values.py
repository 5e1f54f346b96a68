"""Reads JSON Lines, and JSON that is one array or several objects, without holding a file in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any

from airflow_finetune.curation.readers.files import Options, SourceFile, encoding_fault, text
from airflow_finetune.curation.records import BAD_ENCODING, BROKEN_LINE, Broken, Origin, Record
from airflow_finetune.errors import DataError

_CHUNK_CHARACTERS = 1 << 17
_LONGEST_RECORD_CHARACTERS = 64 << 20
_NEAR_THE_END = 16  # a literal, an escape or a number that the end of a chunk has cut
_BETWEEN = re.compile(r"[\s,]*")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def read_lines(file: SourceFile, options: Options) -> Iterator[Record | Broken]:
    """Yield the records of a JSON Lines file; blank lines are none."""
    with text(file, options, newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            if not line.isspace():
                yield _line(Origin(file.name, number), line)


def read(file: SourceFile, options: Options) -> Iterator[Record | Broken]:
    """Yield the records of a JSON file: an array of objects, objects one after another, or JSON Lines.

    Raises:
        DataError: it is broken; what follows cannot be told apart, so nothing of it is used.
    """
    with text(file, options, newline="\n") as stream:
        first = next((line for line in iter(lambda: stream.readline(_CHUNK_CHARACTERS), "") if not line.isspace()), "")
    if first.lstrip().startswith("{") and isinstance(_line(Origin(file.name, 1), first), Record):
        yield from read_lines(file, options)
        return
    with text(file, options, newline="\n") as stream:
        for number, value in _Values(file.name, stream):
            yield _checked(Origin(file.name, number), value)


def _line(origin: Origin, line: str) -> Record | Broken:
    if fault := encoding_fault(line):
        return Broken(origin, BAD_ENCODING, fault)
    try:
        value, end = _DECODER.raw_decode(line, len(line) - len(line.lstrip()))
    except json.JSONDecodeError as error:
        return Broken(origin, BROKEN_LINE, f"{error.msg} at character {error.pos + 1}.")
    except (ValueError, RecursionError) as error:
        return Broken(origin, BROKEN_LINE, f"{error}.")
    if line[end:].strip():
        return Broken(origin, BROKEN_LINE, f"more text behind the record, at character {end + 1}.")
    return _checked(origin, value)


def _checked(origin: Origin, value: Any) -> Record | Broken:
    if not isinstance(value, dict):
        return Broken(origin, BROKEN_LINE, f"a {type(value).__name__} where an object of columns is needed.")
    return Record(origin, value)


class _Values:
    """The values of an array, or of a sequence, each with the line that it starts at."""

    def __init__(self, name: str, stream: IO[str]) -> None:
        self._name, self._stream = name, stream
        self._buffer, self._at, self._line = "", 0, 1
        self._ended = False

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        self._skip()
        in_array = self._buffer[self._at : self._at + 1] == "["
        if in_array:
            self._move(self._at + 1)
        while self._skip():
            if in_array and self._buffer[self._at] == "]":
                self._move(self._at + 1)
                if self._skip():
                    raise self._error("more text behind the array")
                return
            line = self._line
            yield line, self._value()
        if in_array:
            raise self._error("the array is never closed")

    def _skip(self) -> bool:
        """Go to the next character that counts; say whether there is one."""
        while True:
            found = _BETWEEN.match(self._buffer, self._at)
            self._move(found.end() if found else self._at)
            if self._at < len(self._buffer):
                return True
            if not self._more():
                return False

    def _value(self) -> Any:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos >= len(self._buffer) - _NEAR_THE_END
                if not cut or not self._more():
                    raise self._error(error.msg, error.pos) from error
            except (ValueError, RecursionError) as error:
                raise self._error(str(error)) from error
            else:
                if fault := encoding_fault(self._buffer[self._at : end]):
                    raise self._error(fault)
                self._move(end)
                return value

    def _move(self, position: int) -> None:
        self._line += self._buffer.count("\n", self._at, position)
        self._at = position

    def _more(self) -> bool:
        """Read on, forgetting what was used; each time as much again, so that a long record is not read n times."""
        if len(self._buffer) - self._at > _LONGEST_RECORD_CHARACTERS:
            raise self._error(f"a record of more than {_LONGEST_RECORD_CHARACTERS} characters")
        rest = self._buffer[self._at :]
        chunk = self._stream.read(max(_CHUNK_CHARACTERS, len(rest)))
        self._buffer, self._at = rest + chunk, 0
        return bool(chunk)

    def _error(self, said: str, position: int | None = None) -> DataError:
        line = self._line + (self._buffer.count("\n", self._at, position) if position is not None else 0)
        said = f"{said}; the rest of the file cannot be told apart."
        return DataError(f"{self._name}, line {line}", said, "Correct the file, or write JSON Lines: a record a line.")
