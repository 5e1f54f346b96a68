"""What goes wrong in a demo: a Spot instance that is taken away, or a job that AWS or its own program lets down."""

from __future__ import annotations

from typing import Any

from demo.cloud import Cloud
from demo.training import Training

FAULTS = {
    "spot_interruption": "its Spot instance will be taken away {when}, without notice",
    "capacity": "AWS will say that it has no Spot capacity",
    "algorithm_error": "the job will fail",
    "out_of_memory": "the job will run out of memory",
    "none": "nothing will go wrong",
}


class Trouble:
    """One planned fault.

    Args:
        kind: of ``FAULTS``.
        step: when the interruption comes; None: after half of the steps, however many these are.
    """

    def __init__(self, kind: str, step: int | None = None) -> None:
        self.kind, self._step = kind, step
        self._waits = kind == "spot_interruption" and step is None

    def text(self) -> str:
        """Return what will happen."""
        return FAULTS[self.kind].format(when="half way" if self._step is None else f"at step {self._step}")

    def plan(self, cloud: Cloud) -> None:
        """Tell the sandbox, where it can know now."""
        if self.kind == "none" or self._waits:
            return
        params: dict[str, Any] = {"log_pattern": rf"\bstep={self._step}\b"} if self._step else {}
        cloud.admin("POST", "faults", {"kind": self.kind, "target": "*", "params": params})

    def look(self, cloud: Cloud, job_name: str, training: Training) -> None:
        """Take the instance away after half of the steps: a little later, as a checkpoint is likely there."""
        if self._waits and training.steps and training.step >= training.steps * 0.55:
            self._waits = False
            cloud.admin("POST", f"jobs/{job_name}/interrupt", {})
