"""One page of ListModels, ListEndpointConfigs, ListEndpoints: filters, order and pages as AWS documents them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .training_job_checks import refuse

Document = Mapping[str, Any]

DEFAULT_PAGE = 10
TIME_FILTERS: tuple[tuple[str, str, Callable[[datetime, datetime], bool]], ...] = (
    ("CreationTimeAfter", "CreationTime", lambda at, limit: at > limit),
    ("CreationTimeBefore", "CreationTime", lambda at, limit: at < limit),
    ("LastModifiedTimeAfter", "LastModifiedTime", lambda at, limit: at > limit),
    ("LastModifiedTimeBefore", "LastModifiedTime", lambda at, limit: at < limit),
)


@dataclass(frozen=True)
class Kind:
    """What a list shows.

    Attributes:
        member: the output member that holds the page.
        name: the member that names a document.
        shown: the members of a summary.
        status: the member that StatusEquals and SortBy=Status look at, or None.
    """

    member: str
    name: str
    shown: tuple[str, ...]
    status: str | None = None


def list_page(documents: Sequence[Document], params: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """Return one page, the newest first unless the request says otherwise.

    A token holds the last place shown, so that a document made meanwhile neither repeats nor hides another one.

    Raises:
        AwsError: a NextToken that was not made by this list.
    """
    downwards = params.get("SortOrder", "Descending") == "Descending"
    found = [(_place(each, params, kind), each) for each in documents if _fits(each, params, kind)]
    found.sort(key=lambda pair: pair[0], reverse=downwards)
    after = _read_token(params)
    if after is not None:
        found = [pair for pair in found if (pair[0] < after if downwards else pair[0] > after)]
    size = params.get("MaxResults", DEFAULT_PAGE)
    page = found[:size]
    answer: dict[str, Any] = {
        kind.member: [{name: each[name] for name in kind.shown if name in each} for _, each in page]
    }
    if len(found) > size:
        answer["NextToken"] = base64.urlsafe_b64encode(json.dumps([_question(params), page[-1][0]]).encode()).decode()
    return answer


def _place(document: Document, params: Mapping[str, Any], kind: Kind) -> list[Any]:
    by = params.get("SortBy", "CreationTime")
    keys = {"Name": document[kind.name], "CreationTime": document["CreationTime"].timestamp()}
    return [keys[by] if by in keys else document[str(kind.status)], document[kind.name]]


def _fits(document: Document, params: Mapping[str, Any], kind: Kind) -> bool:
    if params.get("NameContains", "") not in document[kind.name]:
        return False
    if params.get("StatusEquals") and document[str(kind.status)] != params["StatusEquals"]:
        return False
    return all(compare(document[member], params[name]) for name, member, compare in TIME_FILTERS if params.get(name))


def _question(params: Mapping[str, Any]) -> str:
    """Return what a token belongs to: the request without its page."""
    return json.dumps({k: v for k, v in params.items() if k not in ("NextToken", "MaxResults")}, default=str)


def _read_token(params: Mapping[str, Any]) -> list[Any] | None:
    token = params.get("NextToken")
    if not token:
        return None
    try:
        question, last = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        question, last = None, None
    if question != _question(params) or not isinstance(last, list):
        raise refuse("Invalid pagination token: use it with the request that it came from.")
    return last
