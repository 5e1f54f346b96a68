"""Shows how far a run is: one line that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

STEP = re.compile(r"\bstep=(\d+)\b.*?\bloss=([0-9.]+)")
EVERY_SECONDS = 10.0  # between two plain lines that say the same but for the numbers
WIDTH = 110


@dataclass
class Training:
    """What a job's log says of its steps.

    Attributes:
        steps: how many there will be.
        seen: (seconds since the epoch, step, loss) in the order of the log.
        resumed: the lines in which the program says that it goes on from a checkpoint.
        restarts: how many entries of ``seen`` came before each of these lines.
    """

    steps: int
    seen: list[tuple[float, int, float]] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, lines: list[tuple[float, str]], steps: int) -> Training:
        """Read a log."""
        training = cls(steps)
        for at, line in lines:
            if found := STEP.search(line):
                training.seen.append((at, int(found[1]), float(found[2])))
            elif line.startswith("RESUMED"):
                training.resumed.append(line)
                training.restarts.append(len(training.seen))
        return training

    def left_seconds(self) -> float | None:
        """Return about how long the remaining steps take, at the pace since the last start; None when unknown."""
        now = self.seen[self.restarts[-1] if self.restarts else 0 :]
        if len(now) < 2:
            return None
        (began, first, _), (at, last, _) = now[0], now[-1]
        return (at - began) / (last - first) * (self.steps - last) if last > first else None

    def text(self) -> str:
        """Return the last step in words; empty before the first."""
        if not self.seen:
            return ""
        _, step, loss = self.seen[-1]
        left = self.left_seconds()
        about = "" if left is None or step >= self.steps else f", about {max(1, round(left))} s left"
        return f"step {step}/{self.steps}, loss {loss:.3f}{about}"


class Progress:
    """Where progress is shown.

    Args:
        out: the stream.
    """

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out, self._began = out, time.monotonic()
        self._live = out.isatty()
        self._open = False
        self._last, self._last_at = "", 0.0

    def elapsed(self) -> str:
        """Return the time since the start, four characters wide."""
        return f"{time.monotonic() - self._began:4.0f} s"

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if self._open:
            self._out.write("\r\x1b[K")
            self._open = False
        self._out.write(f"[{self.elapsed()}] {text}\n")
        self._out.flush()

    def show(self, stage: str, status: str, detail: str = "") -> None:
        """Show the state of now: one line on a terminal, else a line when it changed or ten seconds passed."""
        text = f"{stage}: {status}" + (f", {detail}" if detail else "")
        if self._live:
            self._out.write(f"\r\x1b[K[{self.elapsed()}] {text}"[:WIDTH])
            self._out.flush()
            self._open = True
            return
        now, kind = time.monotonic(), f"{stage}: {status}"
        if kind != self._last or (detail and now - self._last_at >= EVERY_SECONDS):
            self._last, self._last_at = kind, now
            self.say(text)
