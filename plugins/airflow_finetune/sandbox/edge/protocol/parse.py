"""Reads a request into members by their botocore names: what botocore's serializer wrote, read back."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from botocore.utils import parse_timestamp

from ..errors import AwsError
from . import query

_KINDS = {
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}
_TARGETS = {"string": "String", "integer": "Integer", "long": "Long", "float": "Float", "double": "Double",
            "boolean": "Boolean", "blob": "ByteBuffer", "timestamp": "Date"}  # fmt: skip


@dataclass(frozen=True)
class Message:
    """The parts of a request that members can lie in.

    Attributes:
        headers: lower-case names.
        query: the raw query string.
        labels: parts of the path, unquoted.
        body: the whole body.
    """

    headers: Mapping[str, str]
    query: str
    labels: Mapping[str, str]
    body: bytes


def refuse(value: Any, wanted: str) -> AwsError:
    """AWS's answer to a value of the wrong JSON type."""
    if wanted == "structure":
        return AwsError("SerializationException", "Unexpected value type in payload")
    if wanted in ("list", "map"):
        return AwsError("SerializationException", f"Unrecognized collection type: {_KINDS.get(type(value))}")
    kind = _KINDS.get(type(value), "VALUE")
    return AwsError("SerializationException", f"{kind} can not be converted to {_a(_TARGETS[wanted])}")


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "AEIOU" else f"a {noun}"


def parse(operation: Any, message: Message) -> dict[str, Any]:
    """Members of the operation's input by their botocore names; unknown keys are left out, as AWS does.

    Raises:
        AwsError: SerializationException when the body is not JSON or a value has the wrong type.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    if operation.service_model.resolved_protocol == "query":
        return query.read(operation, message.body, lambda text, member: _text(text, member, "iso8601"))
    if not operation.service_model.resolved_protocol.startswith("rest-"):
        return _structure(_json(message.body), shape)
    params = {
        name: value for name, member in shape.members.items() if (value := _located(name, member, message)) is not None
    }
    payload = shape.serialization.get("payload")
    if payload:
        value = _payload(shape.members[payload], message)
        if value is not None:
            params[payload] = value
    elif any("location" not in member.serialization for member in shape.members.values()):
        rest = _structure(_json(message.body), shape)
        params.update({name: rest[name] for name in rest if "location" not in shape.members[name].serialization})
    return params


def _json(body: bytes) -> Any:
    if not body.strip():
        return {}
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", f"The request body is not valid JSON: {error}") from error


def _payload(shape: Any, message: Message) -> Any:
    if shape.type_name == "blob":
        return message.body
    if shape.type_name == "string":
        return message.body.decode("utf-8", "replace")
    return _value(_json(message.body), shape) if message.body.strip() else None


def _located(name: str, shape: Any, message: Message) -> Any:
    location, key = shape.serialization.get("location"), shape.serialization.get("name", name)
    if location == "header" and key.lower() in message.headers:
        return _text(message.headers[key.lower()], shape, "rfc822")
    if location == "uri" and key in message.labels:
        return _text(message.labels[key], shape, "iso8601")
    if location == "querystring":
        return _query(key, shape, parse_qs(message.query, keep_blank_values=True))
    if location == "headers":
        found = {
            h[len(key) :]: v for h, v in message.headers.items() if h.startswith(key.lower()) and len(h) > len(key)
        }
        return found or None
    return None


def _query(key: str, shape: Any, query: Mapping[str, list[str]]) -> Any:
    if shape.type_name == "map":
        others = {name: values for name, values in query.items()}
        if shape.value.type_name == "list":
            return others or None
        return {name: values[0] for name, values in others.items()} or None
    if key not in query:
        return None
    if shape.type_name == "list":
        return [_text(text, shape.member, "iso8601") for text in query[key]]
    return _text(query[key][0], shape, "iso8601")


def _text(text: str, shape: Any, timestamp_format: str) -> Any:
    """A value that travelled as text, in a header, a path or a query string."""
    if shape.type_name == "list":
        return [_text(part.strip(), shape.member, timestamp_format) for part in text.split(",")]
    if shape.type_name == "timestamp":
        as_number = shape.serialization.get("timestampFormat", timestamp_format) == "unixTimestamp"
        return _time(float(text) if as_number else text, shape)
    if shape.serialization.get("jsonvalue"):
        return _json(base64.b64decode(text))
    reader = _TEXT_READERS.get(shape.type_name)
    try:
        return reader(text) if reader else text
    except ValueError:
        raise refuse(text, shape.type_name) from None


_TEXT_READERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda text: text.strip().lower() == "true",
    "blob": base64.b64decode,
}


def _structure(value: Any, shape: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(value, "structure")
    if getattr(shape, "is_document_type", False):
        return value
    return {
        name: _value(value[key], member)
        for name, member in shape.members.items()
        if value.get(key := member.serialization.get("name", name)) is not None
    }


def _list(value: Any, shape: Any) -> list[Any]:
    if not isinstance(value, list):
        raise refuse(value, "list")
    return [_value(item, shape.member) for item in value]


def _map(value: Any, shape: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(value, "map")
    return {key: _value(item, shape.value) for key, item in value.items()}


def _string(value: Any, shape: Any) -> Any:
    if not isinstance(value, str):
        raise refuse(value, "string")
    return value


def _whole(value: Any, shape: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(value, shape.type_name)
    if isinstance(value, float) and not math.isfinite(value):
        raise refuse(value, shape.type_name)
    return int(value)


def _number(value: Any, shape: Any) -> float:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(value, shape.type_name)
    return value


def _boolean(value: Any, shape: Any) -> bool:
    if not isinstance(value, bool):
        raise refuse(value, "boolean")
    return value


def _blob(value: Any, shape: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, TypeError):
        raise refuse(value, "blob") from None


def _time(value: Any, shape: Any) -> datetime:
    if isinstance(value, bool):
        raise refuse(value, "timestamp")
    try:
        moment = datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else parse_timestamp(value)
    except (ValueError, TypeError, OverflowError, OSError, RuntimeError):
        raise refuse(value, "timestamp") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_READERS: dict[str, Callable[[Any, Any], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "integer": _whole,
    "long": _whole,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "blob": _blob,
    "timestamp": _time,
}


def _value(value: Any, shape: Any) -> Any:
    return _READERS[shape.type_name](value, shape)
