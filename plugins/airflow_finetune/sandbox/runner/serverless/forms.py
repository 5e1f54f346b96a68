"""How a record of each technique is written, and what of it is trained on; a record that is not so is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Record = Mapping[str, Any]
Row = dict[str, Any]
"""``{"messages": [{"role", "content"}]}``; of a preference also ``rejected``, likewise."""
Messages = list[dict[str, str]]


class BadRecord(ValueError):
    """The record is not written as its technique wants; the text says why."""


def _messages(value: Any, what: str, *, answered: bool) -> Messages:
    """The messages of a list: a system message or none, then user and assistant in turns."""
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise BadRecord(f"{what} must be a list of messages")
    turns = [{"role": str(each.get("role")), "content": each.get("content")} for each in value]
    for turn in turns:
        if not isinstance(turn["content"], str) or not turn["content"].strip():
            raise BadRecord(f"the content of the {turn['role']} in {what} must be a text that is not empty")
    asked = turns[1:] if turns[0]["role"] == "system" else turns
    wanted = [("user", "assistant")[number % 2] for number in range(len(asked))]
    if not asked or [turn["role"] for turn in asked] != wanted:
        raise BadRecord(f"{what} must begin with the user, after a system message at most, and alternate")
    if (asked[-1]["role"] == "assistant") != answered:
        raise BadRecord(f"the last message of {what} must be the {'assistant' if answered else 'user'}'s")
    return [{"role": turn["role"], "content": str(turn["content"])} for turn in turns]


def _text(record: Record, name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadRecord(f"{name} must be a text that is not empty")
    return value


def supervised(record: Record) -> Row:
    """``messages``, or ``prompt`` and ``completion`` with a ``system`` or none."""
    if "messages" in record:
        return {"messages": _messages(record["messages"], "messages", answered=True)}
    if "prompt" not in record:
        raise BadRecord("it must hold messages, or prompt and completion")
    return {"messages": _pair(record, "completion")}


def preference(record: Record) -> Row:
    """``chosen`` and ``rejected`` as lists of messages, or as texts beside a ``prompt``."""
    for name in ("chosen", "rejected"):
        if name not in record:
            raise BadRecord(f"{name} is missing")
    if "prompt" in record:
        return {"messages": _pair(record, "chosen"), "rejected": _pair(record, "rejected")}
    chosen = _messages(record["chosen"], "chosen", answered=True)
    rejected = _messages(record["rejected"], "rejected", answered=True)
    if chosen[:-1] != rejected[:-1]:
        raise BadRecord("chosen and rejected must differ in the last message only")
    return {"messages": chosen, "rejected": rejected}


def _pair(record: Record, answer: str) -> Messages:
    system = [{"role": "system", "content": _text(record, "system")}] if record.get("system") else []
    asked = {"role": "user", "content": _text(record, "prompt")}
    return [*system, asked, {"role": "assistant", "content": _text(record, answer)}]


def rewarded(record: Record) -> Row:
    """``prompt`` as a list of messages; what is right stands in ``reward_model``."""
    row = {"messages": _messages(record.get("prompt"), "prompt", answered=False)}
    if not isinstance(record.get("reward_model"), dict):
        raise BadRecord("reward_model must be an object, for example with ground_truth and style")
    return row


def judged(record: Record) -> Row:
    """``prompt`` as a list of messages; a judge says what it thinks of the answers."""
    return {"messages": _messages(record.get("prompt"), "prompt", answered=False)}


FORMS: Mapping[str, Callable[[Record], Row]] = {
    "SFT": supervised,
    "DPO": preference,
    "RLVR": rewarded,
    "RLAIF": judged,
}


def parse(technique: str, line: str) -> Row:
    """Return the row of a line.

    Raises:
        BadRecord: it is no JSON object of this technique's form.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"not JSON ({error})") from None
    if not isinstance(record, dict):
        raise BadRecord("not a JSON object")
    return FORMS[technique](record)
