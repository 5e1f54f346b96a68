"""From a source record to prompt and completion: {column} patterns, Jinja files, a column of messages, a callable."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from airflow_finetune.curation.canonical import Chat, chat, chat_of
from airflow_finetune.curation.records import MAPPING_FAILED, MISSING_COLUMN, MISSING_VALUE, REASONS, Dropped
from airflow_finetune.errors import SpecError

Values = Mapping[str, Any]
Text = Callable[[Values], str]
"""Makes one text of a record; raises ``Dropped`` where it cannot."""
Mapper = Callable[[Values], Chat]
"""Makes an example of a record; raises ``Dropped`` where it cannot."""
UserMapping = Callable[[Values], Any]
"""Somebody's own: returns (prompt, completion), a mapping with these keys or ``messages``, or None to drop."""

DECLINED = "declined_by_mapping"

_PIECE = re.compile(r"\\(.)|\{([^{}]*)\}|([{}\\])", re.DOTALL)
_REASON = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Part(NamedTuple):
    """A piece of a pattern: literal text, or a column by its path."""

    text: str
    path: tuple[str, ...] = ()


def pattern(text: str, field: str) -> Text:
    r"""Return what fills a pattern.

    ``{column}`` is replaced by the column's value; ``{a.b.0}`` goes into nested values, unless a column bears the
    whole name. Text is taken as it is; numbers, true and false as JSON writes them; lists and objects as JSON. ``\{``,
    ``\}`` and ``\\`` stand for themselves.

    Args:
        text: the pattern.
        field: the field that it stands in, for the message.

    Raises:
        SpecError: a brace is alone or doubled, or the pattern names no column.
    """
    parts = tuple(_parts(text, field))
    if not any(part.path for part in parts):
        said = f"the pattern {text!r} names no column, so that every record would get the same text."
        raise SpecError(field, said, "Write for example {text}, with a column's name.")
    if len(parts) == 1:
        only = parts[0].path
        return lambda values: as_text(_value(values, only))
    return lambda values: "".join(as_text(_value(values, p.path)) if p.path else p.text for p in parts)


def literal(text: str) -> Text:
    """Return the same text for every record."""
    return lambda _: text


def single_turn(prompt: Text, completion: Text, system: Text | None = None) -> Mapper:
    """Return a mapping to examples of one question and one answer."""

    def mapped(values: Values) -> Chat:
        return chat(prompt(values), completion(values), system(values) if system else "")

    return mapped


def messages(column: str) -> Mapper:
    """Return a mapping that takes a column of chat messages as it is."""
    path = tuple(column.split("."))
    return lambda values: chat_of(_value(values, path))


def own(function: UserMapping) -> Mapper:
    """Return a mapping by somebody's own function; what it raises drops the record under ``mapping_failed``."""

    def mapped(values: Values) -> Chat:
        try:
            made = function(values)
        except Dropped:
            raise
        except Exception as error:
            raise Dropped(MAPPING_FAILED, f"{type(error).__name__}: {error}") from error
        return _example(made)

    return mapped


def already_canonical(values: Values) -> Chat | None:
    """Return the example that a record is already, as chat messages or as prompt and completion; else None."""
    if isinstance(values.get("messages"), list):
        return chat_of(values["messages"])
    prompt, completion = values.get("prompt"), values.get("completion")
    return chat(prompt, completion) if isinstance(prompt, str) and isinstance(completion, str) else None


def drop(reason: str) -> str:
    """Drop the record at hand under a reason of one's own; for Jinja files and callables.

    Raises:
        Dropped: always.
    """
    if not _REASON.fullmatch(reason) or reason in REASONS:
        said = f"drop({reason!r}): a reason is a word of its own in lower case, for example 'unlabelled'."
        raise Dropped(MAPPING_FAILED, said)
    raise Dropped(reason, "the mapping says so.")


def as_text(value: Any) -> str:
    """Return a value as a pattern or a template writes it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def meant(name: str, columns: Iterable[str]) -> str:
    """Return a hint which of the columns a name was meant to be."""
    known = sorted(columns)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known[:20])}."


def _example(made: Any) -> Chat:
    if made is None:
        raise Dropped(DECLINED, "the mapping returned None.")
    if isinstance(made, Mapping):
        if "messages" in made:
            return chat_of(made["messages"])
        made = tuple(made.get(key) for key in ("prompt", "completion", "system") if key in made)
    if isinstance(made, tuple) and len(made) in (2, 3) and all(isinstance(text, str) for text in made):
        return chat(*made)
    said = f"the mapping returned {type(made).__name__}; it must be (prompt, completion), each a text."
    raise Dropped(MAPPING_FAILED, said)


def _parts(text: str, field: str) -> Iterable[Part]:
    at = 0
    for found in _PIECE.finditer(text):
        if found.start() > at:
            yield Part(text[at : found.start()])
        at = found.end()
        escaped, column, alone = found.groups()
        if escaped is not None:
            yield Part(escaped if escaped in "{}\\" else found.group())
        elif column and column.strip():
            yield Part("", tuple(column.strip().split(".")))
        elif alone == "\\":
            yield Part(alone)
        else:
            said = f"character {found.start() + 1} of {text!r} is a brace without a column's name."
            raise SpecError(field, said, r"Write \{ for a brace; Jinja goes into a file of its own.")
    if at < len(text):
        yield Part(text[at:])


def _value(values: Values, path: tuple[str, ...]) -> Any:
    whole = ".".join(path)
    found: Any = values.get(whole, values)
    for step in () if whole in values else path:
        if isinstance(found, Mapping) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            near = meant(step, map(str, found)) if isinstance(found, Mapping) else "it is not nested so deep."
            raise Dropped(MISSING_COLUMN, f"no column {whole!r}: {near}")
    if found is None:
        raise Dropped(MISSING_VALUE, f"column {whole!r} is null.")
    return found
