"""Carries out the fault rules that fire on an API call: before it, instead of it, or after it was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .connection import cut
from .errors import AwsError
from .faults import Rule
from .protocol import Answer

_THROTTLED = {
    "s3": ("SlowDown", 503),
    "ec2": ("RequestLimitExceeded", 503),
    "sts": ("Throttling", 400),
    "iam": ("Throttling", 400),
    "sns": ("Throttled", 429),
}
_EXPIRED = {"s3": ("ExpiredToken", 400), "sts": ("ExpiredToken", 403), "iam": ("ExpiredToken", 403)}
_DENIED = {"s3": ("AccessDenied", 403), "sts": ("AccessDenied", 403), "iam": ("AccessDenied", 403)}


def around(rules: list[Rule], exchange: Any, perform: Callable[[], Answer], pause: Callable[[Rule], None]) -> Answer:
    """Perform a call under the rules that fire on it.

    Args:
        rules: in the order in which they were added; delays add up, the first other rule decides.
        exchange: its ``outcome`` is set to the fault's name; its ``request.environ`` holds the socket.
        perform: does the call.
        pause: waits as long as a rule says.

    Raises:
        AwsError: the fault is an error answer.
        ConnectionResetError: the fault cuts the connection.
    """
    for rule in rules:
        if rule.kind == "delay":
            pause(rule)
    decisive = next((rule for rule in rules if rule.kind != "delay"), None)
    if decisive is None:
        return perform()
    if decisive.kind == "late_answer":
        try:
            return perform()
        finally:
            pause(decisive)
    exchange.outcome = decisive.kind
    if decisive.kind == "lost_answer":
        _do_and_forget(perform)
        raise cut(exchange.request.environ)
    if decisive.kind == "reset":
        raise cut(exchange.request.environ)
    raise _error(decisive, exchange.route.service, exchange.route.operation)


def _do_and_forget(perform: Callable[[], Answer]) -> None:
    try:
        answer = perform()
    except AwsError:
        return
    if not isinstance(answer.body, bytes):
        for _ in answer.body:
            pass


def _error(rule: Rule, service: str, operation: str) -> AwsError:
    params = rule.params
    if rule.kind == "throttle":
        code, status = _THROTTLED.get(service, ("ThrottlingException", 400))
        return AwsError(params.get("code", code), params.get("message", "Rate exceeded"), status=status)
    if rule.kind == "access_denied":
        code, status = _DENIED.get(service, ("AccessDeniedException", 400))
        text = f"User is not authorized to perform: {service}:{operation}"
        return AwsError(code, params.get("message", text), status=status)
    if rule.kind == "expired_token":
        code, status = _EXPIRED.get(service, ("ExpiredTokenException", 400))
        return AwsError(code, "The security token included in the request is expired", status=status)
    status = int(params.get("status", 500))
    code = params.get("code", "ServiceUnavailable" if status == 503 else "InternalFailure")
    return AwsError(code, params.get("message", "An injected fault: the service is unable to answer."), status=status)
