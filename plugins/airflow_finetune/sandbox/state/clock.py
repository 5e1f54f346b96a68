"""Two kinds of time: real time for everything a client sees, modelled time for waits and bills."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Real UTC timestamps, and modelled seconds that run ``speed`` times as fast.

    Args:
        speed: modelled seconds per real second.
        monotonic: real seconds from any start; a test hands in its own.
    """

    def __init__(self, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.speed = speed
        self._monotonic = monotonic
        self._start = monotonic()
        self._advanced = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Real time, aware, UTC: SigV4, sensors and log queries compare it with the client's own clock."""
        return datetime.now(UTC)

    def modelled(self) -> float:
        """Modelled seconds since the start, skipped ones included; it never runs backwards."""
        return (self._monotonic() - self._start) * self.speed + self._advanced

    def real_seconds(self, modelled_seconds: float) -> float:
        """How long a modelled wait takes in real seconds."""
        return modelled_seconds / self.speed

    def advance(self, seconds: float) -> None:
        """Skip modelled seconds, so that a test need not wait for them.

        Raises:
            ValueError: for a negative number, for modelled time does not run backwards; and for what is no number.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(
                f"cannot advance by {seconds} seconds: modelled time does not run backwards, nor to its end"
            )
        with self._lock:
            self._advanced += seconds
