"""Cuts a list into pages with a token that says where the next one starts."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from ..edge.errors import AwsError


def page(
    items: Sequence[Any],
    params: Mapping[str, Any],
    member: str,
    default_size: int = 100,
    error: str = "InvalidPaginationTokenException",
) -> dict[str, Any]:
    """One page and, when there is more, ``NextToken``.

    Args:
        items: all of them, in a stable order.
        params: ``MaxResults`` and ``NextToken`` are read.
        member: the output member that holds the page.
        default_size: items a page when ``MaxResults`` is not given.
        error: AWS's code for a token that is none.

    Raises:
        AwsError: the token was not made here.
    """
    size = int(params.get("MaxResults") or default_size)
    start = _position(params.get("NextToken"), error)
    answer: dict[str, Any] = {member: list(items[start : start + size])}
    if start + size < len(items):
        answer["NextToken"] = base64.urlsafe_b64encode(f"from:{start + size}".encode()).decode()
    return answer


def _position(token: str | None, error: str) -> int:
    if not token:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
        if word == "from":
            return int(number)
    except ValueError:
        pass
    raise AwsError(error, "The pagination token is not valid.")
