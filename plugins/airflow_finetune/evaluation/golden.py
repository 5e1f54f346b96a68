"""The golden set as an evaluation reads it: every line usable, no prompt twice, and a digest of its bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from airflow_finetune.curation.canonical import Chat, Message, keys, line, stripped
from airflow_finetune.curation.mapping import already_canonical
from airflow_finetune.curation.records import Dropped
from airflow_finetune.errors import DataError
from airflow_finetune.evaluation.scorers import Scorer
from airflow_finetune.evaluation.scorers.json_text import structure

_NEXT_STEP = "Correct the golden set; no model was asked anything."
_SHOWN = 5


class GoldenItem(NamedTuple):
    """One question and what is wanted.

    Attributes:
        line: its number in the file, from 1.
        messages: what a model is asked: all turns but the last.
        target: the last turn, which is the assistant's.
    """

    line: int
    messages: Chat
    target: str


class GoldenSet(NamedTuple):
    """What both models are asked.

    Attributes:
        items: in the order of the file.
        sha256: of the file's bytes.
    """

    items: tuple[GoldenItem, ...]
    sha256: str


def read_golden(path: Path) -> GoldenSet:
    """Return the golden set of a JSON Lines file, as curation writes it: ``{"messages": [...]}`` on every line.

    Lines with ``prompt`` and ``completion`` are read too. Prompts are the same when curation calls them the same: but
    for case, compatibility forms, white space and system texts.

    Raises:
        DataError: names every line that cannot be used, at most five of them.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"golden set {path}", f"cannot be read: {error.strerror}.", _NEXT_STEP) from error
    lines = content.removesuffix(b"\n").split(b"\n") if content.strip() else []
    if not lines:
        raise DataError(f"golden set {path.name}", "it holds no record.", "Give a file with prompts and completions.")
    items, faults, seen = [], [], dict[bytes, int]()
    for number, text in enumerate(lines, 1):
        try:
            turns = _turns(text)
            same = seen.setdefault(keys(turns, line(turns)).prompt, number)
            if same != number:
                raise Dropped("duplicate", f"the prompt stands in line {same} already.")
            items.append(GoldenItem(number, turns[:-1], turns[-1].content))
        except Dropped as fault:
            faults.append(f"line {number}: {fault.said}")
    _refuse(path.name, faults)
    return GoldenSet(tuple(items), hashlib.sha256(content).hexdigest())


def check_targets(golden: GoldenSet, scorers: Sequence[Scorer], name: str = "golden set") -> None:
    """Check that every target is of the kind that the scorers compare.

    Raises:
        DataError: a scorer of JSON is asked for, and a target is no JSON object or array.
    """
    wanting = [scorer.name for scorer in scorers if scorer.wants_json]
    if wanting:
        said = f"the target is no JSON object or array, and {' and '.join(wanting)} can only judge these."
        _refuse(name, [f"line {item.line}: {said}" for item in golden.items if structure(item.target) is None])


def _turns(text: bytes) -> tuple[Message, ...]:
    values = _object(text)
    turns = already_canonical(values)
    if turns is None:
        found = ", ".join(sorted(map(str, values))) or "none"
        raise Dropped("missing", f"it needs messages, or prompt and completion; its fields are: {found}.")
    stripped(turns)
    if turns[-2].role == "assistant":
        raise Dropped("missing", "two turns of the assistant stand at its end; the last but one must ask.")
    return turns


def _object(text: bytes) -> dict[str, Any]:
    try:
        values = json.loads(text.decode())
    except UnicodeDecodeError as error:
        raise Dropped("encoding", f"byte {error.start} is no UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise Dropped("broken", "it is empty." if not text.strip() else f"it is no JSON: {error}.") from error
    if not isinstance(values, dict):
        raise Dropped("broken", "it is no JSON object.")
    return values


def _refuse(name: str, faults: Sequence[str]) -> None:
    if faults:
        more = f" And {len(faults) - _SHOWN} more lines." if len(faults) > _SHOWN else ""
        raise DataError(f"golden set {name}", " ".join(faults[:_SHOWN]) + more, _NEXT_STEP)
