"""The server's half of AWS's protocols, over botocore's models: route, parse, check, serialise."""

from .envelope import check_content_type, check_signature
from .failure import failure
from .glance import find_route, glance, guess
from .models import operation_model
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
    "operation_model",
    "parse",
    "serialize",
]
