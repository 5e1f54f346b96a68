"""Which processes exist below this one, and how to kill exactly those."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator

HAS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # else: macOS, or an unusual kernel


class Table:
    """The processes below this one, from /proc, or from ``ps`` where there is no /proc."""

    def __init__(self) -> None:
        self._page = os.sysconf("SC_PAGE_SIZE")

    def below(self) -> dict[int, tuple[str, int]]:
        """Give pid -> (start time, resident bytes) of every process below this one."""
        found: dict[int, tuple[str, int]] = {}
        rows = {} if HAS_CHILDREN else self._rows()
        edge = [os.getpid()]
        while edge:
            parent = edge.pop()
            if HAS_CHILDREN:
                rows = {pid: (parent, *row) for pid in self._children(parent) if (row := self._row(pid))}
            for pid, (above, start, size) in rows.items():
                if above == parent and pid not in found:
                    found[pid] = (start, size)
                    edge.append(pid)
        return found

    def _children(self, pid: int) -> Iterator[int]:
        """Give the children of all threads of a process."""
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                    yield from map(int, file.read().split())

    def _rows(self) -> dict[int, tuple[int, str, int]]:
        """Give pid -> (parent, start time, resident bytes) of all processes, by ``ps``."""
        text = subprocess.run(["ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True, check=False).stdout
        cells = [line.split() for line in text.splitlines()]
        return {int(pid): (int(parent), "", int(kilobytes) * 1024) for pid, parent, kilobytes in cells}

    def _row(self, pid: int) -> tuple[str, int] | None:
        """Give (start time, resident bytes), or None for a process that is gone."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return None
        return fields[19].decode(), int(fields[21]) * self._page

    def is_alive(self, pid: int, start: str) -> bool:
        """Say whether this very process still exists; True where nobody can say (no /proc)."""
        return not start or (self._row(pid) or ("",))[0] == start

    def start_of(self, pid: int) -> str:
        """Give a process's start time, or an empty text where nobody can say."""
        return (self._row(pid) or ("",))[0]

    def kill(self, processes: Iterable[tuple[int, str]]) -> None:
        """Kill each process, unless another one has its number by now."""
        for pid, start in processes:
            with contextlib.suppress(OSError):
                if self.is_alive(pid, start):
                    os.kill(pid, signal.SIGKILL)
