"""One API call, as a service of the embedded AWS sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..world import World


@dataclass(frozen=True)
class Call:
    """A parsed and validated request.

    Attributes:
        service: botocore's name of the service, for example ``sagemaker``.
        operation: for example ``CreateTrainingJob``.
        params: members by their botocore names; a streaming body is ``bytes``.
        region: from the credential scope.
        account: twelve digits.
        request_id: what the client sees as ``RequestId``.
    """

    service: str
    operation: str
    params: dict[str, Any] = field(repr=False)
    region: str
    account: str
    request_id: str


Handler = Callable[[Call, "World"], Mapping[str, Any]]
"""Answers with members by their botocore names; raises ``AwsError`` or ``PassToMoto``."""
