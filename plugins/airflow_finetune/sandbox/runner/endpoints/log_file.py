"""Carries what a server prints to /aws/sagemaker/Endpoints/NAME, stream VARIANT/i-..., while it runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from ..jobs.log_stream import LogFile, LogWriter

GROUP = "/aws/sagemaker/Endpoints/"

Later = Callable[[Callable[[], None]], object]


class ReplicaLog:
    """The log of one replica.

    Args:
        path: the file that the process writes.
        writer: writes to the endpoint's log group.
        variant: VariantName; the first half of the stream's name.
        later: runs a function on the one thread that writes, in the order of the calls.
        stamp: gives now in epoch milliseconds.
    """

    def __init__(self, path: Path, writer: LogWriter, variant: str, later: Later, stamp: Callable[[], int]) -> None:
        self.path = path
        self.stream = f"{variant}/i-{secrets.token_hex(9)[:17]}"
        self._file = LogFile(path)
        self._writer, self._later, self._stamp = writer, later, stamp
        later(lambda: writer.write(self.stream, []))  # the stream exists from the start, as on AWS

    def say(self, text: str) -> None:
        """Append a line of the sandbox's own."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def carry(self, final: bool = False) -> None:
        """Send on what is new."""
        lines = self._file.new_lines(final)
        if lines:
            now = self._stamp()
            self._later(lambda: self._writer.write(self.stream, [(now, line) for line in lines]))

    def finish(self) -> None:
        """Send on the rest; the file may be removed afterwards."""
        self.carry(final=True)
