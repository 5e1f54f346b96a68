"""Where the tags of jobs are kept; see ``tagged_kinds.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...runner.jobs import record
from . import processing_job
from .training_job_checks import refuse

if TYPE_CHECKING:
    from ...edge.errors import AwsError

JOBS: dict[str, tuple[str, Callable[[str], AwsError]]] = {
    "training-job": (record.KIND, lambda arn: refuse("Requested resource not found.")),
    "processing-job": (processing_job.KIND, processing_job.not_found),
}
