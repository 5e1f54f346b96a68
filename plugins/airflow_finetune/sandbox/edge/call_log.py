"""Every API call with its parameters and outcome; secrets are taken out by the name of their key."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

REDACTED = "[redacted]"
MAX_CALLS = 10_000
LONGEST_TEXT = 2_000

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset(
    {"secret", "secrets", "password", "passwd", "passphrase", "token", "apikey", "credential", "credentials",
     "authorization", "plaintext", "pat", "pwd", "signature"}
)  # fmt: skip
_SECRET_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key")})
_HARMLESS = frozenset({("next", "token"), ("client", "token"), ("request", "token"), ("idempotency", "token")})
_NAMES_ONLY = frozenset({"id", "arn", "name", "list", "type", "count"})


def is_secret(key: str) -> bool:
    """Whether a key's name says that its value is a secret; ``NextToken``, ``max_tokens``, ``SecretId`` are not."""
    words = [word.lower() for word in _WORDS.findall(key)]
    pairs = set(pairwise(words))
    if not words or words[-1] in _NAMES_ONLY or pairs & _HARMLESS:
        return False
    return bool(_SECRET_WORDS & set(words) or _SECRET_PAIRS & pairs)


def redact(value: Any, key: str = "") -> Any:
    """A copy without secrets that can be written as JSON: bytes become their size, times text, long texts end."""
    if key and is_secret(key) and not isinstance(value, bool):
        return REDACTED
    if isinstance(value, Mapping):
        named = value.get("Key", value.get("Name", value.get("key")))
        if isinstance(named, str) and is_secret(named):
            return {k: v if v == named else REDACTED for k, v in value.items()}
        return {str(k): redact(v, str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:LONGEST_TEXT]} [and {len(value) - LONGEST_TEXT} more]"
    return value.isoformat() if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Record:
    """One API call.

    Attributes:
        time: when it arrived, real time.
        service: botocore's name of the service.
        operation: for example ``CreateTrainingJob``; empty when the request names none.
        region: from the credential scope.
        account: twelve digits.
        params: what was asked, without secrets.
        status: the HTTP status; 0 when the connection was cut.
        outcome: ``ok``, AWS's error code, or the fault that was injected.
        request_id: what the client saw.
        seconds: real time until the answer was made.
    """

    time: datetime
    service: str
    operation: str
    region: str
    account: str
    params: Any
    status: int
    outcome: str
    request_id: str
    seconds: float


class CallLog:
    """The last calls, oldest first; older ones are dropped and counted."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=MAX_CALLS)
        self._total = 0
        self._lock = threading.Lock()

    def add(self, record: Record) -> None:
        """Keep a call; its parameters must have gone through `redact`."""
        with self._lock:
            self._records.append(record)
            self._total += 1

    def records(self, service: str | None = None, operation: str | None = None) -> list[Record]:
        """Calls, oldest first, of one service or operation when given."""
        with self._lock:
            records = list(self._records)
        return [
            record for record in records if service in (None, record.service) and operation in (None, record.operation)
        ]

    def documents(self, service: str | None = None, operation: str | None = None) -> list[dict[str, Any]]:
        """As `records`, ready for JSON."""
        return [{**asdict(record), "time": record.time.isoformat()} for record in self.records(service, operation)]

    @property
    def total(self) -> int:
        """How many calls there were, dropped ones included."""
        return self._total

    def clear(self) -> None:
        """Forget every call."""
        with self._lock:
            self._records.clear()
            self._total = 0
