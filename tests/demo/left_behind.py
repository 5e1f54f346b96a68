"""Finds processes by a text in their environment or command line, for tests that claim that nothing is left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path


def processes_with(text: str) -> list[tuple[int, str]]:
    """Return (pid, command line) of every process that was started with a text in its environment or arguments."""
    wanted, found = text.encode(), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if wanted in command or wanted in (entry / "environ").read_bytes():
                found.append((int(entry.name), command.replace(b"\0", b" ").decode(errors="replace")[:160]))
    return found


def eventually(look: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Tell whether something becomes true within a generous limit."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if look():
            return True
        time.sleep(0.05)
    return look()
