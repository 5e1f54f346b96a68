"""The hyperparameters of a hub model: type, range, options and default, as its document says them; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

CONTAINER = "container"
"""The scope of what tells the container how to start."""
_BOOLEANS = {"true": "True", "false": "False"}


class Hyperparameter(NamedTuple):
    """One hyperparameter.

    Attributes:
        name: that the script takes.
        kind: ``int``, ``float``, ``text`` or ``bool``; another word of the hub's is kept, and not checked.
        default: as the document writes it; None without.
        minimum: of a number, or of the length of a text; None without.
        maximum: likewise.
        options: that there are; empty for any value.
        scope: ``algorithm``, ``container`` or ``hyper``.
    """

    name: str
    kind: str
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    options: tuple[str, ...] = ()
    scope: str = "algorithm"

    @property
    def range(self) -> str:
        """What it may be, for people; empty for anything."""
        if self.options:
            return ", ".join(self.options)
        low, high = ("" if bound is None else f"{bound:g}" for bound in (self.minimum, self.maximum))
        if low and high:
            return f"{low} to {high}"
        return f"at least {low}" if low else f"at most {high}" if high else ""

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with a value; None when nothing is."""
        text = as_text(value)
        if self.options:
            return None if text in self.options else f"{self.name} is {text!r} and must be one of {self.range}."
        if self.kind == "bool":
            return None if text.lower() in _BOOLEANS else f"{self.name} is {text!r} and must be True or False."
        if self.kind not in ("int", "float"):
            return self._outside(len(text), f"{len(text)} characters long")
        number = _number(text)
        if number is None or (self.kind == "int" and not number.is_integer()):
            return f"{self.name} is {text!r} and must be of type {self.kind}."
        return self._outside(number, text)

    def _outside(self, size: float, shown: str) -> str | None:
        low = self.minimum is not None and size < self.minimum
        high = self.maximum is not None and size > self.maximum
        return f"{self.name} is {shown} and must be {self._words()}." if low or high else None

    def _words(self) -> str:
        return f"from {self.range}" if " to " in self.range else self.range


def as_text(value: Any) -> str:
    """Return a value as scripts of hub models take it: bare, with ``True`` and ``False`` as Python writes them."""
    return value if isinstance(value, str) else str(value)


def hyperparameters_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Hyperparameter, ...]:
    """Return the hyperparameters of a document; those of a variant have keys that begin with a small letter."""
    return tuple(_one({str(key).lower(): value for key, value in row.items()}) for row in rows)


def faults_of(known: Sequence[Hyperparameter], given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with hyperparameters that somebody has given."""
    names = {each.name: each for each in known}
    settable = [each.name for each in known if each.scope != CONTAINER]
    for name, value in given.items():
        if name not in names:
            yield f"{name!r} is no hyperparameter of this model; known are {', '.join(settable) or 'none'}."
        elif (said := names[name].fault(value)) is not None:
            yield said


def _one(row: Mapping[str, Any]) -> Hyperparameter:
    return Hyperparameter(
        name=str(row["name"]),
        kind=str(row.get("type", "text")),
        default=row.get("default"),
        minimum=_number(str(row.get("min", row.get("exclusivemin")))),
        maximum=_number(str(row.get("max", row.get("exclusivemax")))),
        options=tuple(as_text(option) for option in row.get("options") or ()),
        scope=str(row.get("scope", "algorithm")),
    )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
