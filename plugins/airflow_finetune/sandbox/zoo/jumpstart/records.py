"""Reads the data of a job: instructions with or without a template, conversations, or plain text."""

from __future__ import annotations

import csv
import json
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .options import JobError, Options

Record = dict[str, Any]
"""``{"messages": [...]}`` or ``{"text": ...}``."""
TEMPLATE = "template.json"
ROLES = ("system", "user", "assistant")
CSV_FIELD_BYTES = 16 * 1024 * 1024


def read(folder: Path, options: Options) -> list[Record]:
    """Returns the records of a channel.

    Raises:
        JobError: no file is of the right form, or a record is not; the text says which.
    """
    if options.chat_dataset:
        records = [_conversation(row, where) for row, where in _rows(folder)]
        wanted = '*.jsonl with {"messages": [{"role": ..., "content": ...}]}'
    elif options.instruction_tuned:
        template = _template(folder)
        records = [_instruction(row, where, template) for row, where in _rows(folder)]
        wanted = '*.jsonl with {"prompt": ..., "completion": ...}, or with the keys of a template.json'
    else:
        records = [{"text": text} for text in _texts(folder)]
        wanted = "*.txt, *.csv or *.jsonl with text"
    if not records:
        there = sorted(path.name for path in folder.rglob("*") if path.is_file())
        raise JobError(f"no training record: this job wants {wanted}; the channel has {', '.join(there) or 'no file'}.")
    return records


def _rows(folder: Path) -> Iterator[tuple[Any, str]]:
    """Yields the rows of all JSON files and where each stands."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".jsonl", ".json") or path.name == TEMPLATE:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".json" and text.lstrip().startswith("["):
            for number, row in enumerate(_json(text, path.name), 1):
                yield row, f"{path.name} record {number}"
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                where = f"{path.name} line {number}"
                yield _json(line, where), where


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise JobError(f"{where}: no JSON ({error}).") from None


def _template(folder: Path) -> dict[str, str]:
    """Returns how prompt and completion are made of a row."""
    path = folder / TEMPLATE
    if not path.is_file():
        return {"prompt": "{prompt}", "completion": "{completion}"}
    template = _json(path.read_text(encoding="utf-8"), TEMPLATE)
    if not isinstance(template, dict) or not all(
        isinstance(template.get(name), str) for name in ("prompt", "completion")
    ):
        raise JobError(f'{TEMPLATE}: it must be {{"prompt": "...{{key}}...", "completion": "...{{key}}..."}}.')
    return template


def _instruction(row: Any, where: str, template: Mapping[str, str]) -> Record:
    if not isinstance(row, dict):
        raise JobError(f"{where}: not an object.")
    filled = {name: _filled(template[name], row, where) for name in ("prompt", "completion")}
    return {
        "messages": [
            {"role": "user", "content": filled["prompt"]},
            {"role": "assistant", "content": filled["completion"]},
        ]
    }


def _filled(text: str, row: Mapping[str, Any], where: str) -> str:
    try:
        keys = [key for _, key, _, _ in string.Formatter().parse(text) if key is not None]
    except ValueError as error:
        raise JobError(f"{TEMPLATE}: {text!r} cannot be filled in ({error}).") from None
    missing = [key for key in keys if key not in row]
    if missing:
        raise JobError(f"{where}: the template wants the key {missing[0]!r}, the record has {sorted(row)}.")
    return text.format_map({key: _plain(row[key]) for key in keys})


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _conversation(row: Any, where: str) -> Record:
    """Checks one row of a chat dataset; its messages may be called ``messages`` or ``dialog``."""
    messages = row.get("messages", row.get("dialog")) if isinstance(row, dict) else row
    if not isinstance(messages, list) or not messages:
        raise JobError(f'{where}: no conversation: a row is {{"messages": [{{"role": ..., "content": ...}}]}}.')
    for message in messages:
        known = isinstance(message, dict) and message.get("role") in ROLES and isinstance(message.get("content"), str)
        if not known:
            raise JobError(f"{where}: each message needs a role ({', '.join(ROLES)}) and a text as content.")
    if messages[-1]["role"] != "assistant":
        raise JobError(f"{where}: the last message must be the assistant's.")
    return {"messages": [{"role": each["role"], "content": each["content"]} for each in messages]}


def _texts(folder: Path) -> Iterator[str]:
    """Yields raw text: of text files by paragraph, of CSV the column ``text`` or the first, of JSON ``text``."""
    csv.field_size_limit(CSV_FIELD_BYTES)
    for path in sorted(folder.rglob("*.txt")):
        text = path.read_text(encoding="utf-8", errors="replace")
        yield from (part.strip() for part in text.split("\n\n") if part.strip())
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            for row in csv.DictReader(file):
                yield row.get("text") or next(iter(row.values())) or ""
    for row, where in _rows(folder):
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise JobError(f'{where}: no text: a row is {{"text": ...}}, or instruction_tuned must be True.')
        yield row["text"]
