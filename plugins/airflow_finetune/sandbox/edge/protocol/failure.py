"""Writes an error so that the client's own parser finds code, text and request id, whatever the protocol."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape

from ..errors import AwsError
from .serialize import Answer, event_body

_SENDER, _RECEIVER = "Sender", "Receiver"


def failure(error: AwsError, protocol: str, service: str, operation: Any, request_id: str) -> Answer:
    """The answer for an error.

    Args:
        error: what the service raised.
        protocol: as in ``Route.protocol``; an unknown one is answered as rest-json.
        service: botocore's name of the service.
        operation: its model where the service is ours, so that modelled members are written; None elsewhere.
        request_id: what the client sees as ``RequestId``.
    """
    if protocol in ("query", "ec2", "rest-xml"):
        return _xml(error, protocol, service, request_id)
    if protocol == "smithy-rpc-v2-cbor":
        body = _cbor({"__type": error.code, "message": error.message})
        headers = [("smithy-protocol", protocol), ("Content-Type", "application/cbor")]
        return Answer(error.status, [*headers, ("x-amzn-RequestId", request_id)], body)
    members = _members(error, operation)
    headers = [("x-amzn-RequestId", request_id)]
    if protocol == "json":
        content = {"__type": error.code, **members}
        headers.append(("Content-Type", "application/x-amz-json-1.1"))
    else:
        content = members
        headers += [("x-amzn-ErrorType", error.code), ("Content-Type", "application/json")]
    return Answer(error.status, headers, json.dumps(content).encode())


def _members(error: AwsError, operation: Any) -> dict[str, Any]:
    shapes = operation.error_shapes if operation is not None else ()
    for shape in shapes:
        if error.code in (shape.error_code, shape.name):
            text = {name: error.message for name in shape.members if name.lower() == "message"}
            members: dict[str, Any] = json.loads(event_body({**text, **error.members}, shape))
            return members if text else {"message": error.message, **members}
    return {"message": error.message}


def _xml(error: AwsError, protocol: str, service: str, request_id: str) -> Answer:
    code, message = escape(error.code), escape(error.message)
    inside = f"<Code>{code}</Code><Message>{message}</Message>"
    if service == "s3":
        text = f"<Error>{inside}<RequestId>{request_id}</RequestId><HostId>sandbox</HostId></Error>"
    elif protocol == "ec2":
        text = f"<Response><Errors><Error>{inside}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        fault = _SENDER if error.status < 500 else _RECEIVER
        text = f"<Error><Type>{fault}</Type>{inside}</Error><RequestId>{request_id}</RequestId>"
        text = f"<ErrorResponse>{text}</ErrorResponse>"
    headers = [("Content-Type", "text/xml"), ("x-amz-request-id", request_id), ("x-amzn-RequestId", request_id)]
    return Answer(error.status, headers, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode())


def _cbor(members: dict[str, str]) -> bytes:
    """A CBOR map of text to text, all that an error needs."""
    return _head(5, len(members)) + b"".join(_cbor_text(key) + _cbor_text(text) for key, text in members.items())


def _cbor_text(text: str) -> bytes:
    encoded = text.encode()
    return _head(3, len(encoded)) + encoded


def _head(major: int, size: int) -> bytes:
    if size < 24:
        return bytes([major << 5 | size])
    return bytes([major << 5 | 26]) + size.to_bytes(4, "big")
