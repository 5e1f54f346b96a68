"""SageMaker runtime: one invocation goes to the process of a variant, and its answer comes back as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...runner.endpoints.connections import Broken, Opened, TimedOut
from ...runner.endpoints.log_file import GROUP
from ...runner.hosting import NotServing

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
PATH = "/invocations"
PASSED_ON = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": ATTRIBUTES,
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
}
NOT_HERE = ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "EnableExplanations", "SessionId")
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)


@dataclass(frozen=True)
class Target:
    """What answers one invocation.

    Attributes:
        call: the invocation.
        variant: VariantName.
        stream: its log stream.
    """

    call: Call
    variant: str
    stream: str

    def model_error(self, status: int, message: str) -> AwsError:
        """Return AWS's error for an answer of the container that is none."""
        call, group = self.call, GROUP + self.call.params["EndpointName"]
        whose = "client" if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR else "server"
        console = f"https://{call.region}.console.aws.amazon.com/cloudwatch/home?region={call.region}"
        return AwsError(
            "ModelError",
            f'Received {whose} error ({status}) from primary with message "{message}". See {console}'
            f"#logEventViewer:group={group} in account {call.account} for more information.",
            424,
            OriginalStatusCode=status,
            OriginalMessage=message,
            LogStreamArn=f"arn:aws:logs:{call.region}:{call.account}:log-group:{group}:log-stream:{self.stream}",
        )


def invoke_endpoint(call: Call, world: World) -> Mapping[str, Any]:
    """Return the container's whole answer."""
    target, opened = _open(call, world)
    body = b"".join(_parts(target, opened))
    return {
        "Body": body,
        "ContentType": opened.headers.get("content-type", "application/octet-stream"),
        "InvokedProductionVariant": target.variant,
        **_attributes(opened),
    }


def invoke_endpoint_with_response_stream(call: Call, world: World) -> Mapping[str, Any]:
    """Return the container's answer part by part, as it comes."""
    target, opened = _open(call, world)

    def events() -> Iterator[dict[str, Any]]:
        try:
            for part in opened.parts:
                yield {"PayloadPart": {"Bytes": part}}
        except TimedOut:
            raise AwsError("ModelStreamError", TIMED_OUT, ErrorCode="ModelInvocationTimeExceeded") from None
        except Broken as error:
            text = f"The stream from the container was broken: {error}"
            raise AwsError("ModelStreamError", text, ErrorCode="StreamBroken") from error

    return {
        "Body": events(),
        "ContentType": opened.headers.get("content-type", "application/octet-stream"),
        "InvokedProductionVariant": target.variant,
        **_attributes(opened),
    }


def invoke_endpoint_async(call: Call, world: World) -> Mapping[str, Any]:
    """Refuse: no endpoint here has an AsyncInferenceConfig, and moto's invented answer would pretend one."""
    raise AwsError("NotImplemented", "The sandbox does not have asynchronous inference: use InvokeEndpoint.", 501)


def _open(call: Call, world: World) -> tuple[Target, Opened]:
    """Send the invocation; the answer's head says that it succeeded.

    Raises:
        AwsError: nothing answers, or the container refused, failed, broke off or took too long.
    """
    params = call.params
    body = params.get("Body") or b""
    for member in NOT_HERE:
        if params.get(member):
            raise AwsError("NotImplemented", f"The sandbox does not have {member}: leave it out.", 501)
    name, variant = params["EndpointName"], params.get("TargetVariant")
    try:
        answering, stream, connections = world.hosting.route(call.region, name, variant)
    except NotServing as nothing:
        raise _not_serving(nothing.what, call) from None
    target = Target(call, answering, stream)
    headers = {header: params[member] for member, header in PASSED_ON.items() if params.get(member)}
    try:
        opened = connections.open(PATH, body, {"Content-Type": "application/octet-stream", **headers})
    except TimedOut:
        raise target.model_error(0, TIMED_OUT) from None
    except Broken as error:
        raise _broken_off(target, error) from error
    if opened.status >= HTTPStatus.BAD_REQUEST:
        message = b"".join(_parts(target, opened)).decode("utf-8", errors="replace")
        raise target.model_error(opened.status, message)
    return target, opened


def _parts(target: Target, opened: Opened) -> Iterator[bytes]:
    try:
        yield from opened.parts
    except TimedOut:
        raise target.model_error(0, TIMED_OUT) from None
    except Broken as error:
        raise _broken_off(target, error) from error


def _broken_off(target: Target, error: Broken) -> AwsError:
    text = "model server closed the connection without a whole answer"
    return target.model_error(500, f"{text} ({error})")


def _not_serving(what: str, call: Call) -> AwsError:
    name = call.params["EndpointName"]
    if what == "process":
        return AwsError("ServiceUnavailable", "The server of the endpoint is being started again.", 503)
    if what == "variant":
        named = call.params.get("TargetVariant", "with a weight above 0")
        return AwsError("ValidationError", f"Variant {named} not found for endpoint {name}.")
    return AwsError("ValidationError", f"Endpoint {name} of account {call.account} not found.")


def _attributes(opened: Opened) -> dict[str, str]:
    value = opened.headers.get(ATTRIBUTES.lower())
    return {"CustomAttributes": value} if value else {}


OPERATIONS: dict[str, Handler] = {
    "InvokeEndpoint": invoke_endpoint,
    "InvokeEndpointAsync": invoke_endpoint_async,
    "InvokeEndpointWithResponseStream": invoke_endpoint_with_response_stream,
}
