"""What a user knows better than this package: members that are merged over what it would have taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(request: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request with overrides: mappings are merged, lists and values replaced, None takes a member out."""
    result = dict(request)
    for member, value in overrides.items():
        if value is None:
            result.pop(member, None)
        elif isinstance(value, Mapping):
            below = result.get(member)
            result[member] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[member] = value
    return result
