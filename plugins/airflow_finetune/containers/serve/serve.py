"""A small HTTP server for images of one's own: GET /ping and POST /invocations, as SageMaker's hosting asks for."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import inference  # type: ignore[import-not-found,unused-ignore]  # beside this file
from answering.questions import BadRequest  # type: ignore[import-not-found,unused-ignore]  # likewise

MOST_BYTES = 6 * 1024 * 1024
"""AWS's limit for the body of a real-time request in most regions and containers."""
LOOK_SECONDS = 0.5


class Handler(BaseHTTPRequestHandler):
    """Answers one connection; a bad request or a failing model never ends the server."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: Server

    def do_GET(self) -> None:
        """Answers /ping: 200 when the model is loaded, 503 before."""
        if self.path.split("?")[0] != "/ping":
            self._send(404, {"error": f"{self.path}: there is /ping and /invocations."})
        elif self.server.model is None:
            self._send(503, {"error": "the model is being loaded."})
        else:
            self._send(200, {})

    def do_POST(self) -> None:
        """Answers /invocations."""
        body = self._body()
        if body is None:
            return
        if self.path.split("?")[0] != "/invocations":
            self._send(404, {"error": f"{self.path}: there is /ping and /invocations."})
            return
        if self.server.model is None:
            self._send(503, {"error": "the model is being loaded."})
            return
        try:
            request = inference.input_fn(body, self.headers.get("Content-Type", "application/json"))
            prediction = inference.predict_fn(request, self.server.model)
            answer = inference.output_fn(prediction, self.headers.get("Accept", "application/json"))
        except BadRequest as error:
            self._send(400, {"error": str(error)})
        except Exception as error:  # the server outlives its requests
            self._send(500, {"error": f"{type(error).__name__}: {error}"})
        else:
            self._send(200, answer)

    def _body(self) -> bytes | None:
        """Returns the body; answers and closes where its length is missing, wrong or too large."""
        text = self.headers.get("Content-Length", "")
        if not text.isdigit():
            return self._refuse(411, "Content-Length: give the length of the body.")
        if int(text) > MOST_BYTES:
            return self._refuse(413, f"body: {text} bytes are more than {MOST_BYTES}. Send less at once.")
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            return self._refuse(400, f"body: {len(body)} bytes came, Content-Length says {text}.")
        return body

    def _refuse(self, status: int, text: str) -> bytes | None:
        self.close_connection = True  # what is left of the body must not be read as the next request
        self._send(status, {"error": text})
        return None

    def _send(self, status: int, content: Mapping[str, Any] | str) -> None:
        raw = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Writes a line for each request but /ping, which comes every few seconds."""
        if self.path.split("?")[0] != "/ping":
            print(format % args, flush=True)


class Server(ThreadingHTTPServer):
    """The server; ``model`` is None until it is loaded."""

    daemon_threads = True
    request_queue_size = 128
    model: Any = None


def main() -> int:
    """Serves until SIGTERM; returns the exit code."""
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    host = os.environ.get("SERVE_HOST") or "0.0.0.0"  # noqa: S104 - a container's port is mapped from outside
    server, ended = Server((host, port), Handler), threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    print(f"listening on port {server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="http").start()
    try:
        server.model = inference.model_fn(os.environ.get("SM_MODEL_DIR") or "/opt/ml/model")
    except Exception as error:  # the endpoint must fail at once and say why
        print(f"ERROR {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        server.shutdown()
        return 1
    print("model loaded", flush=True)
    # The main thread stays: on Python 3.12 a program that is over can start no thread to end the server with. And it
    # looks again and again: a signal that the system gives to another thread wakes no wait without a limit.
    while not ended.wait(LOOK_SECONDS):
        pass
    server.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
