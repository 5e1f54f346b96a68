"""Serves a model's inference.py by the contract of AWS's inference toolkit: run as a program, standard library only.

``model_fn(model_dir)`` loads once; then each request goes through ``transform_fn(model, body, content_type, accept)``,
or through ``input_fn(body, content_type)``, ``predict_fn(data, model)``, ``output_fn(prediction, accept)``. Each may
take one more argument, the context. Requests are answered by concurrent threads, so that a script may put together what
arrives together. A generator as output is streamed.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import inspect
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON, JSON_LINES, CSV, TEXT, BYTES = (
    "application/json",
    "application/jsonlines",
    "text/csv",
    "text/plain",
    "application/octet-stream",
)
TEXTS = frozenset({JSON, JSON_LINES, CSV})
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


class Refused(Exception):
    """A request that this program answers with an error status.

    Args:
        status: the HTTP status.
        message: what the client is told.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Context:
    """What a function with one more argument is given.

    Attributes:
        system_properties: ``model_dir`` and ``gpu_id``.
        request_headers: of this request; empty while the model loads.
        response_headers: what the script adds to the answer.
    """

    def __init__(self, model_dir: str, request_headers: dict[str, str]) -> None:
        self.system_properties = {"model_dir": model_dir, "gpu_id": None}
        self.request_headers = request_headers
        self.response_headers: dict[str, str] = {}

    def get_request_header(self, index: int, name: str) -> str | None:
        """Give a header of the request; ``index`` is there for scripts of the model server and always 0."""
        return next((value for key, value in self.request_headers.items() if key.lower() == name.lower()), None)

    def set_response_header(self, index: int, name: str, value: str) -> None:
        """Add a header to the answer."""
        self.response_headers[name] = value


def default_input(body: Any, content_type: str) -> Any:
    """Decode JSON, JSON Lines, CSV, text and bytes."""
    readers: dict[str, Callable[[Any], Any]] = {
        JSON: json.loads,
        JSON_LINES: lambda text: [json.loads(line) for line in text.splitlines() if line.strip()],
        CSV: lambda text: list(csv.reader(io.StringIO(text))),
        TEXT: lambda data: data.decode("utf-8"),
        BYTES: bytes,
    }
    if content_type not in readers:
        raise Refused(
            415, f"Content type {content_type} is not supported by the default input_fn: {sorted(readers)} are."
        )
    try:
        return readers[content_type](body)
    except ValueError as error:
        raise Refused(400, f"The body is not {content_type}: {error}") from error


def default_output(prediction: Any, accept: str) -> Any:
    """Encode as JSON, JSON Lines or CSV; bytes, generators, and texts for text/plain go as they are."""
    if isinstance(prediction, bytes) or inspect.isgenerator(prediction):
        return prediction, accept
    if isinstance(prediction, str) and accept == TEXT:
        return prediction, accept
    if accept == JSON:
        return json.dumps(prediction), accept
    if accept == JSON_LINES:
        return "".join(json.dumps(each) + "\n" for each in prediction), accept
    if accept == CSV:
        text = io.StringIO()
        csv.writer(text).writerows(row if isinstance(row, list | tuple) else [row] for row in prediction)
        return text.getvalue(), accept
    raise Refused(406, f"Accept {accept} is not supported by the default output_fn: JSON, JSON Lines and CSV are.")


def missing(name: str, what: str) -> Callable[..., Any]:
    """Make a function that says that the script has none of this name."""

    def refuse(*_: Any) -> Any:
        raise NotImplementedError(f"inference.py defines no {name}, and there is no default that could {what}.")

    return refuse


def call(function: Callable[..., Any], arguments: list[Any], context: Context) -> Any:
    """Call a function of the script, with the context if it takes one more argument."""
    try:
        inspect.signature(function).bind(*arguments, context)
    except TypeError:
        return function(*arguments)
    return function(*arguments, context)


class Model:
    """A script's functions and the model that they loaded.

    Args:
        program: path of inference.py.
        model_dir: handed to ``model_fn``.
    """

    def __init__(self, program: str, model_dir: str) -> None:
        folder = os.path.dirname(os.path.abspath(program))
        sys.path.insert(0, folder)
        name = os.path.splitext(os.path.basename(program))[0]
        spec = importlib.util.spec_from_file_location(name, program)
        if spec is None or spec.loader is None:
            raise ImportError(f"{program} is no Python file")
        script = importlib.util.module_from_spec(spec)
        sys.modules[name] = script
        spec.loader.exec_module(script)
        self.model_dir = model_dir
        self._transform = getattr(script, "transform_fn", None)
        self._input = getattr(script, "input_fn", default_input)
        self._predict = getattr(script, "predict_fn", missing("predict_fn", "predict"))
        self._output = getattr(script, "output_fn", default_output)
        load = getattr(script, "model_fn", missing("model_fn", "load this model"))
        self._model = call(load, [model_dir], Context(model_dir, {}))

    def answer(self, body: bytes, content_type: str, accept: str, context: Context) -> tuple[Any, str]:
        """Give the answer's body (bytes, text or a generator of them) and its content type."""
        data: Any = body
        if content_type in TEXTS:
            try:
                data = body.decode("utf-8")
            except UnicodeDecodeError as error:
                raise Refused(400, f"The body is not UTF-8, as {content_type} has to be: {error}") from error
        if self._transform is not None:
            output = call(self._transform, [self._model, data, content_type, accept], context)
        else:
            decoded = call(self._input, [data, content_type], context)
            prediction = call(self._predict, [decoded, self._model], context)
            output = call(self._output, [prediction, accept], context)
        return output if isinstance(output, tuple) else (output, accept)


class Handler(BaseHTTPRequestHandler):
    """GET /ping and POST /invocations."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body leave together
    disable_nagle_algorithm = True
    model: Model

    def do_GET(self) -> None:
        """Answer /ping: the model is loaded, or this program would not listen."""
        self._send(200 if self.path == "/ping" else 404, b"", JSON)

    def do_POST(self) -> None:
        """Answer /invocations."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            self._send_error(411, "A Content-Length is needed.")
            return
        body = self.rfile.read(int(length))
        if self.path != "/invocations":
            self._send_error(404, f"There is no {self.path} here.")
            return
        content_type = (self.headers.get("Content-Type") or JSON).split(";")[0].strip().lower()
        accept = (self.headers.get("Accept") or "*/*").split(",")[0].split(";")[0].strip()
        if accept in ("*/*", ""):
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        context = Context(self.model.model_dir, dict(self.headers.items()))
        try:
            output, kind = self.model.answer(body, content_type, accept, context)
        except Refused as refused:
            self._send_error(refused.status, str(refused))
        except Exception as error:  # whatever a script raises is an answer with status 500, and in the log
            traceback.print_exc()
            self._send_error(500, f"{type(error).__name__}: {error}")
        else:
            if isinstance(output, Iterator):
                self._stream(output, kind, context.response_headers)
            else:
                self._send(200, output.encode() if isinstance(output, str) else output, kind, context.response_headers)

    def _send_error(self, status: int, message: str) -> None:
        names = {
            400: "BadRequest",
            404: "NotFound",
            406: "NotAcceptable",
            411: "LengthRequired",
            415: "UnsupportedMediaType",
        }
        document = {"code": status, "type": names.get(status, "InternalServerException"), "message": message}
        self._send(status, json.dumps(document).encode(), JSON)

    def _head(self, status: int, kind: str, further: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in further.items():
            self.send_header(name, value)

    def _send(self, status: int, body: bytes, kind: str, further: dict[str, str] | None = None) -> None:
        self._head(status, kind, further or {})
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _stream(self, parts: Iterator[Any], kind: str, further: dict[str, str]) -> None:
        self._head(200, kind, {**further, "Transfer-Encoding": "chunked"})
        self.end_headers()
        try:
            for part in parts:
                data = part.encode() if isinstance(part, str) else part
                if data:
                    self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                    self.wfile.flush()
        except Exception:  # the head is sent: only a connection that breaks off can still tell the client
            traceback.print_exc()
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Log invocations, but not the pings that come all the time."""
        if self.path != "/ping":
            print(format % args, flush=True)


class Server(ThreadingHTTPServer):
    """One thread per connection; many may knock at once."""

    request_queue_size = 256
    daemon_threads = True


def main() -> None:
    """Load the model, then serve until somebody ends this program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help="inference.py")
    parser.add_argument("--model-dir", required=True)
    arguments = parser.parse_args()
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    Handler.model = Model(arguments.program, arguments.model_dir)
    server = Server(("127.0.0.1", port), Handler)
    print(f"Model loaded; serving {arguments.program} on port {port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
