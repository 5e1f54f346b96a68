"""Carries what a job prints to CloudWatch Logs while it runs, in order, a batch at a time."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from datetime import datetime
from pathlib import Path
from typing import Any

from . import metrics

_log = logging.getLogger(__name__)

GROUP = "/aws/sagemaker/TrainingJobs"
BATCH_EVENTS = 10_000  # PutLogEvents takes that many ...
BATCH_BYTES = 1_000_000  # ... and 1 MiB, of which each event costs 26 bytes more than its text
EVENT_BYTES = 26
LINE_BYTES = 250_000  # the largest event is 256 KiB
TAIL_LINES = 40
READ_BYTES = 4_000_000
WAIT_SECONDS = 0.2  # real: how long lines may wait for company before they go to CloudWatch

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


class Carrier:
    """Carries what one job prints: lines to its streams, numbers to CloudWatch's metrics.

    Args:
        job: TrainingJobName.
        definitions: AlgorithmSpecification.MetricDefinitions.
        writer: the streams of the job's region.
        writers: the one thread that writes.
        cloudwatch: gives a boto3 client.
    """

    def __init__(
        self,
        job: str,
        definitions: list[dict[str, str]],
        writer: LogWriter,
        writers: Executor,
        cloudwatch: Callable[[], Any],
    ) -> None:
        self._job, self._writer, self._writers, self._cloudwatch = job, writer, writers, cloudwatch
        self._metrics = metrics.Metrics(definitions)
        self._lines: list[Line] = []
        self._since = 0.0
        self._writing: Future[None] = writers.submit(lambda: None)

    def carry(self, log: LogFile, stream: str, now: datetime, final: bool = False) -> list[str]:
        """Take the new lines of a program's log, send them when they have waited long enough, and return them."""
        texts = log.new_lines(final)
        for text in texts:
            self.say(text, now)
        readings = self._metrics.read(texts, now)
        if readings:
            self._writers.submit(metrics.put, self._cloudwatch(), self._job, readings)
        if self._writing.done() and (final or time.monotonic() - self._since >= WAIT_SECONDS):
            self.send(stream)
        return texts

    def say(self, text: str, now: datetime) -> None:
        """Add a line of our own."""
        if not self._lines:
            self._since = time.monotonic()
        self._lines.append((int(now.timestamp() * 1000), text))

    def send(self, stream: str) -> Future[None]:
        """Send what waits; the future is done when everything so far is written."""
        if self._lines and stream:
            lines, self._lines = self._lines, []
            self._writing = self._writers.submit(self._write, stream, lines)
        return self._writing

    def final_metrics(self) -> list[dict[str, Any]]:
        """Return FinalMetricDataList."""
        return self._metrics.final()

    def _write(self, stream: str, lines: list[Line]) -> None:
        try:
            self._writer.write(stream, lines)
        except Exception:  # a job must not fail because somebody deleted its log group
            _log.exception("the log of a training job could not be written")
