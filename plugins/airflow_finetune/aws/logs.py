"""Lines of a job's CloudWatch log: what is new while it runs, and the last ones when it has failed."""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from airflow_finetune.redact import redacted_text

# A step and a number, or a word that a person waiting for a model wants to see at once.
_WORTH_TELLING = re.compile(r"(?i)\bloss\b|\bresum|\bcheckpoint\b|\binterrupt|\berror\b|\bstep[ =:]*\d")
LINES_PER_CALL = 1000
CALLS_PER_LOOK = 5


class JobLog:
    """Reads the log of one job, all of its streams.

    Args:
        client: boto3 client of ``logs``.
        group: the log group.
        job_name: streams begin with it.
    """

    def __init__(self, client: Any, group: str, job_name: str) -> None:
        self._client, self._group, self._job_name = client, group, job_name
        self._tokens: dict[str, str] = {}

    def news(self) -> list[str]:
        """Return the new lines that are worth telling (steps, losses, checkpoints, errors), redacted.

        A log that is not there yet, or that we may not read, is no news: the job does not depend on it.
        """
        lines: list[str] = []
        try:
            for stream in self._streams():
                lines += [line for line in self._new_lines(stream) if _WORTH_TELLING.search(line)]
        except (ClientError, BotoCoreError):
            return lines
        return lines

    def tail(self, count: int = 20) -> list[str]:
        """Return the last lines of the log, redacted; empty when there is none or we may not read it."""
        events: list[tuple[int, str]] = []
        try:
            for stream in self._streams():
                answer = self._client.get_log_events(
                    logGroupName=self._group, logStreamName=stream, limit=count, startFromHead=False
                )
                events += [(event["timestamp"], event["message"]) for event in answer["events"]]
        except (ClientError, BotoCoreError):
            return []
        events.sort(key=lambda event: event[0])  # stable: lines of the same millisecond keep their order
        return [redacted_text(message.rstrip()) for _, message in events[-count:]]

    def _streams(self) -> list[str]:
        answer = self._client.describe_log_streams(
            logGroupName=self._group, logStreamNamePrefix=f"{self._job_name}/", limit=10
        )
        return sorted(stream["logStreamName"] for stream in answer["logStreams"])

    def _new_lines(self, stream: str) -> list[str]:
        request: dict[str, Any] = {"logGroupName": self._group, "logStreamName": stream, "startFromHead": True}
        lines: list[str] = []
        for _ in range(CALLS_PER_LOOK):
            if token := self._tokens.get(stream):
                request["nextToken"] = token
            answer = self._client.get_log_events(**request, limit=LINES_PER_CALL)
            self._tokens[stream] = answer["nextForwardToken"]
            lines += [redacted_text(event["message"].rstrip()) for event in answer["events"]]
            if len(answer["events"]) < LINES_PER_CALL:
                break
        return lines
