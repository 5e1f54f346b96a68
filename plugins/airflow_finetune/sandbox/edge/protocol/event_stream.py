"""Frames of AWS's event streams: the server's half of what botocore's parser reads."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ..errors import AwsError

Body = Callable[[Mapping[str, Any], Any], bytes]

_BOOLEAN_TRUE, _BOOLEAN_FALSE, _BYTE, _SHORT, _INTEGER, _LONG, _BYTES, _STRING, _TIMESTAMP = range(9)


def encode(events: Iterable[Mapping[str, Any]], shape: Any, body: Body) -> Iterator[bytes]:
    """One frame per event, made as the events come.

    Args:
        events: ``{"PayloadPart": {"Bytes": b"..."}}`` and so on, by the names of the stream's members.
        shape: the event stream's shape.
        body: writes an event's members as the protocol does.

    An ``AwsError`` that the iterable raises becomes an exception frame, modelled or not, and ends the stream.
    """
    try:
        for event in events:
            for name, members in event.items():
                yield _event(name, members, shape.members[name], body)
    except AwsError as error:
        yield _failure(error, shape, body)


def _event(name: str, members: Mapping[str, Any], shape: Any, body: Body) -> bytes:
    kind = "exception" if shape.metadata.get("exception") else "event"
    headers: dict[str, Any] = {":message-type": kind, f":{kind}-type": name}
    inside = dict(members)
    payload, content_type = b"", ""
    for key, member in shape.members.items():
        if member.serialization.get("eventheader") and inside.get(key) is not None:
            headers[key] = inside.pop(key)
        elif member.serialization.get("eventpayload") and inside.get(key) is not None:
            value = inside.pop(key)
            payload, content_type = _payload(value, member, body)
    if not content_type:
        payload, content_type = (
            (body(inside, shape), "application/json") if inside or kind == "exception" else (b"", "")
        )
    if content_type:
        headers[":content-type"] = content_type
    return frame(headers, payload)


def _payload(value: Any, shape: Any, body: Body) -> tuple[bytes, str]:
    if shape.type_name == "blob":
        return bytes(value), "application/octet-stream"
    if shape.type_name == "string":
        return value.encode(), "text/plain"
    return body(value, shape), "application/json"


def _failure(error: AwsError, shape: Any, body: Body) -> bytes:
    if error.code in shape.members:
        member = shape.members[error.code]
        text = {name: error.message for name in member.members if name.lower() == "message"}
        return _event(error.code, {**text, **error.members}, member, body)
    return frame({":message-type": "error", ":error-code": error.code, ":error-message": error.message}, b"")


def frame(headers: Mapping[str, Any], payload: bytes) -> bytes:
    """One frame: lengths, checksum, headers, payload, checksum."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", len(head) + len(payload) + 16, len(head))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _header(name: str, value: Any) -> bytes:
    key = name.encode()
    return struct.pack("!B", len(key)) + key + _header_value(value)


def _header_value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("!B", _BOOLEAN_TRUE if value else _BOOLEAN_FALSE)
    if isinstance(value, int):
        small = -(2**31) <= value < 2**31
        return struct.pack("!Bi", _INTEGER, value) if small else struct.pack("!Bq", _LONG, value)
    if isinstance(value, datetime):
        return struct.pack("!Bq", _TIMESTAMP, int(value.timestamp() * 1000))
    kind, data = (_BYTES, value) if isinstance(value, bytes) else (_STRING, str(value).encode())
    return struct.pack("!BH", kind, len(data)) + data
