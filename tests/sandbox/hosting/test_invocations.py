"""InvokeEndpoint: what goes through unchanged, what is refused, what happens when a container misbehaves."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from airflow_finetune.sandbox.edge.call import Call
from airflow_finetune.sandbox.edge.errors import AwsError
from airflow_finetune.sandbox.runner.endpoints.connections import Broken, Connections, TimedOut
from airflow_finetune.sandbox.services.sagemaker_runtime.invoke import invoke_endpoint
from tests.sandbox.hosting.account import Account

MIRROR = """
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept, context):
    sent = context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")
    if sent:
        context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", sent.upper())
    return body, content_type
"""

STREAM = """
def model_fn(model_dir): return None
def predict_fn(data, model):
    for n in range(3):
        yield f"part {n};"
    if data == "break":
        raise RuntimeError("in the middle")
def output_fn(prediction, accept): return prediction, "text/plain"
"""


def test_body_type_and_attributes_go_through_unchanged(account: Account) -> None:
    account.model("m", script=MIRROR)
    account.endpoint("e")
    body = bytes(range(256)) * 4000
    answer = account.runtime.invoke_endpoint(
        EndpointName="e", Body=body, ContentType="application/x-own", CustomAttributes="trace=1"
    )
    assert answer["Body"].read() == body
    assert (answer["ContentType"], answer["CustomAttributes"]) == ("application/x-own", "TRACE=1")
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_a_body_above_the_limit_is_refused(account: Account) -> None:
    account.model("m", script=MIRROR)
    account.endpoint("e")
    limit = 6 * 1024 * 1024
    answer = account.runtime.invoke_endpoint(EndpointName="e", Body=b"x" * limit, ContentType="application/x-own")
    assert len(answer["Body"].read()) == limit
    with pytest.raises(ClientError) as caught:
        account.runtime.invoke_endpoint(EndpointName="e", Body=b"x" * (limit + 1), ContentType="application/x-own")
    assert "Member must have length less than or equal to 6291456" in str(caught.value)


def test_what_the_container_refuses_is_a_model_error_with_its_own_words(account: Account) -> None:
    account.model("m")
    account.endpoint("e")
    with pytest.raises(ClientError) as caught:
        account.runtime.invoke_endpoint(EndpointName="e", Body=b"{", ContentType="application/json")
    said = caught.value.response
    assert said["Error"]["Code"] == "ModelError"
    assert said["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert said["OriginalStatusCode"] == 400
    assert json.loads(said["OriginalMessage"])["type"] == "BadRequest"
    assert said["LogStreamArn"].startswith("arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e:")
    assert said["Error"]["Message"].startswith("Received client error (400) from primary with message ")


def test_an_endpoint_or_variant_that_is_not_there_is_a_validation_error(account: Account) -> None:
    with pytest.raises(ClientError) as caught:
        account.invoke(1, name="none")
    assert caught.value.response["Error"] == {
        "Code": "ValidationError",
        "Message": "Endpoint none of account 123456789012 not found.",
    }
    account.model("m")
    account.endpoint("e")
    with pytest.raises(ClientError) as caught:
        account.invoke(1, TargetVariant="none")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError) as caught:
        account.invoke(1, TargetModel="other.tar.gz")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    with pytest.raises(ClientError) as caught:
        account.runtime.invoke_endpoint_async(EndpointName="e", InputLocation="s3://models/in")
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_a_stream_comes_in_parts_and_says_when_it_breaks(account: Account) -> None:
    account.model("m", script=STREAM)
    account.endpoint("e")
    answer = account.runtime.invoke_endpoint_with_response_stream(
        EndpointName="e", Body=b'"whole"', ContentType="application/json"
    )
    parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert b"".join(parts) == b"part 0;part 1;part 2;"
    assert answer["ContentType"] == "text/plain"
    broken = account.runtime.invoke_endpoint_with_response_stream(
        EndpointName="e", Body=b'"break"', ContentType="application/json"
    )
    with closing(broken["Body"]), pytest.raises(EventStreamError, match="ModelStreamError"):
        list(broken["Body"])


def test_many_clients_at_once_each_get_their_own_answer(account: Account) -> None:
    account.model("m")
    account.endpoint("e")
    account.runtime = account.aws("sagemaker-runtime", config=Config(max_pool_connections=100))
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda n: account.invoke({"n": n})["data"]["n"], range(300)))
    assert answers == list(range(300))


class Odd(BaseHTTPRequestHandler):
    """A container that misbehaves as its path says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        getattr(self, self.path.strip("/"))()

    def good(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"good")

    def silent(self) -> None:
        self.server.release.wait(30)  # type: ignore[attr-defined] # set by the fixture

    def half(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "400")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "10000")
        self.end_headers()
        while not self.server.release.wait(0.05):  # type: ignore[attr-defined] # set by the fixture
            try:
                self.wfile.write(b".")
            except OSError:
                return

    def slam(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def good_then_close(self) -> None:
        self.good()
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def odd() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    server.daemon_threads = True
    server.release = threading.Event()  # type: ignore[attr-defined] # read by the handler
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_address[1]
    server.release.set()  # type: ignore[attr-defined] # read by the handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("path", "trouble"), [("silent", TimedOut), ("drip", TimedOut), ("half", Broken), ("slam", Broken)]
)
def test_a_container_that_misbehaves_is_told_apart(odd: int, path: str, trouble: type[Exception]) -> None:
    connections = Connections(odd, 0.5)
    with pytest.raises(trouble):
        connections.post(f"/{path}", b"x", {})
    assert connections.post("/good", b"x", {}).body == b"good"
    connections.close()


def test_a_kept_connection_that_the_container_closed_is_opened_again(odd: int) -> None:
    connections = Connections(odd, 5)
    for _ in range(20):
        assert connections.post("/good_then_close", b"x", {}).body == b"good"
    connections.close()


def test_connections_are_kept(odd: int) -> None:
    connections = Connections(odd, 5)
    for _ in range(20):
        connections.post("/good", b"x", {})
    assert len(connections._idle) == 1
    connections.close()
    assert connections._idle == []


def test_nobody_listening_is_broken_and_does_not_answer_a_ping() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        connections = Connections(unused.getsockname()[1], 1)
        assert not connections.answers_ping(1)
        with pytest.raises(Broken, match="ConnectionRefusedError"):
            connections.post("/invocations", b"", {})


@pytest.mark.parametrize(
    ("path", "text"),
    [("silent", "Your invocation timed out while waiting"), ("slam", "model server closed the connection")],
)
def test_a_container_that_does_not_answer_is_a_model_error(odd: int, path: str, text: str) -> None:
    class Rerouted(Connections):
        def open(self, _: str, body: bytes, headers: Any) -> Any:
            return super().open(f"/{path}", body, headers)

    route: Callable[..., Any] = lambda *_: ("AllTraffic", "AllTraffic/i-1", Rerouted(odd, 0.3))  # noqa: E731 - a seam
    world: Any = SimpleNamespace(hosting=SimpleNamespace(route=route))
    call = Call("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "e", "Body": b"x"}, "us-east-1", "1" * 12, "id")
    with pytest.raises(AwsError) as caught:
        invoke_endpoint(call, world)
    assert (caught.value.code, caught.value.status) == ("ModelError", 424)
    assert text in caught.value.message
