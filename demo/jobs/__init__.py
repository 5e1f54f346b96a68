"""What the demo shows of a job is its backend's: a module each, since no two of them show one alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from demo.cloud import Cloud
from demo.jobs.bedrock import BedrockJobs
from demo.jobs.serverless import ServerlessJobs
from demo.jobs.spot import SpotJobs
from demo.progress import Progress
from demo.trouble import BEDROCK, FAULTS, SERVERLESS, Trouble


class Jobs(Protocol):
    """The jobs of one demo.

    Attributes:
        asks: the operation with which the models are asked.
    """

    asks: str

    def look(self) -> tuple[str, str] | None:
        """Say what is new; return AWS's status and how far it is, None before there is a job."""

    def facts(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what AWS says of the last job; None without a job."""

    def kept(self, values: Mapping[str, Any]) -> dict[str, float | None]:
        """Return what bills for its storage and stays on purpose: ARN -> dollars a month."""


class Candidates:
    """The jobs of a pipeline that names several backends.

    Args:
        known: backend -> its jobs, of which the one that ``plan`` has chosen is shown as its backend shows it; empty
            for a comparison, whose rows say what became of each.
    """

    def __init__(self, known: Mapping[str, Jobs]) -> None:
        self._known = known
        self._seen: Jobs | None = None

    @property
    def asks(self) -> str:
        """The operation with which the models of the one that runs are asked."""
        return "" if self._seen is None else self._seen.asks

    def look(self) -> tuple[str, str] | None:
        """Say what is new of the one that has a job."""
        for jobs in self._known.values():
            if (seen := jobs.look()) is not None:
                self._seen = jobs
                return seen
        return None

    def facts(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what AWS says of the job of the one that was chosen; None in a comparison, whose rows say it."""
        jobs = self._known.get(_chosen(values))
        return None if jobs is None else jobs.facts(values)

    def kept(self, values: Mapping[str, Any]) -> dict[str, float | None]:
        """Return what stays on purpose of the one that was chosen; a comparison keeps nothing."""
        jobs = self._known.get(_chosen(values))
        return {} if jobs is None else jobs.kept(values)


def _chosen(values: Mapping[str, Any]) -> str:
    return str(((values.get("plan") or {}).get("choice") or {}).get("backend"))


def jobs_of(backend: str, cloud: Cloud, progress: Progress, trouble: Trouble, out: Path) -> Jobs:
    """Return the jobs as their backend shows them; of a comparison and of a choice, those of every backend."""
    if backend in ("auto", "all"):
        shown = FAULTS if backend == "auto" else ()
        return Candidates({name: jobs_of(name, cloud, progress, trouble, out) for name in shown})
    if backend == BEDROCK:
        return BedrockJobs(cloud, progress, trouble, out)
    kind = ServerlessJobs if backend == SERVERLESS else SpotJobs
    return kind(cloud, progress, trouble, out, backend)
