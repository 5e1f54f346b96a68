"""How long to wait before looking again: often at the start, seldom later, never past a deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Pacing:
    """The poll interval of a job.

    Attributes:
        longest_seconds: between two looks at a job that runs for hours.
        fraction: of the time that has passed since the job was made; a job of a minute is seen ending within seconds.
        shortest_seconds: None takes a fifteenth of the longest.
    """

    longest_seconds: float = 30.0
    fraction: float = 0.05
    shortest_seconds: float | None = None

    def interval_seconds(
        self, now: datetime, since: datetime, deadline: datetime | None, jitter: float, failures: int = 0
    ) -> float:
        """Return the seconds until the next look.

        Args:
            now: the clock.
            since: when the job was made, or when we began to wait.
            deadline: an absolute time that must not be slept through; None waits without end.
            jitter: 0 to 1, random; spreads many jobs that began together by 20 %.
            failures: calls in a row that AWS throttled or could not answer; each doubles the interval, six at most.
        """
        shortest = self.longest_seconds / 15 if self.shortest_seconds is None else self.shortest_seconds
        elapsed = max(0.0, (now - since).total_seconds())
        seconds = min(self.longest_seconds, max(shortest, elapsed * self.fraction))
        seconds *= 2.0 ** min(failures, 6) * (0.9 + 0.2 * jitter)
        if deadline is None:
            return seconds
        return max(min(seconds, (deadline - now).total_seconds()), min(shortest, 1.0))
