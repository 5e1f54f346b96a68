"""Both ways against botocore: what its serializer writes we read, and what we write its parser reads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.awsrequest import HeadersDict, prepare_request_dict
from botocore.eventstream import EventStreamError
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from airflow_finetune.sandbox.edge import protocol
from airflow_finetune.sandbox.edge.errors import AwsError
from airflow_finetune.sandbox.edge.protocol.models import service_model
from airflow_finetune.sandbox.edge.protocol.route import find
from airflow_finetune.sandbox.services import SERVICES
from tests.sandbox.edge.random_shapes import Values

OURS = sorted((service, operation) for service, operations in SERVICES.items() for operation in operations)
SIGNING_NAMES = {"sagemaker": "sagemaker", "sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas"}
CASES = 12


class Stream(io.BytesIO):
    """What botocore takes for a streaming body, cut into odd pieces."""

    def stream(self) -> Iterator[bytes]:
        while piece := self.read(7):
            yield piece


def _models(service: str) -> tuple[ServiceModel, Any]:
    model = service_model(service)
    assert model is not None
    return model, model.resolved_protocol


def sent(operation: Any, params: dict[str, Any]) -> tuple[protocol.Route, dict[str, Any]]:
    """What we read of what botocore sends."""
    model = operation.service_model
    serializer = create_serializer(model.resolved_protocol, include_validation=False)
    request = serializer.serialize_to_request(params, operation)
    prepare_request_dict(request, "http://127.0.0.1:1")
    body = request["body"]
    body = urlencode(body) if isinstance(body, dict) and body else body  # a form is encoded later than anything else
    body = b"" if body in ({}, None) else body.encode() if isinstance(body, str) else body
    url = urlsplit(request["url"])
    headers = {name.lower(): value for name, value in request["headers"].items()}
    name = SIGNING_NAMES.get(model.service_name, model.service_name)
    route = find(name, request["method"], url.path, url.query, headers, body)
    message = protocol.Message(headers, url.query, route.labels, body)
    return route, protocol.parse(operation, message)


def received(operation: Any, members: dict[str, Any]) -> dict[str, Any]:
    """What botocore reads of what we answer."""
    answer = protocol.serialize(operation, members, "request-id")
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    response = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": body, "context": {}}
    response["context"] = {"operation_name": operation.name}
    if operation.has_event_stream_output or operation.has_streaming_output:
        response["body"] = Stream(body)
    parsed = create_parser(operation.service_model.resolved_protocol).parse(response, operation.output_shape)
    assert parsed.pop("ResponseMetadata")["RequestId"] == "request-id"
    for name, value in parsed.items():
        if operation.has_event_stream_output and hasattr(value, "get_initial_response"):
            parsed[name] = list(value)
        elif isinstance(value, Stream):
            parsed[name] = value.read()
    return parsed


def check_request(service: str, operation_name: str, cases: int) -> None:
    model, _ = _models(service)
    operation = model.operation_model(operation_name)
    for seed in range(cases if operation.input_shape else 0):
        params = Values(seed).of(operation.input_shape, everything=seed == 0)
        if operation.service_model.resolved_protocol == "query" and params.get("ContextEntries"):
            params["ContextEntries"] = [each for each in params["ContextEntries"] if each]  # a form cannot say {}
        route, parsed = sent(operation, params)
        assert (route.service, route.operation) == (service, operation_name)
        payload = operation.input_shape.serialization.get("payload")
        if payload and operation.input_shape.members[payload].type_name == "blob":
            params.setdefault(payload, b"")  # an absent body is an empty one
        assert parsed == params, f"seed {seed}"


def check_answer(service: str, operation_name: str, cases: int) -> None:
    operation = _models(service)[0].operation_model(operation_name)
    if operation.has_event_stream_output or operation.output_shape is None:
        return  # event streams have their own tests below
    for seed in range(cases):
        members = Values(seed).of(operation.output_shape, everything=seed == 0)
        got = received(operation, members)
        for name in always_there(operation.output_shape):
            members.setdefault(name, got.get(name))
        assert got == members, f"seed {seed}"


def always_there(shape: Any) -> Iterator[str]:
    """Members that every answer has, given or not: the status, the content type, a payload (that may be empty)."""
    for name, member in shape.members.items():
        where = member.serialization
        if where.get("location") == "statusCode" or where.get("name") == "Content-Type":
            yield name
    if "payload" in shape.serialization:
        yield shape.serialization["payload"]


def check_errors(service: str, operation_name: str) -> None:
    model, wire = _models(service)
    operation = model.operation_model(operation_name)
    for shape in operation.error_shapes:
        members = Values(1).of(shape, everything=True)
        text = {name for name in members if name.lower() == "message"}
        extra = {name: value for name, value in members.items() if name not in text}
        error = AwsError(shape.error_code, "What happened: ünïcode", 400, **extra)
        answer = protocol.failure(error, wire, service, operation, "request-id")
        response = {"status_code": 400, "headers": HeadersDict(answer.headers), "body": answer.body, "context": {}}
        parsed = create_parser(wire).parse(response, operation.output_shape)
        assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == (shape.error_code, "What happened: ünïcode")
        modelled = create_parser(wire).parse(response, shape)
        assert {name: modelled[name] for name in extra} == extra


@pytest.mark.parametrize(("service", "operation"), OURS)
def test_every_request_that_botocore_writes_is_read_back_equal(service: str, operation: str) -> None:
    check_request(service, operation, CASES)


@pytest.mark.parametrize(("service", "operation"), OURS)
def test_every_answer_is_read_by_botocore_as_it_was_meant(service: str, operation: str) -> None:
    check_answer(service, operation, CASES)


@pytest.mark.parametrize(("service", "operation"), OURS)
def test_every_modelled_error_arrives_with_code_text_and_members(service: str, operation: str) -> None:
    check_errors(service, operation)


@pytest.mark.parametrize(
    "service",
    [
        "sagemaker",
        "sagemaker-runtime",
        "service-quotas",
        "pricing",
        "bedrock",
        "bedrock-runtime",
        "bedrock-agent-runtime",
    ],
)
def test_whole_models_survive_both_ways(service: str) -> None:
    model, _ = _models(service)
    for name in model.operation_names:
        operation = model.operation_model(name)
        if not operation.has_event_stream_input:
            check_request(service, name, 3)
        check_answer(service, name, 3)
        check_errors(service, name)


@pytest.mark.parametrize("service", ["ec2", "iam", "sts", "sqs", "s3", "cloudfront", "cloudwatch", "lambda", "logs"])
@pytest.mark.parametrize("status", [400, 403, 501, 503])
def test_an_error_is_read_in_every_protocol(service: str, status: int) -> None:
    wire = _models(service)[1]
    answer = protocol.failure(AwsError("SomeCode", "Text & <ünïcode>", status), wire, service, None, "request-id")
    response = {"status_code": status, "headers": HeadersDict(answer.headers), "body": answer.body, "context": {}}
    parsed = create_parser(wire).parse(response, None)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("SomeCode", "Text & <ünïcode>")
    assert parsed["ResponseMetadata"]["RequestId"] == "request-id"


def test_the_comparison_notices_a_lost_member() -> None:
    operation = service_model("service-quotas").operation_model("GetServiceQuota")
    _, parsed = sent(operation, {"ServiceCode": "sagemaker", "QuotaCode": "L-1"})
    assert parsed != {"ServiceCode": "sagemaker"}
    assert received(operation, {"Quota": {"QuotaCode": "L-1"}}) != {"Quota": {"QuotaCode": "L-2"}}


def _invoke_stream() -> Any:
    return service_model("sagemaker-runtime").operation_model("InvokeEndpointWithResponseStream")


def test_an_event_stream_is_decoded_piece_by_piece() -> None:
    pieces = [b"", b"\x00\xff" * 300, b"last"]
    events = [{"PayloadPart": {"Bytes": piece}} for piece in pieces]
    got = received(_invoke_stream(), {"Body": iter(events), "ContentType": "text/plain"})
    assert [event["PayloadPart"].get("Bytes", b"") for event in got["Body"]] == pieces
    assert got["ContentType"] == "text/plain"


@pytest.mark.parametrize("code", ["ModelStreamError", "SomethingUnmodelled"])
def test_an_error_in_mid_stream_reaches_the_client_after_what_came_before(code: str) -> None:
    def events() -> Iterator[dict[str, Any]]:
        yield {"PayloadPart": {"Bytes": b"first"}}
        raise AwsError(code, "the model died")

    answer = protocol.serialize(_invoke_stream(), {"Body": events()}, "request-id")
    response = {
        "status_code": 200,
        "headers": HeadersDict(answer.headers),
        "body": Stream(b"".join(answer.body)),
        "context": {"operation_name": "InvokeEndpointWithResponseStream"},
    }
    stream = iter(create_parser("rest-json").parse(response, _invoke_stream().output_shape)["Body"])
    assert next(stream) == {"PayloadPart": {"Bytes": b"first"}}
    with pytest.raises(EventStreamError, match="the model died"):
        next(stream)


def test_every_kind_of_event_header_is_decoded() -> None:
    from botocore.eventstream import EventStreamBuffer

    from airflow_finetune.sandbox.edge.protocol.event_stream import frame

    headers = {"yes": True, "no": False, "int": -5, "long": 2**40, "bytes": b"\x00", "text": "ä"}
    buffer = EventStreamBuffer()
    buffer.add_data(frame(headers, b"payload"))
    message = next(buffer)
    assert message.headers == headers
    assert message.payload == b"payload"
