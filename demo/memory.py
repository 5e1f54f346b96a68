"""What the whole demo needs: memory at its highest, and processor time by the program that used it."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path

from demo.keeper import descendants

PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
EVERY_SECONDS = 3.0


def proportional_kib(pid: int) -> int:
    """Return a process's proportional set size (shared pages divided among those who share them); 0 if it is gone."""
    with contextlib.suppress(OSError):
        found = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
        return int(found[1]) if found else 0
    return 0


def family_kib() -> int:
    """Return the sum over this process and its descendants."""
    return sum(proportional_kib(pid) for pid in (os.getpid(), *(pid for pid, _ in descendants(os.getpid()))))


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of all that it has started, the ended ones included."""
    ticks = 0
    for each in (pid, *(below for below, _ in descendants(pid))):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])  # its own and those of children that were waited for
    return round(ticks / os.sysconf("SC_CLK_TCK"), 1)


class Memory:
    """Looks every three seconds, on a thread that ends with the context.

    Attributes:
        peak_mib: the highest sum that was seen.
        processes: how many processes there were then.
    """

    def __init__(self) -> None:
        self.peak_mib, self.processes = 0.0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def look(self) -> None:
        """Measure once."""
        now = family_kib() / 1024
        if now > self.peak_mib:
            self.peak_mib, self.processes = now, 1 + len(descendants(os.getpid()))

    def _run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self.look()
