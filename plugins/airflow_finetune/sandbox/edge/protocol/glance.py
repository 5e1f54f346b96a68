"""What can be told of a request cheaply, before or without its service's model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .models import OWNERS
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
    body = request.body if _is_form(request) and name != "s3" else b""
    return find(name, request.method, request.raw_path, request.query, request.headers, body)


def _unsigned(request: Request) -> str:
    """The service of a request without a signature: named by its target, else moto's own guess, else S3."""
    prefix = request.headers.get("x-amz-target", "").rpartition(".")[0]
    return OWNERS.get(prefix, prefix.split("_")[0].lower() or ("sts" if _is_form(request) else "s3"))


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def guess(request: Request) -> Route:
    """How to answer a request whose signature cannot be read."""
    if "x-amz-target" in request.headers:
        return Route("", "", "json")
    return Route("", "", "query") if _is_form(request) else Route("s3", "", "rest-xml")


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
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}
    return {}
