"""What the log of a task shows of its job while somebody looks at it: in a worker and in the triggerer alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_finetune.resources.history import History

if TYPE_CHECKING:
    from airflow_finetune.aws.logs import JobLog
    from airflow_finetune.resources import Resource


class Watch:
    """Tells each thing about each job once.

    Args:
        resource: the kind of job.
        make_client: gives boto3 clients.
        say: takes one line.
        follows_log: whether new lines of the job's log are told; not where somebody else has told them.
    """

    def __init__(
        self,
        resource: Resource,
        make_client: Callable[[str], Any],
        say: Callable[[str], None],
        follows_log: bool = True,
    ) -> None:
        self._resource, self._make_client, self._say = resource, make_client, say
        self._follows_log = follows_log
        self._histories: dict[str, History] = {}
        self._logs: dict[str, JobLog] = {}

    def tell(self, name: str, described: Mapping[str, Any], now: datetime) -> None:
        """Say what is new: status, transitions, steps and losses from the job's log, elapsed and billed time."""
        history, log = self._histories.setdefault(name, History(self._resource)), self._log(name)
        news = log.news() if log and self._follows_log else []
        for line in [
            *history.transitions(described),
            *history.progress(described),
            *news,
            *history.times(described, now),
        ]:
            self._say(line)

    def tail(self, name: str) -> None:
        """Say the last lines of the job's log."""
        if (log := self._log(name)) and (lines := log.tail()):
            self._say("The last lines of the job's log:\n" + "\n".join(lines))

    def _log(self, name: str) -> JobLog | None:
        if self._resource.log_group is None:
            return None
        if name not in self._logs:
            from airflow_finetune.aws.logs import JobLog  # brings botocore: not while a DAG is parsed

            self._logs[name] = JobLog(self._make_client("logs"), self._resource.log_group, name)
        return self._logs[name]
