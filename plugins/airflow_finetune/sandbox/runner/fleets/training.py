"""Training jobs: what CreateTrainingJob accepted is run, also on Spot capacity that may be taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..jobs.instance import Order
from ..jobs.log_stream import GROUP
from ..jobs.record import TRAINING
from ..serverless.job import Capacity, Room, ServerlessJob
from .fleet import Fleet, Parts


class Training(Fleet):
    """Runs the jobs that CreateTrainingJob accepts."""

    name = "training"
    folder = "jobs"
    group = GROUP

    def parts_of(self, order: Order) -> Parts:
        """Say what the job of an order is made of: some run without an instance of their own."""
        return Parts(Capacity, Room, ServerlessJob) if "ServerlessJobConfig" in order.request else self.parts

    def submit(
        self,
        region: str,
        document: dict[str, Any],
        request: dict[str, Any],
        notes: tuple[str, ...],
        admit: Callable[[], None],
    ) -> bool:
        """Take a job; False when its name is taken.

        Args:
            region: of the job.
            document: what Describe shows of a job that has not begun.
            request: the members of CreateTrainingJob, checked.
            notes: lines for the start of its log.
            admit: raises if the account's quotas do not allow one more; called when nobody else can submit.
        """
        order = Order(request, document["TrainingJobArn"], region, notes)
        return self.take(TRAINING, order, document, admit, spot=bool(request.get("EnableManagedSpotTraining")))

    def interrupt(self, region: str, name: str, notice_seconds: float = 0.0, gap_seconds: float = 0.0) -> bool:
        """Take a job's Spot instance away; False when it has none.

        Args:
            region: of the job.
            name: TrainingJobName.
            notice_seconds: real seconds between SIGTERM and the end; 0 for none.
            gap_seconds: modelled seconds without Spot capacity for it afterwards.
        """
        with self._lock:
            job = self._jobs.get((region, name))
            taken = job is not None and job.interrupt(notice_seconds, gap_seconds)
        self._wake.set()
        return taken
