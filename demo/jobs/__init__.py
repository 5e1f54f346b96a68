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
from demo.trouble import BEDROCK, SERVERLESS, Trouble


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


def jobs_of(backend: str, cloud: Cloud, progress: Progress, trouble: Trouble, out: Path) -> Jobs:
    """Return the jobs as their backend shows them."""
    if backend == BEDROCK:
        return BedrockJobs(cloud, progress, trouble, out)
    kind = ServerlessJobs if backend == SERVERLESS else SpotJobs
    return kind(cloud, progress, trouble, out, backend)
