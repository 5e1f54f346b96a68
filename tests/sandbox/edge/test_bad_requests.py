"""What is not a proper request has a defined answer, and never harms the next one."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.sandbox.accounts import Accounts
from airflow_finetune.sandbox.edge.connection import Server
from airflow_finetune.sandbox.edge.gateway import Gateway
from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.edge.wire import Reply, Wire, ask, message, signature


def code(reply: Reply) -> str:
    return str(reply.document["__type"])


def test_a_proper_request_is_answered_so_the_refusals_below_mean_something(sandbox: Sandbox) -> None:
    reply = ask(sandbox.url, message())
    assert (reply.status, reply.document) == (200, {"TrainingJobSummaries": []})
    assert reply.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b"\xff\xfe", b'"text"', b"{'a': 1}", b"[" * 100_000], ids=lambda b: b[:9]
)
def test_a_body_that_is_no_json_object_is_a_serialization_error(sandbox: Sandbox, body: bytes) -> None:
    reply = ask(sandbox.url, message(body))
    assert (reply.status, code(reply)) == (400, "SerializationException")


@pytest.mark.parametrize(
    "body",
    [b'{"MaxResults": "ten"}', b'{"NameContains": 5}', b'{"CreationTimeAfter": "soon"}', b'{"MaxResults": true}',
     b'{"CreationTimeAfter": 1e300}', b'{"MaxResults": NaN}'],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_a_serialization_error(sandbox: Sandbox, body: bytes) -> None:
    reply = ask(sandbox.url, message(body))
    assert (reply.status, code(reply)) == (400, "SerializationException")


def test_a_body_shorter_than_its_header_says_is_refused_and_the_connection_ends(sandbox: Sandbox) -> None:
    with Wire(sandbox.url) as wire:
        wire.send(message(b"{}", content_length="500"))
        wire.end()
        reply = wire.reply()
        assert (reply.status, code(reply)) == (400, "IncompleteBody")
        assert wire.ended()


def test_a_body_longer_than_its_header_says_is_answered_and_the_rest_is_refused(sandbox: Sandbox) -> None:
    with Wire(sandbox.url) as wire:
        wire.send(message(b"{}" + b"surplus that is no request\r\n\r\n", content_length="2"))
        assert wire.reply().status == 200
        assert wire.reply().status == 400
        assert wire.ended()


def test_an_upload_that_stops_halfway_leaves_no_object(sandbox: Sandbox, aws: Callable[..., Any]) -> None:
    aws("s3").create_bucket(Bucket="bucket")
    upload = message(
        b"x" * 1000, path="/bucket/key", method="PUT", target=None, authorization=signature("s3"),
        content_length="5000", content_type="binary/octet-stream",
    )  # fmt: skip
    assert ask(sandbox.url, upload, half_close=True).status == 400
    assert aws("s3").list_objects_v2(Bucket="bucket")["KeyCount"] == 0


def test_a_chunked_upload_that_stops_halfway_leaves_no_object(sandbox: Sandbox, aws: Callable[..., Any]) -> None:
    aws("s3").create_bucket(Bucket="bucket")
    upload = message(
        b"5\r\nhello\r\n5\r\nhe", path="/bucket/key", method="PUT", target=None, authorization=signature("s3"),
        content_length="", transfer_encoding="chunked", content_type="binary/octet-stream",
    )  # fmt: skip
    assert ask(sandbox.url, upload, half_close=True).status == 400
    assert aws("s3").list_objects_v2(Bucket="bucket")["KeyCount"] == 0


def test_a_chunked_json_body_is_read(sandbox: Sandbox) -> None:
    chunked = message(b"2\r\n{}\r\n0\r\n\r\n", content_length="", transfer_encoding="chunked")
    assert ask(sandbox.url, chunked).status == 200


@pytest.mark.parametrize("length", ["-5", "five", "1e3", "99999999999999999999999"])
def test_a_length_that_is_no_length_is_refused(sandbox: Sandbox, length: str) -> None:
    assert ask(sandbox.url, message(b"{}", content_length=length), half_close=True).status == 400


def test_a_gzipped_body_is_read_and_a_false_one_refused(sandbox: Sandbox) -> None:
    assert ask(sandbox.url, message(gzip.compress(b"{}"), content_encoding="gzip")).status == 200
    for body in (b"{}", gzip.compress(b"{}")[:-4]):
        reply = ask(sandbox.url, message(body, content_encoding="gzip"))
        assert (reply.status, code(reply)) == (400, "SerializationException")


def test_a_content_type_of_another_protocol_is_refused(sandbox: Sandbox) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json", ""):
        reply = ask(sandbox.url, message(content_type=content_type))
        assert (reply.status, code(reply)) == (404, "UnknownOperationException")


@pytest.mark.parametrize("target", ["SageMaker.NoSuchThing", "SageMaker.", "Nobody.ListTrainingJobs", "SageMaker", "."])
def test_an_operation_that_does_not_exist_is_unknown(sandbox: Sandbox, target: str) -> None:
    reply = ask(sandbox.url, message(target=target))
    assert (reply.status, code(reply)) == (400, "UnknownOperationException")


def test_a_request_without_target_is_unknown(sandbox: Sandbox) -> None:
    assert ask(sandbox.url, message(target=None)).status == 400


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        ("", "MissingAuthenticationTokenException"),
        ("AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/sagemaker, Signature=0", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 nonsense", "IncompleteSignatureException"),
        (signature("s3"), "InvalidSignatureException"),
        (signature("execute-api"), "InvalidSignatureException"),
        (signature(region="a/b"), "InvalidSignatureException"),
        (signature(region="Mars"), "InvalidSignatureException"),
    ],
)
def test_a_signature_for_something_else_is_refused(sandbox: Sandbox, authorization: str, error: str) -> None:
    reply = ask(sandbox.url, message(authorization=authorization))
    assert (reply.status, code(reply)) == (403, error)


def test_a_client_that_takes_us_for_a_proxy_is_served(sandbox: Sandbox) -> None:
    assert ask(sandbox.url, message(path=f"{sandbox.url}/")).status == 200


def test_what_is_not_http_is_refused_without_a_page(sandbox: Sandbox) -> None:
    for content in (b"hello\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"):
        with Wire(sandbox.url) as wire:
            wire.send(content)
            wire.end()
            assert b"<html" not in wire.rest().lower()
    assert ask(sandbox.url, message()).status == 200


def test_a_connection_serves_many_requests_and_leftovers_do_not_leak_into_the_next(sandbox: Sandbox) -> None:
    with Wire(sandbox.url) as wire:
        for _ in range(3):
            wire.send(message(target="SageMaker.NoSuchThing", body=b"x" * 5000))  # its body is never looked at
            assert wire.reply().status == 400
            wire.send(message())
            assert wire.reply().status == 200


def test_an_answer_to_head_has_no_body_to_confuse_the_next_answer(sandbox: Sandbox) -> None:
    with Wire(sandbox.url) as wire:
        for _ in range(2):
            wire.send(message(b"", path="/no-bucket/absent", method="HEAD", target=None, authorization=signature("s3")))
            assert wire.reply(body=False).status == 404


@pytest.fixture
def impatient(sandbox: Sandbox) -> Iterator[str]:
    """The same gateway behind a socket that waits a fifth of a second."""
    server = Server("127.0.0.1", 0, sandbox.gateway, read_timeout_seconds=0.2, idle_timeout_seconds=0.2)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.close_connections()
    server.server_close()
    thread.join()


def test_a_client_that_does_not_send_what_it_promised_is_told_so(impatient: str) -> None:
    with Wire(impatient) as wire:
        wire.send(message(b"{}", content_length="500"))
        reply = wire.reply()
        assert (reply.status, code(reply)) == (400, "RequestTimeout")
        assert wire.ended()


def test_an_idle_connection_is_closed_without_a_word(impatient: str) -> None:
    with Wire(impatient) as wire:
        wire.send(message())
        assert wire.reply().status == 200
        assert wire.ended()


def test_a_bug_in_a_handler_is_an_internal_failure_with_a_request_id(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(call: Any, world: Any) -> dict[str, Any]:
        raise ZeroDivisionError("a bug")

    gateway = Gateway(Accounts(sandbox.world), {"sagemaker": {"ListTrainingJobs": broken}})
    server = Server("127.0.0.1", 0, gateway, read_timeout_seconds=5)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with Wire(url) as wire:
        for _ in range(2):  # the thread lives on
            wire.send(message())
            reply = wire.reply()
            assert (reply.status, code(reply)) == (500, "InternalFailure")
            assert reply.headers["x-amzn-requestid"]
    server.shutdown()
    server.server_close()
    thread.join()
    assert "ZeroDivisionError: a bug" in capfd.readouterr().err


def test_a_hundred_clients_at_once_are_all_served(sandbox: Sandbox) -> None:
    ready = threading.Barrier(100)
    replies: list[Any] = []

    def client() -> None:
        ready.wait()
        try:
            replies.append(ask(sandbox.url, message()).status)
        except OSError as error:
            replies.append(error)

    threads = [threading.Thread(target=client) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [200] * 100


def test_a_hundred_open_connections_are_served_in_turn(sandbox: Sandbox) -> None:
    wires = [Wire(sandbox.url) for _ in range(100)]
    for wire in wires:
        wire.send(message())
    assert [wire.reply().status for wire in wires] == [200] * 100
    for wire in wires:
        wire.__exit__()
