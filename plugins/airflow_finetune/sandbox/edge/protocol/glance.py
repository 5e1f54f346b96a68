"""What can be told of a request before, or without, its service's model."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .models import service_model
from .route import Route, find

if TYPE_CHECKING:
    from ..request import Request

_LARGEST_BODY_READ = 256 * 1024


def find_route(request: Request, signing_name: str) -> Route:
    """Where a request goes; the body is read only when it can name the operation.

    Raises:
        AwsError: the body could not be read.
    """
    name = signing_name or _unsigned(request)
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    body = request.body if form and name != "s3" else b""
    return find(name, request.method, request.raw_path, request.query, request.headers, body)


def _unsigned(request: Request) -> str:
    """The service of a request without a signature: named by its target, else moto's own guess, else S3."""
    prefix = request.headers.get("x-amz-target", "").rpartition(".")[0]
    by_prefix = {"SageMaker": "sagemaker", "ServiceQuotasV20190624": "servicequotas", "AWSPriceListService": "pricing"}
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return by_prefix.get(prefix, prefix.split("_")[0].lower() or ("sts" if form else "s3"))


def guess(request: Request) -> tuple[str, str]:
    """(protocol, service) for the answer to a request whose signature cannot be read."""
    if "x-amz-target" in request.headers:
        return "json", ""
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return ("query", "") if form else ("rest-xml", "s3")


def operation(route: Route) -> Any:
    """The operation's model, or None."""
    model = service_model(route.service) if route.operation else None
    return model.operation_model(route.operation) if model else None


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
