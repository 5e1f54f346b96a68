"""Writes members by their botocore names into an answer that botocore's parser reads back."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from . import event_stream, query


@dataclass(frozen=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: the HTTP status.
        headers: names and values.
        body: the whole body, or an iterator of pieces that are sent as they come.
    """

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Iterator[bytes] = b""


def serialize(operation: Any, members: Mapping[str, Any], request_id: str) -> Answer:
    """The answer of a JSON, REST-JSON or query operation.

    Raises:
        TypeError: a handler gave a value that the shape cannot hold; that is a bug of the sandbox.
    """
    shape, status = operation.output_shape, operation.http.get("responseCode", 200)
    headers = [("x-amzn-RequestId", request_id)]
    if operation.service_model.resolved_protocol == "query":
        xml = query.write(operation, members, request_id, _query_text)
        return Answer(200, [*headers, ("Content-Type", "text/xml")], xml)
    if not operation.service_model.resolved_protocol.startswith("rest-"):
        version = operation.metadata.get("jsonVersion", "1.1")
        body = _dump(_structure(members, shape) if shape else {})
        return Answer(200, [*headers, ("Content-Type", f"application/x-amz-json-{version}")], body)
    if shape is None:
        return Answer(status, headers, b"")
    headers += _headers(members, shape)
    for name, member in shape.members.items():
        if member.serialization.get("location") == "statusCode" and members.get(name) is not None:
            status = members[name]
    content_type, content = _content(members, shape)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", content_type))
    return Answer(status, headers, content)


def _content(members: Mapping[str, Any], shape: Any) -> tuple[str, bytes | Iterator[bytes]]:
    payload = shape.serialization.get("payload")
    if payload is None:
        inside = {name: member for name, member in shape.members.items() if "location" not in member.serialization}
        return "application/json", _dump(_members(members, inside))
    value, member = members.get(payload), shape.members[payload]
    if getattr(member, "serialization", {}).get("eventstream"):
        return "application/vnd.amazon.eventstream", event_stream.encode(value or (), member, event_body)
    if value is None:
        return "application/json", b"{}" if member.type_name == "structure" else b""
    if member.type_name in ("blob", "string"):
        return "application/octet-stream", value.encode() if isinstance(value, str) else bytes(value)
    return "application/json", _dump(_value(value, member))


def event_body(members: Mapping[str, Any], shape: Any) -> bytes:
    """An event's members as JSON."""
    return _dump(_structure(members, shape))


def _headers(members: Mapping[str, Any], shape: Any) -> list[tuple[str, str]]:
    headers = []
    for name, member in shape.members.items():
        value, place = members.get(name), member.serialization.get("location")
        key = member.serialization.get("name", name)
        if value is None:
            continue
        if place == "header":
            headers.append((key, _text(value, member)))
        elif place == "headers":
            headers += [(f"{key}{name}", str(item)) for name, item in value.items()]
    return headers


def _text(value: Any, shape: Any) -> str:
    """A value as the text of a header."""
    kind = shape.type_name
    if kind == "timestamp":
        return _moment(value, shape.serialization.get("timestampFormat", "rfc822"))
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind == "list":
        return ",".join(_text(item, shape.member) for item in value)
    if kind == "string" and shape.serialization.get("jsonvalue"):
        return base64.b64encode(_dump(value)).decode()
    return str(value)


def _query_text(value: Any, shape: Any) -> str:
    """A value as the text of an XML element."""
    return _moment(value, "iso8601") if shape.type_name == "timestamp" else _text(value, shape)


def _moment(value: datetime, form: str) -> str:
    if form == "unixTimestamp":
        return str(_epoch(value))
    if form == "iso8601":
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return format_datetime(value.astimezone(UTC), usegmt=True)


def _epoch(value: datetime) -> float | int:
    seconds = round(value.timestamp(), 3)
    return int(seconds) if seconds.is_integer() else seconds


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _members(value: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        member.serialization.get("name", name): _value(value[name], member)
        for name, member in members.items()
        if value.get(name) is not None
    }


def _structure(value: Any, shape: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"{shape.name} must be a mapping, not {type(value).__name__}")
    if getattr(shape, "is_document_type", False):
        return value
    unknown = value.keys() - shape.members.keys()
    if unknown:
        raise TypeError(f"{shape.name} has no members {sorted(unknown)}")
    return _members(value, shape.members)


def _time(value: Any, shape: Any) -> Any:
    if not isinstance(value, datetime):
        raise TypeError(f"{shape.name} must be a datetime, not {type(value).__name__}")
    form = shape.serialization.get("timestampFormat", "unixTimestamp")
    return _epoch(value) if form == "unixTimestamp" else _moment(value, form)


def _number(value: Any, shape: Any) -> Any:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _string(value: Any, shape: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shape.name} must be text, not {type(value).__name__}")
    return value


_WRITERS: dict[str, Callable[[Any, Any], Any]] = {
    "structure": _structure,
    "list": lambda value, shape: [_value(item, shape.member) for item in value],
    "map": lambda value, shape: {str(key): _value(item, shape.value) for key, item in value.items()},
    "string": _string,
    "character": _string,
    "integer": lambda value, shape: int(value),
    "long": lambda value, shape: int(value),
    "float": _number,
    "double": _number,
    "boolean": lambda value, shape: bool(value),
    "blob": lambda value, shape: base64.b64encode(value).decode(),
    "timestamp": _time,
}


def _value(value: Any, shape: Any) -> Any:
    return _WRITERS[shape.type_name](value, shape)
