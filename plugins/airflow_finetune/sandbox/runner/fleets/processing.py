"""Processing jobs: what CreateProcessingJob accepted is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..processing.instance import ProcessingInstance
from ..processing.order import PROCESSING, ProcessingOrder
from .fleet import Fleet, Parts


class Processing(Fleet):
    """Runs the jobs that CreateProcessingJob accepts; as many at once as training jobs, beside them."""

    name = "processing"
    folder = "processing"
    group = "/aws/sagemaker/ProcessingJobs"
    parts = Parts(instance=ProcessingInstance)

    def submit(self, region: str, document: dict[str, Any], notes: tuple[str, ...], admit: Callable[[], None]) -> bool:
        """Take a job; False when its name is taken.

        Args:
            region: of the job.
            document: the members of CreateProcessingJob, checked, and what else Describe shows before it has begun.
            notes: lines for the start of its log.
            admit: raises if the account's quotas do not allow one more; called when nobody else can submit.
        """
        shown_only = ("ProcessingJobArn", "CreationTime", "LastModifiedTime")
        request = {name: value for name, value in document.items() if name not in shown_only}
        order = ProcessingOrder(request, document["ProcessingJobArn"], region, notes)
        return self.take(PROCESSING, order, document, admit, usage="processing")
