"""Finds the files of a source and opens them as text: formats, compression, byte order marks, encodings."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Literal, NamedTuple, cast

from airflow_finetune.errors import DataError, EmptySource

Format = Literal["csv", "json", "jsonl", "parquet", "text"]

FORMAT_OF_SUFFIX: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
}
_MARKS = (  # UTF-32's little-endian mark begins with UTF-16's, so it is asked first
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_PROBE_BYTES = 4096


class Options(NamedTuple):
    """How to read files.

    Attributes:
        format: of all files; None goes by each file's suffix.
        encoding: of text without a byte order mark.
        delimiter: of CSV; None means a comma, or a tab in a .tsv.
        pattern: which names to read, as a shell pattern on the name below the source.
    """

    format: Format | None = None
    encoding: str = "utf-8"
    delimiter: str | None = None
    pattern: str = "*"


class SourceFile(NamedTuple):
    """One file to read; ``name`` is its path below the source."""

    path: Path
    name: str
    format: Format


class Found(NamedTuple):
    """The files of a source, sorted by name, and the names that were passed over on purpose."""

    files: tuple[SourceFile, ...]
    ignored: tuple[str, ...]


def find(source: Path, options: Options) -> Found:
    """Return the files of a folder, or the one file that the source is.

    Names that begin with a dot or an underscore (``_SUCCESS``) and names that the pattern leaves out are ignored.

    Raises:
        EmptySource: there is no file.
        DataError: there is no such place, or a file's format cannot be told from its name.
    """
    if source.is_file():
        return Found((SourceFile(source, source.name, _format(source, options)),), ())
    if not source.is_dir():
        raise DataError(str(source), "there is no such file or folder.", "Correct the source.")
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    wanted = [name for name in names if fnmatchcase(name, options.pattern) and not _is_hidden(name)]
    if not wanted:
        said = f"no file to read; {len(names)} were passed over (pattern {options.pattern!r})." if names else "no file."
        raise EmptySource(str(source), said, "Check the address; an empty window needs no training.")
    files = tuple(SourceFile(source / name, name, _format(source / name, options)) for name in wanted)
    return Found(files, tuple(name for name in names if name not in set(wanted)))


def digest_of(files: tuple[SourceFile, ...]) -> str:
    """Return the SHA-256 of the names and contents of files, whatever their order."""
    whole = hashlib.sha256()
    for file in sorted(files, key=lambda each: each.name):
        with file.path.open("rb") as stream:
            whole.update(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {file.name}\n".encode())
    return whole.hexdigest()


@contextmanager
def text(file: SourceFile, options: Options, newline: str | None) -> Iterator[IO[str]]:
    """Open a file as text; a byte that is no text in its encoding arrives as a lone surrogate.

    Args:
        file: what to open; ``.gz`` is unpacked.
        options: the encoding.
        newline: as ``open`` takes it.

    Raises:
        DataError: the file is no text at all, or ends in the middle.
    """
    with _bytes(file) as raw:
        try:
            with io.TextIOWrapper(raw, _encoding(file, options), "surrogateescape", newline) as stream:
                yield stream
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(file.name, f"cannot be unpacked: {error}.", "Upload the file again.") from error
        except UnicodeError as error:
            raise DataError(file.name, f"the encoding is wrong: {error}.", "Convert it to UTF-8.") from error


def encoding_fault(text: str) -> str | None:
    """Return what is wrong with a text that was read by ``text``; None if nothing is."""
    found = None if text.isascii() else _ESCAPED_BYTE.search(text)
    if found is None:
        return None
    byte = ord(found.group()) - 0xDC00
    return f"byte 0x{byte:02x} at character {found.start() + 1} is no text; give `encoding`, for example cp1252."


def _bytes(file: SourceFile) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(file.path)) if file.path.suffix == ".gz" else file.path.open("rb")


def _encoding(file: SourceFile, options: Options) -> str:
    with _bytes(file) as stream:
        start = stream.read(_PROBE_BYTES)
    marked = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
    if marked is None and b"\0" in start and not options.encoding.lower().startswith(("utf-16", "utf-32")):
        said = "holds zero bytes, so it is no text, or UTF-16 without a byte order mark."
        raise DataError(file.name, said, "Give `encoding: utf-16-le`, or another `format`.")
    return marked or options.encoding


def _format(path: Path, options: Options) -> Format:
    stem = path.with_suffix("") if path.suffix == ".gz" else path
    found = options.format or FORMAT_OF_SUFFIX.get(stem.suffix.lower())
    if found is None:
        said = f"its format cannot be told from its name; known are {', '.join(FORMAT_OF_SUFFIX)}, also with .gz."
        raise DataError(path.name, said, "Give `format`, or leave it out with `files: PATTERN`.")
    return found


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))
