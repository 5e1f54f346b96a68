"""Reads prompts and answers out of Bedrock's invocation logs, for a distillation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .forms import Row

Log = Mapping[str, Any]


def fits(log: Log, filters: Mapping[str, Any] | None) -> bool:
    """Say whether a log's requestMetadata passes the filters of the request."""
    if not filters:
        return True
    metadata = log.get("requestMetadata") or {}

    def one(condition: Mapping[str, Any]) -> bool:
        equals, differs = condition.get("equals", {}), condition.get("notEquals", {})
        return all(metadata.get(name) == value for name, value in equals.items()) and all(
            metadata.get(name) != value for name, value in differs.items()
        )

    if filters.get("andAll"):
        return all(one(each) for each in filters["andAll"])
    if filters.get("orAll"):
        return any(one(each) for each in filters["orAll"])
    return one(filters)


def row_of(log: Log, with_answer: bool) -> Row | None:
    """Return a log's prompt, with its answer if that is wanted; None when there is none that can be read."""
    asked, answered = log.get("input", {}).get("inputBodyJson"), log.get("output", {}).get("outputBodyJson")
    if not isinstance(asked, dict):
        return None
    messages = _asked(asked)
    if not messages:
        return None
    if not with_answer:
        return {"messages": messages}
    answer = _answered(answered) if isinstance(answered, dict) else ""
    return {"messages": [*messages, {"role": "assistant", "content": answer}]} if answer else None


def _asked(body: Mapping[str, Any]) -> list[dict[str, str]]:
    for name in ("prompt", "inputText"):
        if isinstance(body.get(name), str) and body[name].strip():
            return [{"role": "user", "content": body[name]}]
    system = _text(body.get("system"))
    messages = [{"role": str(each.get("role")), "content": _text(each.get("content"))} for each in _list(body)]
    if len(messages) != 1 or not messages[0]["content"]:
        return []  # AWS takes single turns from logs
    return ([{"role": "system", "content": system}] if system else []) + messages


def _answered(body: Mapping[str, Any]) -> str:
    if isinstance(body.get("output"), Mapping):
        return _text(body["output"].get("message", {}).get("content"))
    results = body.get("results") or [{}]
    found = body.get("generation") or body.get("outputText") or results[0].get("outputText")
    return str(found).strip() if found else _text(body.get("content"))


def _list(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = body.get("messages")
    return [each for each in messages if isinstance(each, Mapping)] if isinstance(messages, list) else []


def _text(content: Any) -> str:
    """The text of a content: plain, or blocks."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(str(block["text"]) for block in content if isinstance(block, Mapping) and block.get("text"))
