"""What surrounds a request to our own services, and must fit it: the signature's scope and the content type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import AwsError
from .models import OWNERS
from .route import Route

if TYPE_CHECKING:
    from ..request import Request

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}|aws-global")
_JSON_TYPES = ("application/x-amz-json-1.0", "application/x-amz-json-1.1")


def check_signature(request: Request) -> None:
    """Refuse a call of ours that is signed for another service, or for a region that cannot be.

    Raises:
        AwsError: InvalidSignatureException.
    """
    scope = request.scope
    if scope is None:
        return
    if not _REGION.fullmatch(scope.region):
        text = "Credential should be scoped to a valid region."
        raise AwsError("InvalidSignatureException", text, status=403)
    owner = OWNERS.get(request.headers.get("x-amz-target", "").rpartition(".")[0])
    if owner and owner != scope.signing_name:
        text = f"Credential should be scoped to correct service: '{owner}'."
        raise AwsError("InvalidSignatureException", text, status=403)


def check_content_type(request: Request, route: Route) -> None:
    """Refuse a call of ours in another protocol's content type.

    Raises:
        AwsError: UnknownOperationException.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if route.protocol == "json" and content_type not in _JSON_TYPES:
        text = f"Content-Type is '{content_type}', and this service reads application/x-amz-json-1.1."
        raise AwsError("UnknownOperationException", text, status=404)
