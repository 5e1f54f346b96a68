"""Carries what a job prints to CloudWatch Logs while it runs, in order, a batch at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

GROUP = "/aws/sagemaker/TrainingJobs"
BATCH_EVENTS = 10_000  # PutLogEvents takes that many ...
BATCH_BYTES = 1_000_000  # ... and 1 MiB, of which each event costs 26 bytes more than its text
EVENT_BYTES = 26
LINE_BYTES = 250_000  # the largest event is 256 KiB
TAIL_LINES = 40
READ_BYTES = 4_000_000

Line = tuple[int, str]


def stream_name(job: str, started: datetime) -> str:
    """Return the stream of one start of a job's container: ``JOB/algo-1-EPOCHMILLIS``."""
    return f"{job}/algo-1-{int(started.timestamp() * 1000)}"


class LogFile:
    """Reads the lines that have been added to a program's log file.

    Args:
        path: the file; it need not exist yet.

    Attributes:
        tail: the last lines that were read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._offset = 0
        self._rest = b""

    def new_lines(self, final: bool = False) -> list[str]:
        """Return the whole lines since the last call; with ``final`` also what has no line end."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                block = file.read(-1 if final else READ_BYTES)
        except FileNotFoundError:
            return []
        self._offset += len(block)
        *whole, self._rest = (self._rest + block).split(b"\n")
        if (final or len(self._rest) > LINE_BYTES) and self._rest:
            whole.append(self._rest)
            self._rest = b""
        lines = [text for raw in whole for text in _events_of(raw)]
        self.tail.extend(lines)
        return lines


def _events_of(raw: bytes) -> Iterator[str]:
    """Yield one text per event; CloudWatch takes no empty one, and none above its size."""
    text = raw.decode("utf-8", errors="replace").rstrip("\r") or " "
    for start in range(0, len(text), LINE_BYTES // 4):
        yield text[start : start + LINE_BYTES // 4]


class LogWriter:
    """Writes lines to one stream after another; used by one thread at a time.

    Args:
        logs: a boto3 client.
        group: the log group.
    """

    def __init__(self, logs: Any, group: str = GROUP) -> None:
        self._logs, self._group = logs, group
        self._streams: set[str] = set()

    def write(self, stream: str, lines: list[Line]) -> None:
        """Append (epoch milliseconds, text) lines; the group and the stream are made when they are needed."""
        if stream not in self._streams:
            self._make(stream)
        for batch in _batches(lines):
            events = [{"timestamp": stamp, "message": text} for stamp, text in batch]
            self._logs.put_log_events(logGroupName=self._group, logStreamName=stream, logEvents=events)

    def _make(self, stream: str) -> None:
        for call, names in (
            (self._logs.create_log_group, {"logGroupName": self._group}),
            (self._logs.create_log_stream, {"logGroupName": self._group, "logStreamName": stream}),
        ):
            try:
                call(**names)
            except self._logs.exceptions.ResourceAlreadyExistsException:
                continue
        self._streams.add(stream)


def _batches(lines: list[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        cost = len(line[1].encode()) + EVENT_BYTES
        if batch and (size + cost > BATCH_BYTES or len(batch) >= BATCH_EVENTS):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += cost
    if batch:
        yield batch
