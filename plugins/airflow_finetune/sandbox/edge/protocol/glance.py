"""What can be told of a request before, or without, its service's model."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from ..errors import AwsError
from .models import service_model
from .route import Route, find

if TYPE_CHECKING:
    from ..request import Request

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}|aws-global")
_LARGEST_BODY_READ = 256 * 1024
_JSON_TYPES = ("application/x-amz-json-1.0", "application/x-amz-json-1.1")
_OWNERS = {"SageMaker": "sagemaker", "ServiceQuotasV20190624": "servicequotas", "AWSPriceListService": "pricing"}
"""Target prefixes of our own services, and the signing names that go with them."""


def find_route(request: Request, signing_name: str) -> Route:
    """Where a request goes; the body is read only when it can name the operation.

    Raises:
        AwsError: the body could not be read.
    """
    name = signing_name or _unsigned(request)
    body = request.body if _is_form(request) and name != "s3" else b""
    return find(name, request.method, request.raw_path, request.query, request.headers, body)


def _unsigned(request: Request) -> str:
    """The service of a request without a signature: named by its target, else moto's own guess, else S3."""
    prefix = request.headers.get("x-amz-target", "").rpartition(".")[0]
    return _OWNERS.get(prefix, prefix.split("_")[0].lower() or ("sts" if _is_form(request) else "s3"))


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def guess(request: Request) -> Route:
    """How to answer a request whose signature cannot be read."""
    if "x-amz-target" in request.headers:
        return Route("", "", "json")
    return Route("", "", "query") if _is_form(request) else Route("s3", "", "rest-xml")


def check_signature(request: Request) -> None:
    """Refuse a call of ours that is signed for another service, or for a region that cannot be.

    Raises:
        AwsError: InvalidSignatureException.
    """
    scope = request.scope
    if scope is None:
        return
    if not _REGION.fullmatch(scope.region):
        text = "Credential should be scoped to a valid region."
        raise AwsError("InvalidSignatureException", text, status=403)
    owner = _OWNERS.get(request.headers.get("x-amz-target", "").rpartition(".")[0])
    if owner and owner != scope.signing_name:
        text = f"Credential should be scoped to correct service: '{owner}'."
        raise AwsError("InvalidSignatureException", text, status=403)


def check_content_type(request: Request, route: Route) -> None:
    """Refuse a call of ours in another protocol's content type.

    Raises:
        AwsError: UnknownOperationException.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if route.protocol == "json" and content_type not in _JSON_TYPES:
        text = f"Content-Type is '{content_type}', and this service reads application/x-amz-json-1.1."
        raise AwsError("UnknownOperationException", text, status=404)


def operation(route: Route) -> Any:
    """The operation's model, or None when the model does not have it."""
    model: Any = service_model(route.service)
    return model.operation_model(route.operation) if model and route.operation in model.operation_names else None


def glance(request: Request, route: Route) -> dict[str, Any]:
    """Parameters of a request to moto, as far as they can be read cheaply: for fault rules and the call log."""
    if route.protocol in ("rest-xml", "rest-json"):
        return {**dict(parse_qsl(request.query, keep_blank_values=True)), **route.labels}
    if len(request.body) > _LARGEST_BODY_READ:
        return {}
    if route.protocol in ("query", "ec2"):
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    if route.protocol == "json":
        try:
            document = json.loads(request.body or b"{}")
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}
    return {}


def reason(status: int) -> str:
    """The phrase of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
