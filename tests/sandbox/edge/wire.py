"""Speaks HTTP by hand, so that a test can send what no client library would."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
)


@dataclass(frozen=True)
class Reply:
    """One answer off the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def signature(service: str = "sagemaker", region: str = "us-east-1", key: str = "AKIDEXAMPLE") -> str:
    return AUTHORIZATION.format(service=service, region=region, key=key)


def message(
    body: bytes = b"{}",
    *,
    target: str | None = "SageMaker.ListTrainingJobs",
    path: str = "/",
    method: str = "POST",
    **headers: str,
) -> bytes:
    """A request as bytes; ``content_length="5"`` and so on replace or add headers, an empty text leaves one out."""
    chosen = {
        "host": "127.0.0.1",
        "authorization": signature(),
        "content-type": "application/x-amz-json-1.1",
        "content-length": str(len(body)),
        **({"x-amz-target": target} if target else {}),
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in chosen.items() if text)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Wire:
    """One connection.

    Args:
        url: of the sandbox.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=20)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def end(self) -> None:
        """Say that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def ended(self) -> bool:
        """Whether the server has closed the connection; waits for it to do something."""
        return self._file.read(1) == b""

    def rest(self) -> bytes:
        """Everything until the server closes."""
        return self._file.read()

    def reply(self, body: bool = True) -> Reply:
        """Read one answer; ``body=False`` for an answer to HEAD."""
        first = self._file.readline()
        if not first:
            raise ConnectionError("the server closed the connection without an answer")
        headers = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, text = line.decode("latin-1").partition(":")
            headers[name.lower()] = text.strip()
        size = int(headers.get("content-length", "0")) if body else 0
        return Reply(int(first.split()[1]), headers, self._file.read(size))


def ask(url: str, content: bytes, *, half_close: bool = False) -> Reply:
    """Send one request on a connection of its own and read its answer."""
    with Wire(url) as wire:
        wire.send(content)
        if half_close:
            wire.end()
        return wire.reply()
