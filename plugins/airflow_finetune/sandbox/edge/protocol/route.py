"""Finds the operation that a request means: by target header, by form field, or by method and raw path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from .models import candidates, service_model

_LABEL = re.compile(r"\{([^}]+)\}")
_RPC_PATH = re.compile(r"^/service/[^/]+/operation/([^/]+)$")


@dataclass(frozen=True)
class Route:
    """Where a request goes.

    Attributes:
        service: botocore's name of the service; the signing name when botocore has no such service.
        operation: the operation's name; empty when the request names none that the model has.
        protocol: how the answer must be written: json, rest-json, rest-xml, query, ec2 or smithy-rpc-v2-cbor.
        labels: parts of the path by member location name, unquoted.
    """

    service: str
    operation: str
    protocol: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pattern:
    operation: str
    path: re.Pattern[str]
    query: dict[str, list[str]]
    labels: tuple[str, ...]
    weight: tuple[int, int]
    needed_headers: frozenset[str]
    needed_query: frozenset[str]

    def likeness(self, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> tuple[Any, ...]:
        """How well a request fits that has the path: S3 tells PutObject from CopyObject by a required header."""
        missing = len(self.needed_headers - headers.keys()) + len(self.needed_query - query.keys())
        return (self.weight, missing == 0, len(self.needed_headers) + len(self.needed_query) - missing)

    def fits(self, path: str, query: Mapping[str, list[str]]) -> dict[str, str] | None:
        found = self.path.fullmatch(path)
        if found is None or not all(
            name in query and (not any(values) or query[name] == values) for name, values in self.query.items()
        ):
            return None
        return {name: unquote(text) for name, text in zip(self.labels, found.groups(), strict=True)}


def _compile(operation: Any) -> _Pattern:
    path, _, query = operation.http["requestUri"].partition("?")
    pieces, labels, position = [], [], 0
    for found in _LABEL.finditer(path):
        pieces.append(re.escape(path[position : found.start()]))
        greedy = found.group(1).endswith("+")
        labels.append(found.group(1).rstrip("+"))
        pieces.append("(.+)" if greedy else "([^/]+)")
        position = found.end()
    pieces.append(re.escape(path[position:]))
    wanted = parse_qs(query, keep_blank_values=True)
    literal = len(_LABEL.sub("", path))
    return _Pattern(
        operation.name,
        re.compile("".join(pieces) + "/?"),
        wanted,
        tuple(labels),
        (len(wanted), literal),
        _needed(operation, "header"),
        _needed(operation, "querystring"),
    )


def _needed(operation: Any, place: str) -> frozenset[str]:
    shape = operation.input_shape
    places = {name: shape.members[name].serialization for name in shape.required_members} if shape else {}
    return frozenset(
        (where.get("name", name).lower() if place == "header" else where.get("name", name))
        for name, where in places.items()
        if where.get("location") == place
    )


@cache
def _patterns(service: str) -> dict[str, list[_Pattern]]:
    """The service's paths by HTTP method."""
    model: Any = service_model(service)
    by_method: dict[str, list[_Pattern]] = {}
    for name in model.operation_names if model else ():
        operation = model.operation_model(name)
        by_method.setdefault(operation.http["method"], []).append(_compile(operation))
    return by_method


def by_path(services: tuple[str, ...], method: str, path: str, query: str, headers: Mapping[str, str]) -> Route | None:
    """The REST operation that the method and the raw (still quoted) path mean; None when there is none."""
    asked = parse_qs(query, keep_blank_values=True)
    for service in services:
        model = service_model(service)
        if model is None or not model.resolved_protocol.startswith("rest-"):
            continue
        fitting = [
            (pattern.likeness(asked, headers), pattern.operation, labels)
            for pattern in _patterns(service).get(method, ())
            if (labels := pattern.fits(path, asked)) is not None
        ]
        if fitting:
            _, operation, labels = max(fitting, key=lambda each: each[0])
            return Route(service, operation, model.resolved_protocol, labels)
    return None


def by_target(services: tuple[str, ...], target: str) -> Route:
    """The operation that ``X-Amz-Target`` names, whether or not the model has it; all of it for a strange prefix."""
    prefix, _, operation = target.rpartition(".")
    for service in services:
        model = service_model(service)
        if model is not None and model.metadata.get("targetPrefix") == prefix:
            return Route(service, operation, "json")
    return Route(services[0], target, "json")


def find(signing_name: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Route:
    """Find the operation of a request.

    Args:
        signing_name: the service in the credential scope.
        method: the HTTP method.
        path: the raw path, so that ``%2F`` inside an ARN is not taken for a slash.
        query: the raw query string.
        headers: lower-case names.
        body: read only when it is a form; ``b""`` will do otherwise.
    """
    services = candidates(signing_name)
    if "x-amz-target" in headers:
        return by_target(services, headers["x-amz-target"])
    rpc = _RPC_PATH.match(path)
    if rpc and headers.get("smithy-protocol"):
        return Route(services[0], rpc.group(1), headers["smithy-protocol"])
    form = body if headers.get("content-type", "").startswith("application/x-www-form-urlencoded") else b""
    action = _field("Action", form.decode("latin-1")) or _field("Action", query)
    if action:
        return Route(services[0], action, "ec2" if signing_name == "ec2" else "query")
    return by_path(services, method, path, query, headers) or _nowhere(services[0])


def _field(name: str, form: str) -> str:
    return parse_qs(form).get(name, [""])[0] if f"{name}=" in form else ""


def _nowhere(service: str) -> Route:
    model: Any = service_model(service)
    return Route(service, "", model.resolved_protocol if model else "rest-json")
