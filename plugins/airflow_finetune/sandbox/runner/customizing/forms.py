"""How a record of each form is written, and what of it is trained on; a record that is not so is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Record = dict[str, Any]
Row = dict[str, Any]
"""``{"messages": [{"role", "content"}]}`` or ``{"text": ...}``; a graded one also holds what its grader is given."""

CONVERSATION = "bedrock-conversation-2024"
ROLES = ("user", "assistant")


class BadRecord(ValueError):
    """The record is not written as its form wants; the text says why."""


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadRecord(f"{what} must be a text that is not empty")
    return value


def _only(record: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(set(record) - allowed)
    if unknown:
        raise BadRecord(f"unknown keys {unknown}")


def _blocks(value: Any, what: str) -> str:
    """The text of ``[{"text": ...}]``."""
    if not isinstance(value, list) or not value or not all(isinstance(block, dict) for block in value):
        raise BadRecord(f'{what} must be a list like [{{"text": "..."}}]')
    return "\n".join(_text(block.get("text"), f"{what}.text") for block in value)


def _alternating(turns: list[tuple[str, str]], answered: bool) -> list[dict[str, str]]:
    """Messages that begin with the user, alternate, and end with the assistant (unless nobody has answered yet)."""
    wanted = [ROLES[number % 2] for number in range(len(turns))]
    if not turns or [role for role, _ in turns] != wanted:
        raise BadRecord("messages must begin with the user and alternate between user and assistant")
    if answered and turns[-1][0] != "assistant":
        raise BadRecord("the last message must be the assistant's")
    return [{"role": role, "content": content} for role, content in turns]


def _messages(record: Record) -> list[Record]:
    messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise BadRecord("messages must be a list of messages")
    return messages


def _conversation(record: Record, answered: bool) -> Row:
    _only(record, {"schemaVersion", "system", "messages"})
    if record.get("schemaVersion") != CONVERSATION:
        raise BadRecord(f"schemaVersion must be {CONVERSATION}")
    turns = [(str(each.get("role")), _blocks(each.get("content"), "content")) for each in _messages(record)]
    system = [{"role": "system", "content": _blocks(record["system"], "system")}] if record.get("system") else []
    return {"messages": system + _alternating(turns, answered)}


def conversation(record: Record) -> Row:
    """Bedrock's conversation form, answered."""
    return _conversation(record, answered=True)


def prompts(record: Record) -> Row:
    """Bedrock's conversation form; an answer at the end is left out, for the teacher gives it."""
    row = _conversation(record, answered=False)
    if row["messages"][-1]["role"] == "assistant":
        row["messages"] = row["messages"][:-1]
    return row


def prompt_completion(record: Record) -> Row:
    """Prompt and completion."""
    _only(record, {"prompt", "completion"})
    user, assistant = _text(record.get("prompt"), "prompt"), _text(record.get("completion"), "completion")
    return {"messages": _alternating([("user", user), ("assistant", assistant)], answered=True)}


def text(record: Record) -> Row:
    """Raw text, for continued pre-training."""
    _only(record, {"input"})
    return {"text": _text(record.get("input"), "input")}


def claude(record: Record) -> Row:
    """Claude's form: system and messages of plain text."""
    _only(record, {"system", "messages"})
    turns = [(str(each.get("role")), _text(each.get("content"), "content")) for each in _messages(record)]
    system = [{"role": "system", "content": _text(record["system"], "system")}] if "system" in record else []
    return {"messages": system + _alternating(turns, answered=True)}


def graded(record: Record) -> Row:
    """OpenAI's chat form, without the answer; everything else in the record is for the grader."""
    turns = [(str(each.get("role")), _text(each.get("content"), "content")) for each in _messages(record)]
    system = [{"role": "system", "content": turns.pop(0)[1]}] if turns and turns[0][0] == "system" else []
    messages = system + _alternating(turns, answered=False)
    if messages[-1]["role"] != "user":
        raise BadRecord("the last message must be the user's: the model answers it")
    return {"messages": messages, "metadata": {name: value for name, value in record.items() if name != "messages"}}


FORMS: dict[str, Callable[[Record], Row]] = {
    "conversation": conversation,
    "prompts": prompts,
    "prompt_completion": prompt_completion,
    "text": text,
    "claude": claude,
    "graded": graded,
}


def parse(form: str, line: str) -> Row:
    """Return the row of a line.

    Raises:
        BadRecord: it is no JSON object of this form.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"not JSON ({error})") from None
    if not isinstance(record, dict):
        raise BadRecord("not a JSON object")
    return FORMS[form](record)


def said(row: Row) -> str:
    """Return all text of a row, for limits of its length."""
    return str(row["text"]) if "text" in row else "".join(message["content"] for message in row["messages"])


def asked(row: Row) -> str:
    """Return what system and user say in a row, where words can be reserved."""
    return "\n".join(each["content"] for each in row.get("messages", []) if each["role"] != "assistant")
