"""HTTP/1.1 with keep-alive for many clients at once; never an HTML page, never a dead thread."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from .errors import AwsError

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_DRAIN_BYTES = 1024 * 1024
_LONGEST_LENGTH = 13  # digits: S3's largest object has 5 TB
_NO_BODY = (204, 304)


class Body(io.RawIOBase):
    """The body of one request: ends where its header says, and complains when the client stops earlier."""

    def __init__(self, source: Any, length: int) -> None:
        self._source = source
        self.remaining = length

    def readable(self) -> bool:
        """It can be read."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes; all that is left for a negative size.

        Raises:
            AwsError: IncompleteBody when the client ended early, RequestTimeout when it was too slow.
        """
        wanted = self.remaining if size is None or size < 0 else min(size, self.remaining)
        if not wanted:
            return b""
        try:
            content: bytes = self._source.read(wanted)
        except TimeoutError:
            self.remaining = -1
            raise AwsError(
                "RequestTimeout",
                "Your socket connection to the server was not read from or written to within the timeout period.",
            ) from None
        if len(content) < wanted:
            self.remaining = -1
            raise AwsError(
                "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header"
            )
        self.remaining -= wanted
        return content

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, as `io` wants it."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


class ChunkedBody(io.RawIOBase):
    """A body that came in chunks; complains when the chunks are cut off or are none."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, as `io` wants it.

        Raises:
            AwsError: IncompleteBody.
        """
        try:
            return int(self._source.readinto(buffer))
        except (OSError, ValueError):
            raise AwsError("IncompleteBody", "The chunked request body is cut off or malformed.") from None


class Connection(WSGIRequestHandler):  # type: ignore[misc]  # werkzeug is not read by mypy, see pyproject
    """One client's connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        """Take the server's time limit for a client that says nothing."""
        self.timeout = self.server.idle_timeout_seconds
        super().setup()

    def run_wsgi(self) -> None:
        """Answer one request and leave the connection ready for the next."""
        self.connection.settimeout(self.server.read_timeout_seconds)
        self._exchange()
        with contextlib.suppress(OSError):
            self.connection.settimeout(self.server.idle_timeout_seconds)

    def _exchange(self) -> None:
        try:
            environ = self.make_environ()
            body = self._body(environ)
        except ValueError as error:
            self.send_error(HTTPStatus.BAD_REQUEST, str(error))
            return
        try:
            self._answer(environ, self.server.app)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:
            traceback.print_exc(file=sys.stderr)
            self.close_connection = True
        if isinstance(body, Body) and not self._drained(body):
            self.close_connection = True

    def make_environ(self) -> dict[str, Any]:
        """As werkzeug, but S3 metadata keep the underscores in their names where moto can take them."""
        environ: dict[str, Any] = super().make_environ()
        kept = {name.upper().replace("-", "_"): name for name in self.headers if _is_metadata_with_underscore(name)}
        for key, name in kept.items():
            environ.setdefault(f"HTTP_{key}", self.headers[name])
        environ["moto.preserved_header_names"] = {f"HTTP_{key}": name for key, name in kept.items()}
        return environ

    def _body(self, environ: dict[str, Any]) -> Any:
        if environ.get("wsgi.input_terminated"):
            environ["wsgi.input"] = ChunkedBody(environ["wsgi.input"])
            self.close_connection = True  # werkzeug's reader does not say where a chunked body ended
            return environ["wsgi.input"]
        text = environ.get("CONTENT_LENGTH") or "0"
        if not text.isdigit() or len(text) > _LONGEST_LENGTH:
            raise ValueError(f"Content-Length is not a number of bytes: {text[:40]}")
        environ["wsgi.input"] = body = Body(self.rfile, int(text))
        return body

    def _drained(self, body: Body) -> bool:
        """Read what the application left, so that the next request starts where it should."""
        if body.remaining < 0 or body.remaining > _DRAIN_BYTES:
            return False
        with contextlib.suppress(AwsError, OSError):
            body.read()
        return body.remaining == 0

    def _answer(self, environ: dict[str, Any], app: WsgiApp) -> None:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
            started[:] = [status, headers]
            return lambda data: None

        pieces = app(environ, start_response)
        try:
            status, headers = started
            if isinstance(pieces, list):
                self._send(status, headers, b"".join(pieces))
            else:
                self._stream(status, headers, pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    def _send(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        known = {name.lower() for name, _ in headers}
        if "content-length" not in known and int(status[:3]) not in _NO_BODY:
            headers = [*headers, ("Content-Length", str(len(content)))]
        has_body = self.command != "HEAD" and int(status[:3]) not in _NO_BODY
        self.wfile.write(self._head(status, headers) + (content if has_body else b""))

    def _stream(self, status: str, headers: list[tuple[str, str]], pieces: Iterable[bytes]) -> None:
        sized = any(name.lower() == "content-length" for name, _ in headers)
        if self.command == "HEAD" or int(status[:3]) in _NO_BODY:
            self.wfile.write(self._head(status, headers))
            return
        if sized or self.request_version == "HTTP/1.0":
            self.close_connection |= not sized
            self.wfile.write(self._head(status, headers))
            for piece in pieces:
                self.wfile.write(piece)
            return
        self.wfile.write(self._head(status, [*headers, ("Transfer-Encoding", "chunked")]))
        for piece in pieces:
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, status: str, headers: list[tuple[str, str]]) -> bytes:
        if any(name.lower() == "connection" and value.lower() == "close" for name, value in headers):
            self.close_connection = True
        lines = [f"HTTP/1.1 {status}", f"Date: {self.date_time_string()}", "Server: sandbox"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() not in ("date", "server", "connection")]
        lines.append(f"Connection: {'close' if self.close_connection else 'keep-alive'}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is not HTTP, in AWS's form instead of a page."""
        self.close_connection = True
        text = (message or HTTPStatus(code).phrase).replace('"', "'").replace("\\", "/")
        content = f'{{"__type":"BadRequest","message":"{text}"}}'.encode("latin-1", "replace")
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
        with contextlib.suppress(OSError):
            self.wfile.write(self._head(f"{int(code)} {HTTPStatus(code).phrase}", headers) + content)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: the call log tells more."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the call log tells more."""


def _is_metadata_with_underscore(name: str) -> bool:
    return "_" in name and name.lower().startswith("x-amz-meta-")


def cut(environ: dict[str, Any]) -> ConnectionResetError:
    """Make the client see a reset (RST) instead of an answer; raise what this returns."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return ConnectionResetError("cut by a fault rule")


class Server(ThreadedWSGIServer):  # type: ignore[misc]  # as above
    """The listening socket; one thread per connection.

    Args:
        host: a loopback address.
        port: 0 for any free one.
        app: answers requests.
        read_timeout_seconds: how long a client may take over what it promised to send.
        idle_timeout_seconds: how long a connection is kept for a client that says nothing.
    """

    request_queue_size = 1024
    daemon_threads = True

    def __init__(
        self, host: str, port: int, app: WsgiApp, read_timeout_seconds: float, idle_timeout_seconds: float = 300.0
    ) -> None:
        self.read_timeout_seconds, self.idle_timeout_seconds = read_timeout_seconds, idle_timeout_seconds
        self._open: set[socket.socket] = set()
        super().__init__(host, port, app, handler=Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that the end of the server ends it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close without a farewell where a fault asked for a reset."""
        self._open.discard(request)
        if _is_cut(request):
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's error; all else is printed."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc(file=sys.stderr)

    def close_connections(self) -> None:
        """End every open connection, so that no thread waits for a client that says no more."""
        for request in list(self._open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


def _is_cut(connection: socket.socket) -> bool:
    try:
        linger = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
    except OSError:
        return False
    return struct.unpack("ii", linger) == (1, 0)
