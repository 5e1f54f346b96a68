"""Shows how far a run is: one line that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

EVERY_SECONDS = 10.0  # between two plain lines that say the same but for the numbers


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
            wide = shutil.get_terminal_size().columns - 1  # a line that wraps cannot be written again
            self._out.write("\r\x1b[K" + f"[{self.elapsed()}] {text}"[:wide])
            self._out.flush()
            self._open = True
            return
        now, kind = time.monotonic(), f"{stage}: {status}"
        if kind != self._last or (detail and now - self._last_at >= EVERY_SECONDS):
            self._last, self._last_at = kind, now
            self.say(text)
