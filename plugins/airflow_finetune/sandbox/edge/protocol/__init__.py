"""The server's half of AWS's protocols, over botocore's models: route, parse, check, serialise."""

from .failure import failure
from .glance import check_content_type, check_signature, find_route, glance, guess, operation, reason
from .parse import Message, parse
from .route import Route
from .serialize import Answer, serialize
from .validate import check

__all__ = [
    "Answer",
    "Message",
    "Route",
    "check",
    "check_content_type",
    "check_signature",
    "failure",
    "find_route",
    "glance",
    "guess",
    "operation",
    "parse",
    "reason",
    "serialize",
]
