"""JSON as all scorers read it: strictly, and in a form in which equal content is equal."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Hashable
from decimal import Decimal
from typing import Any


class NotJson(ValueError):
    """A text is not JSON, or means different things to different readers."""


def parse(text: str) -> Any:
    """Return the value of a JSON text, with numbers as ``Decimal``.

    Strict: RFC 8259, so no ``NaN`` and no text around it; names of an object must be unique (RFC 7493, section 2.3),
    because with two equal names each reader takes another one.

    Raises:
        NotJson: it is none.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_float=Decimal, parse_int=Decimal, parse_constant=_constant
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise NotJson(str(error)) from error


def structure(text: str) -> Any:
    """Return the object or array that a text holds; None when it holds none.

    A bare number or quoted word is valid JSON too, but nothing that a program could take fields from.
    """
    try:
        value = parse(text)
    except NotJson:
        return None
    return value if isinstance(value, dict | list) else None


def comparable(value: Any) -> Hashable:
    """Return a form in which two values are equal when they mean the same.

    The order of an object's members does not count, that of an array does. ``1`` and ``1.0`` are the same number,
    ``1`` and ``true`` are not the same value. Texts are compared by ``comparable_text``.
    """
    if isinstance(value, dict):
        return ("object", frozenset((comparable_text(key), comparable(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(comparable(item) for item in value))
    if isinstance(value, str):
        return ("text", comparable_text(value))
    return (type(value).__name__, value)


def comparable_text(text: str) -> str:
    """Return a text in Unicode's NFC, without white space around it and with single spaces inside; case counts."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise NotJson("a name stands twice in one object")
    return found


def _constant(name: str) -> Any:
    raise NotJson(f"{name} is no JSON")
