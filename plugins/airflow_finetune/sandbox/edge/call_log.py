"""Every API call with its parameters and outcome, without secrets."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from ..state.redaction import redact

MAX_CALLS = 10_000


@dataclass(frozen=True)
class Record:
    """One API call.

    Attributes:
        time: when it arrived, real time.
        service: botocore's name of the service.
        operation: for example ``CreateTrainingJob``; empty when the request names none.
        region: from the credential scope.
        account: twelve digits.
        params: what was asked; the log keeps it without secrets.
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
        """Keep a call, without the secrets in its parameters."""
        record = replace(record, params=redact(record.params))
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
