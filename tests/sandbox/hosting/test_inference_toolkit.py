"""The inference toolkit's contract, by the program alone: no sandbox, no endpoint."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.sandbox.runner.endpoints import container
from airflow_finetune.sandbox.runner.endpoints.connections import Connections
from airflow_finetune.sandbox.runner.endpoints.replica import _free_port
from tests.sandbox.hosting.account import until

MINIMAL = "def model_fn(model_dir): return model_dir\ndef predict_fn(data, model): return data\n"


class Served:
    """A running toolkit."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    def ask(self, body: Any, kind: str = "application/json", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", "/invocations", data, {"Content-Type": kind, **headers})
        answer = connection.getresponse()
        found = (answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        connection.close()
        return found


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Served]]:
    processes = []

    def start(script: str, wait: bool = True) -> Served:
        (tmp_path / "code").mkdir(exist_ok=True)
        program = tmp_path / "code" / "inference.py"
        program.write_text(script)
        port = _free_port()
        process = subprocess.Popen(
            [sys.executable, "-P", str(container.TOOLKIT), "--program", str(program), "--model-dir", str(tmp_path)],
            env={"PATH": os.environ["PATH"], "SAGEMAKER_BIND_TO_PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        if wait:
            until(lambda: process.poll() is not None or Connections(port, 5).answers_ping(2))
        return Served(process, port)

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_json_goes_in_and_out_by_default(serve: Callable[[str], Served]) -> None:
    served = serve(MINIMAL)
    status, headers, body = served.ask({"a": ["ü", 1]})
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {"a": ["ü", 1]})
    assert served.ask(b"[1]", kind="application/json; charset=utf-8")[0] == 200


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("text/csv", b"1,2\n3,4\n", [["1", "2"], ["3", "4"]]),
        ("application/jsonlines", b'{"a": 1}\n\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ("text/plain", "grüße".encode(), "grüße"),
    ],
)
def test_other_content_types_are_decoded(serve: Callable[[str], Served], kind: str, body: bytes, expected: Any) -> None:
    script = MINIMAL + "def output_fn(prediction, accept):\n    import json\n    return json.dumps(prediction)\n"
    status, _, answer = serve(script).ask(body, kind=kind)
    assert (status, json.loads(answer)) == (200, expected)


def test_the_answer_has_the_type_that_was_asked_for(serve: Callable[[str], Served]) -> None:
    served = serve(MINIMAL)
    assert served.ask([[1, 2], [3, 4]], Accept="text/csv")[1:] == (
        {**served.ask([[1, 2], [3, 4]], Accept="text/csv")[1]},
        b"1,2\r\n3,4\r\n",
    )
    assert served.ask([{"a": 1}], Accept="application/jsonlines")[2] == b'{"a": 1}\n'
    status, _, body = served.ask([1], Accept="image/png")
    assert (status, json.loads(body)["type"]) == (406, "NotAcceptable")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"{", "application/json", 400), (b"\xff\xfe", "application/json", 400), (b"x", "image/png", 415)],
)
def test_a_body_that_is_not_what_its_header_says_is_the_clients_error(
    serve: Callable[[str], Served], body: bytes, kind: str, status: int
) -> None:
    assert serve(MINIMAL).ask(body, kind=kind)[0] == status


def test_an_exception_of_the_script_is_an_answer_and_the_server_goes_on(serve: Callable[[str], Served]) -> None:
    served = serve(MINIMAL.replace("return data", "return 1 / data"))
    status, _, body = served.ask(0)
    assert status == 500
    assert json.loads(body) == {
        "code": 500,
        "type": "InternalServerException",
        "message": "ZeroDivisionError: division by zero",
    }
    assert served.ask(1)[0] == 200


def test_transform_fn_takes_the_whole_request(serve: Callable[[str], Served]) -> None:
    script = """
def model_fn(model_dir): return "model"
def transform_fn(model, body, content_type, accept): return f"{model} {body!r} {content_type} {accept}", "text/plain"
"""
    status, headers, body = serve(script).ask(b"raw", kind="application/x-own", Accept="application/x-other")
    assert (status, headers["content-type"], body) == (
        200,
        "text/plain",
        b"model b'raw' application/x-own application/x-other",
    )


def test_every_function_may_take_the_context(serve: Callable[[str], Served]) -> None:
    script = """
def model_fn(model_dir, context): return context.system_properties["model_dir"] == model_dir
def input_fn(body, content_type, context): return context.get_request_header(0, "x-amzn-sagemaker-custom-attributes")
def predict_fn(data, model, context): return [data, model]
def output_fn(prediction, accept, context):
    import json
    context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "seen")
    return json.dumps(prediction)
"""
    _, headers, body = serve(script).ask(1, **{"X-Amzn-SageMaker-Custom-Attributes": "trace=1"})
    assert json.loads(body) == ["trace=1", True]
    assert headers["x-amzn-sagemaker-custom-attributes"] == "seen"


def test_a_type_error_inside_a_function_is_not_taken_for_a_missing_argument(serve: Callable[[str], Served]) -> None:
    served = serve(MINIMAL.replace("return data", "return data + 'text'"))
    assert "unsupported operand" in json.loads(served.ask(1)[2])["message"]


def test_requests_arrive_together_so_that_a_script_can_batch_them(serve: Callable[[str], Served]) -> None:
    script = """
import threading
together = threading.Barrier(8, timeout=30)
def model_fn(model_dir): return None
def predict_fn(data, model):
    together.wait()
    return data
"""
    served = serve(script)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(json.loads(served.ask(n)[2]))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(8))


def test_a_generator_is_streamed_part_by_part(serve: Callable[[str], Served]) -> None:
    script = """
def model_fn(model_dir): return None
def predict_fn(data, model): return (f"part {n} " for n in range(data))
def output_fn(prediction, accept): return prediction, "text/plain"
"""
    connections = Connections(serve(script).port, 30)
    opened = connections.open("/invocations", b"3", {"Content-Type": "application/json"})
    assert (opened.status, opened.headers["transfer-encoding"]) == (200, "chunked")
    assert b"".join(opened.parts) == b"part 0 part 1 part 2 "
    connections.close()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("raise RuntimeError('broken at import')", "broken at import"),
        ("def predict_fn(data, model): return data", "inference.py defines no model_fn"),
        ("def model_fn(model_dir): raise OSError('no weights')", "no weights"),
    ],
)
def test_a_model_that_does_not_load_ends_the_program_with_the_reason(
    serve: Callable[..., Served], script: str, reason: str
) -> None:
    served = serve(script, wait=False)
    said, _ = served.process.communicate(timeout=60)
    assert served.process.returncode == 1
    assert reason in said


def test_modules_beside_the_script_can_be_imported_and_those_of_the_sandbox_cannot(
    serve: Callable[[str], Served], tmp_path: Path
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "container.py").write_text("whose = 'the user'")
    script = "import container\ndef model_fn(d): return container.whose\ndef predict_fn(data, model): return model\n"
    assert json.loads(serve(script).ask(1)[2]) == "the user"


def test_other_paths_and_bodies_without_a_length_are_refused(serve: Callable[[str], Served]) -> None:
    port = serve(MINIMAL).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/other")
    assert connection.getresponse().read() == b""
    connection.request("POST", "/other", b"1")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["type"]) == (404, "NotFound")
    connection.putrequest("POST", "/invocations")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()
