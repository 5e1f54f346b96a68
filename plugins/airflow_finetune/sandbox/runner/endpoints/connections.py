"""HTTP to one server process on this machine: connections that are kept, and a limit on the whole answer."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
READ_BYTES = 1 << 16


class TimedOut(Exception):
    """The process did not answer in time."""


class Broken(Exception):
    """The process closed the connection before or in its answer, or it does not listen; the text says which."""


@dataclass(frozen=True)
class Answer:
    """What a process answered.

    Attributes:
        status: HTTP status.
        headers: by lower-case name.
        body: the whole body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Opened:
    """An answer whose body still comes.

    Attributes:
        status: HTTP status.
        headers: by lower-case name.
        parts: the body as it comes; raises TimedOut or Broken. The connection is held until it ends or is closed.
    """

    status: int
    headers: Mapping[str, str]
    parts: Iterator[bytes]


class Connections:
    """The connections to one port, used by any number of threads.

    Args:
        port: of the process.
        timeout_seconds: from sending to the end of the answer.
    """

    def __init__(self, port: int, timeout_seconds: float) -> None:
        self._port, self._timeout_seconds = port, timeout_seconds
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._closed = self._draining = False
        self._promised = self._under_way = 0

    def promise(self) -> bool:
        """Promise one request, which ``open`` or ``post`` keeps; False when no request is taken any more."""
        with self._lock:
            if self._draining or self._closed:
                return False
            self._promised += 1
            return True

    def drain(self) -> None:
        """Take no further promise; what was promised before is still answered."""
        with self._lock:
            self._draining = True

    @property
    def is_quiet(self) -> bool:
        """Whether no answer is owed: nothing is promised, and nothing is on its way."""
        with self._lock:
            return not self._promised and not self._under_way

    def answers_ping(self, timeout_seconds: float) -> bool:
        """Say whether GET /ping gives 200 within the time."""
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=timeout_seconds)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request and read the whole answer.

        Raises:
            TimedOut: the answer was not complete in time.
            Broken: no answer, or half of one.
        """
        opened = self.open(path, body, headers)
        return Answer(opened.status, opened.headers, b"".join(opened.parts))

    def open(self, path: str, body: bytes, headers: Mapping[str, str]) -> Opened:
        """Send a request and read the head of the answer; raises as ``post`` does."""
        with self._lock:
            self._promised, self._under_way = max(0, self._promised - 1), self._under_way + 1
        try:
            return self._opened(path, body, headers)
        except BaseException:
            self._ended()
            raise

    def _opened(self, path: str, body: bytes, headers: Mapping[str, str]) -> Opened:
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            connection, used = self._take()
            connection.timeout = self._timeout_seconds
            try:
                if connection.sock is not None:
                    connection.sock.settimeout(self._timeout_seconds)
                connection.request("POST", path, body, dict(headers))
                response = connection.getresponse()
            except TimeoutError as error:
                connection.close()
                raise TimedOut from error
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if used and isinstance(error, ConnectionError | http.client.RemoteDisconnected):
                    continue  # the process had closed a kept connection: it has not read this request
                raise Broken(f"{type(error).__name__}: {error}") from error
            names = {name.lower(): value for name, value in response.getheaders()}
            return Opened(response.status, names, self._parts(connection, response, deadline))

    def _parts(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, deadline: float
    ) -> Iterator[bytes]:
        whole = False
        sock = connection.sock
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimedOut
                with contextlib.suppress(OSError, AttributeError):  # closed already when the answer ends with it
                    sock.settimeout(left)
                part = response.read1(READ_BYTES)
                if not part:
                    break
                yield part
            if response.length:
                raise Broken(f"the answer ended {response.length} bytes too early")
            whole = not response.will_close
            response.close()  # read1 does not, and an open answer bars the next request
        except TimeoutError as error:
            raise TimedOut from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Broken(f"{type(error).__name__}: {error}") from error
        finally:
            self._give_back(connection, whole)

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        return http.client.HTTPConnection(LOOPBACK, self._port, timeout=self._timeout_seconds), False

    def _ended(self) -> None:
        with self._lock:
            self._under_way -= 1

    def _give_back(self, connection: http.client.HTTPConnection, whole: bool) -> None:
        self._ended()
        with self._lock:
            if whole and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle; what is in use closes when it is done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
