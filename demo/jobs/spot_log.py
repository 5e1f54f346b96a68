"""How far a job is, read from its own log: steps, losses, and what an interruption cost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

STEP = re.compile(r"\bstep=(\d+)\b.*?\bloss=([0-9.]+)")
PLANNED = re.compile(r"\bplanned_steps=(\d+)")


@dataclass
class Training:
    """What a job's log says of its steps.

    Attributes:
        steps: how many there will be; None until the program has said it.
        seen: (seconds since the epoch, step, loss) in the order of the log.
        resumed: the lines in which the program says that it goes on from a checkpoint.
        restarts: how many entries of ``seen`` came before each of these lines.
    """

    steps: int | None = None
    seen: list[tuple[float, int, float]] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, lines: list[tuple[float, str]]) -> Training:
        """Read a log."""
        training = cls()
        for at, line in lines:
            if found := STEP.search(line):
                training.seen.append((at, int(found[1]), float(found[2])))
            elif line.startswith("RESUMED"):
                training.resumed.append(line)
                training.restarts.append(len(training.seen))
            elif found := PLANNED.search(line):
                training.steps = int(found[1])
        return training

    @property
    def step(self) -> int:
        """The last step that was logged; 0 before the first."""
        return self.seen[-1][1] if self.seen else 0

    @property
    def interrupted_at(self) -> int | None:
        """The last step that the part before the first resumption has logged; None without one."""
        cut = self.restarts[0] if self.restarts else 0
        return self.seen[cut - 1][1] if cut else None

    @property
    def resumed_at(self) -> int | None:
        """The step of the checkpoint that it went on from; None without an interruption."""
        found = re.search(r"\bstep=(\d+)", self.resumed[0]) if self.resumed else None
        return int(found[1]) if found else None

    def left_seconds(self) -> float | None:
        """Return about how long the remaining steps take, at the pace since the last start; None when unknown."""
        now = self.seen[self.restarts[-1] if self.restarts else 0 :]
        if len(now) < 2 or self.steps is None:
            return None
        (began, first, _), (at, last, _) = now[0], now[-1]
        return (at - began) / (last - first) * (self.steps - last) if last > first else None

    def text(self) -> str:
        """Return the last step in words; empty before the first."""
        if not self.seen:
            return ""
        if self.restarts and self.restarts[-1] == len(self.seen):
            return f"starts again after step {self.seen[-1][1]}"
        _, step, loss = self.seen[-1]
        left = self.left_seconds()
        about = "" if left is None or step >= (self.steps or 0) else f", about {max(1, round(left))} s left"
        return f"step {step} of {self.steps or '?'}, loss {loss:.3f}{about}"
