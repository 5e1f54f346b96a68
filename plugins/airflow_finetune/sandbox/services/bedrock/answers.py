"""What all resources of Bedrock share: ids, errors, lists and the client request token."""

from __future__ import annotations

import base64
import json
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...runner.customizing.ledger import hidden

if TYPE_CHECKING:
    from ...edge.call import Call
    from ...world import World

Document = dict[str, Any]

DEFAULT_PAGE = 100
ID_LENGTH = 12
MOST_TAGS = 50
TOKENS = "bedrock_client_request_token"


def new_id() -> str:
    """Return an id as AWS makes them: twelve lower-case letters and digits."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(ID_LENGTH))


def arn(call: Call, resource: str) -> str:
    """Return the ARN of a resource of the caller's account."""
    return f"arn:aws:bedrock:{call.region}:{call.account}:{resource}"


def refuse(text: str) -> AwsError:
    """Return a ValidationException."""
    return AwsError("ValidationException", text)


def not_found(text: str) -> AwsError:
    """Return a ResourceNotFoundException."""
    return AwsError("ResourceNotFoundException", text, 404)


def conflict(text: str) -> AwsError:
    """Return a ConflictException."""
    return AwsError("ConflictException", text)


def quota_exceeded(text: str) -> AwsError:
    """Return a ServiceQuotaExceededException."""
    return AwsError("ServiceQuotaExceededException", text)


def shown(document: Document) -> Document:
    """Return a document as Get shows it."""
    return hidden(document)


def checked_tags(tags: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the tags of a request, a later one in the place of an earlier one of its key.

    Raises:
        AwsError: too many, or a reserved key.
    """
    merged = {tag["key"]: dict(tag) for tag in tags}
    if any(key.lower().startswith("aws:") for key in merged):
        raise refuse("Tag keys that start with aws: are reserved.")
    if len(merged) > MOST_TAGS:
        raise AwsError("TooManyTagsException", f"A resource can have at most {MOST_TAGS} tags.")
    return list(merged.values())


def already_made(call: Call, world: World) -> str | None:
    """Return the ARN that this request made before, or None: AWS does the work of a client request token once.

    Raises:
        AwsError: the token was used with other parameters.
    """
    token = call.params.get("clientRequestToken")
    earlier = world.store.get(TOKENS, call.region, f"{call.operation}/{token}") if token else None
    if earlier is None:
        return None
    if earlier["request"] != _request(call):
        raise conflict(f"The client request token {token} was used before with other parameters.")
    return str(earlier["arn"])


def claim(call: Call, world: World, new: str) -> str | None:
    """Take the client request token for a new resource.

    Returns:
        None when it is taken now; otherwise the ARN of what a request with the same token makes at this moment.
    """
    token = call.params.get("clientRequestToken")
    taken = {"arn": new, "request": _request(call)}
    if not token or world.store.create(TOKENS, call.region, f"{call.operation}/{token}", taken):
        return None
    return already_made(call, world)


def release(call: Call, world: World) -> None:
    """Give the token back: what it was taken for was refused."""
    world.store.delete(TOKENS, call.region, f"{call.operation}/{call.params.get('clientRequestToken')}")


def _request(call: Call) -> str:
    return json.dumps(call.params, sort_keys=True, default=str)


@dataclass(frozen=True)
class Listing:
    """How a resource is listed.

    Attributes:
        member: the output member that holds the page.
        summary: makes a summary of a document.
        name: member with the name.
        created: member with the time of creation.
        filters: request member -> member of the document that must equal it.
        after: request member for the earliest time.
        before: request member for the latest time.
    """

    member: str
    summary: Callable[[Document], Document]
    name: str
    created: str
    filters: Mapping[str, str]
    after: str = "creationTimeAfter"
    before: str = "creationTimeBefore"


def listed(documents: Sequence[Document], params: Mapping[str, Any], how: Listing) -> Document:
    """Return one page, the newest first unless the request says otherwise.

    A token holds the last place shown, so that a document made meanwhile neither repeats nor hides another one.

    Raises:
        AwsError: a nextToken that was not made by this list.
    """
    downwards = params.get("sortOrder", "Descending") == "Descending"
    found = [((each[how.created].timestamp(), each[how.name]), each) for each in documents if _fits(each, params, how)]
    found.sort(key=lambda pair: pair[0], reverse=downwards)
    after = _position(params)
    if after is not None:
        found = [pair for pair in found if (pair[0] < after if downwards else pair[0] > after)]
    size = params.get("maxResults", DEFAULT_PAGE)
    answer: Document = {how.member: [how.summary(each) for _, each in found[:size]]}
    if len(found) > size:
        token = json.dumps([_question(params), found[size - 1][0]])
        answer["nextToken"] = base64.urlsafe_b64encode(token.encode()).decode()
    return answer


def _fits(document: Document, params: Mapping[str, Any], how: Listing) -> bool:
    if params.get("nameContains", "") not in document[how.name]:
        return False
    if any(params.get(asked) not in (None, document.get(member)) for asked, member in how.filters.items()):
        return False
    created: datetime = document[how.created]
    after, before = params.get(how.after), params.get(how.before)
    return not (after and created <= after) and not (before and created >= before)


def _question(params: Mapping[str, Any]) -> str:
    return json.dumps({k: v for k, v in params.items() if k not in ("nextToken", "maxResults")}, default=str)


def _position(params: Mapping[str, Any]) -> tuple[float, str] | None:
    token = params.get("nextToken")
    if not token:
        return None
    try:
        question, place = json.loads(base64.urlsafe_b64decode(token))
        if question == _question(params):
            return float(place[0]), str(place[1])
    except (ValueError, TypeError, IndexError):
        pass
    raise refuse("Invalid pagination token: use it with the request that it came from.")


def pick(document: Mapping[str, Any], names: Sequence[str]) -> Document:
    """Return the members of these names that a document has."""
    return {name: document[name] for name in names if name in document}
