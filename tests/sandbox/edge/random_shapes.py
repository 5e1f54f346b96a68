"""Random values of botocore's shapes: seeded, within the model's types, with the characters that break protocols."""

from __future__ import annotations

import random
import string
from datetime import UTC, datetime, timedelta
from typing import Any

ANYTHING = string.ascii_letters + string.digits + " /%+?&=#:;.,~'\"<>\\{}|^`äß漢\U0001f600\n\t"
HEADER = string.ascii_letters + string.digits + "/%+?&=#:;.~-_"
DEPTH = 5


class Values:
    """Draws values of shapes.

    Args:
        seed: equal seeds draw equal values.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, shape: Any, depth: int = 0, everything: bool = False) -> Any:
        """A value; ``everything`` fills every optional member of the outermost structure."""
        if getattr(shape, "is_document_type", False):
            return {"any": [1, "two", None, {"three": 3.5}], "thing": True}
        return getattr(self, f"_{shape.type_name}")(shape, depth, everything)

    def _structure(self, shape: Any, depth: int, everything: bool) -> dict[str, Any]:
        members = {}
        names = list(shape.members)
        if shape.metadata.get("union") or getattr(shape, "is_tagged_union", False):
            names = [self._random.choice(names)]
            return {name: self.of(shape.members[name], depth + 1) for name in names}
        for name in names:
            member = shape.members[name]
            chance = 1.0 if everything or name in shape.required_members else 0.6 / (depth + 1)
            too_deep = depth >= DEPTH and member.type_name in ("structure", "list", "map")
            if self._random.random() < chance and not (too_deep and name not in shape.required_members):
                members[name] = self._placed(member, depth)
        return members

    def _placed(self, member: Any, depth: int) -> Any:
        place = member.serialization.get("location")
        if place == "header":
            return self._header(member)
        if place == "headers":
            return {self._text(HEADER, 1, 8).lower(): self._text(HEADER, 1, 12) for _ in range(2)}
        if place == "uri" and member.type_name == "string":
            return self._text(ANYTHING, 1, 20)
        if place == "statusCode":
            return 201
        return self.of(member, depth + 1)

    def _header(self, member: Any) -> Any:
        if member.type_name == "string" and not member.serialization.get("jsonvalue"):
            return self._text(HEADER, 1, 30)
        if member.type_name == "list":
            return [self._text(HEADER, 1, 8) for _ in range(2)]
        return self.of(member, DEPTH)

    def _list(self, shape: Any, depth: int, everything: bool) -> list[Any]:
        size = self._random.randint(1, 3) if depth < DEPTH else 1
        return [self.of(shape.member, depth + 1) for _ in range(size)]

    def _map(self, shape: Any, depth: int, everything: bool) -> dict[str, Any]:
        size = self._random.randint(1, 3) if depth < DEPTH else 1
        return {self._string(shape.key, depth, False): self.of(shape.value, depth + 1) for _ in range(size)}

    def _string(self, shape: Any, depth: int, everything: bool) -> str:
        if getattr(shape, "enum", None):
            return str(self._random.choice(shape.enum))
        return self._text(ANYTHING, 1, 40)

    _character = _string

    def _integer(self, shape: Any, depth: int, everything: bool) -> int:
        return self._random.choice([0, 1, -1, 2**31 - 1, -(2**31), self._random.randint(-1000, 1000)])

    def _long(self, shape: Any, depth: int, everything: bool) -> int:
        return self._random.choice([0, 2**53, -(2**53), self._random.randint(-(10**12), 10**12)])

    def _double(self, shape: Any, depth: int, everything: bool) -> float:
        return self._random.choice([0.0, -0.5, 1e-9, 1.7976931348623157e308, self._random.uniform(-1e6, 1e6)])

    def _float(self, shape: Any, depth: int, everything: bool) -> float:
        return self._random.choice([0.0, -0.5, 1e-9, self._random.uniform(-1e6, 1e6)])

    def _boolean(self, shape: Any, depth: int, everything: bool) -> bool:
        return self._random.random() < 0.5

    def _blob(self, shape: Any, depth: int, everything: bool) -> bytes:
        return self._random.randbytes(self._random.randint(1, 60))

    def _timestamp(self, shape: Any, depth: int, everything: bool) -> datetime:
        return datetime(2001, 2, 3, tzinfo=UTC) + timedelta(seconds=self._random.randint(0, 10**9))

    def _text(self, alphabet: str, shortest: int, longest: int) -> str:
        return "".join(self._random.choice(alphabet) for _ in range(self._random.randint(shortest, longest)))
