"""What the account was billed so far, per resource: finished lines, and meters that run on modelled time."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from .clock import Clock

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class BillLine:
    """One line of the bill.

    Attributes:
        arn: the resource.
        kind: for example ``training`` or ``hosting``.
        quantity: how much of ``unit``.
        unit: for example ``hours``.
        usd: dollars of the sandbox's own price table.
        running: True while the meter still runs.
    """

    arn: str
    kind: str
    quantity: float
    unit: str
    usd: float
    running: bool = False


@dataclass
class _Meter:
    arn: str
    kind: str
    usd_per_unit: float
    since: float
    unit: str
    hours_per_unit: float

    def line(self, now: float, running: bool) -> BillLine:
        quantity = (now - self.since) / SECONDS_PER_HOUR / self.hours_per_unit
        return BillLine(self.arn, self.kind, quantity, self.unit, quantity * self.usd_per_unit, running)


class Billing:
    """Meters by resource, on modelled seconds, so that ``speed`` and skipped time are billed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._finished: list[BillLine] = []
        self._tallies: dict[tuple[str, str], BillLine] = {}
        self._meters: dict[str, _Meter] = {}
        self._lock = threading.Lock()

    def meter(self, arn: str, kind: str, usd_per_unit: float, unit: str = "hours", hours_per_unit: float = 1.0) -> None:
        """Start a meter on a resource; one that already runs there is ended first, as after a change of size."""
        with self._lock:
            self._end(arn)
            self._meters[arn] = _Meter(arn, kind, usd_per_unit, self._clock.modelled(), unit, hours_per_unit)

    def stop(self, arn: str) -> None:
        """End the meter of a resource; nothing happens when none runs."""
        with self._lock:
            self._end(arn)

    def charge(self, arn: str, kind: str, quantity: float, unit: str, usd: float) -> None:
        """Add a finished line."""
        with self._lock:
            self._finished.append(BillLine(arn, kind, quantity, unit, usd))

    def add(self, arn: str, kind: str, quantity: float, unit: str, usd: float) -> None:
        """Add to the one line of a resource and kind, as AWS puts all tokens of a model together."""
        with self._lock:
            old = self._tallies.get((arn, kind), BillLine(arn, kind, 0, unit, 0.0))
            self._tallies[arn, kind] = BillLine(arn, kind, old.quantity + quantity, unit, old.usd + usd)

    def lines(self) -> list[BillLine]:
        """Every line so far; running meters as of now, after the finished lines."""
        with self._lock:
            now = self._clock.modelled()
            running = [meter.line(now, running=True) for meter in self._meters.values()]
            return [*self._finished, *self._tallies.values(), *running]

    def total_usd(self) -> float:
        """All dollars so far."""
        return sum(line.usd for line in self.lines())

    def clear(self) -> None:
        """Forget every line and every meter."""
        with self._lock:
            self._finished.clear()
            self._tallies.clear()
            self._meters.clear()

    def _end(self, arn: str) -> None:
        meter = self._meters.pop(arn, None)
        if meter is not None:
            self._finished.append(meter.line(self._clock.modelled(), running=False))
