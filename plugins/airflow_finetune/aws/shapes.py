"""Checks a request against botocore's own model of it before it is sent: all faults at once, in its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from botocore import __version__
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

_NEWER = f"(This is botocore {__version__}: what is newer comes with pip install --upgrade boto3.)"


@cache
def service_model(service: str) -> Any:
    """Return botocore's model of a service, from the installed package only."""
    return ServiceModel(Loader(include_default_search_paths=True).load_service_model(service, "service-2"), service)


def faults(service: str, operation: str, request: dict[str, Any]) -> list[str]:
    """Return everything that botocore's model says against a request: members, types, lengths, patterns, enums.

    What the installed botocore does not know may be newer than it is, and then the last line says so.
    """
    model = service_model(service)
    if operation not in model.operation_names:
        return [f"the installed botocore {__version__} does not know {operation}: pip install --upgrade boto3."]
    shape = model.operation_model(operation).input_shape
    report = ParamValidator().validate(request, shape)
    found = [line for line in report.generate_report().splitlines() if line]
    newer = [_NEWER] if any(line.startswith("Unknown parameter") for line in found) else []
    return list(dict.fromkeys([*found, *_limits(shape, request, ""), *newer]))


def _limits(shape: Any, value: Any, place: str) -> Iterator[str]:
    check = _CHECKS.get((shape.type_name, type(value)))
    if check is not None:
        yield from check(shape, value, place)


def _structure(shape: Any, value: dict[str, Any], place: str) -> Iterator[str]:
    for member, inner in value.items():
        if member in shape.members:
            yield from _limits(shape.members[member], inner, f"{place}.{member}" if place else member)


def _list(shape: Any, value: list[Any], place: str) -> Iterator[str]:
    yield from _size(shape, len(value), place, "entries")
    for index, inner in enumerate(value):
        yield from _limits(shape.member, inner, f"{place}[{index}]")


def _map(shape: Any, value: dict[str, Any], place: str) -> Iterator[str]:
    yield from _size(shape, len(value), place, "entries")
    for key, inner in value.items():
        yield from _limits(shape.key, key, f"{place} (key: {key})")
        yield from _limits(shape.value, inner, f"{place}.{key}")


def _number(shape: Any, value: float, place: str) -> Iterator[str]:
    highest = shape.metadata.get("max")  # ParamValidator itself looks at the smallest value only
    if highest is not None and value > highest:
        yield f"{place}: {value}, at most {highest} allowed."


def _text(shape: Any, value: str, place: str) -> Iterator[str]:
    yield from _size(shape, len(value), place, "characters")
    if shape.enum and value not in shape.enum:
        yield (
            f"{place}: must be one of {', '.join(shape.enum)}." if len(shape.enum) < 12 else f"{place}: unknown value."
        )
    pattern = shape.metadata.get("pattern")
    if pattern and not _fits(pattern, value):
        yield f"{place}: does not match {pattern}"


def _size(shape: Any, size: int, place: str, unit: str) -> Iterator[str]:
    highest = shape.metadata.get("max")
    if highest is not None and size > highest:
        yield f"{place}: {size} {unit}, at most {highest} allowed."


def _fits(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value, flags=re.DOTALL) is not None
    except re.error:
        return True  # Java's \p{...}: AWS itself will say


_CHECKS: dict[tuple[str, type], Callable[[Any, Any, str], Iterator[str]]] = {
    ("structure", dict): _structure,
    ("list", list): _list,
    ("map", dict): _map,
    ("string", str): _text,
    ("integer", int): _number,
    ("long", int): _number,
    ("float", float): _number,
    ("double", float): _number,
}
