"""What goes wrong in a demo: a Spot instance that is taken away, a service that throttles, a job that fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_finetune.errors import SpecError
from demo.cloud import Cloud

SPOT, JUMPSTART, SERVERLESS, BEDROCK = "spot_training", "jumpstart", "serverless", "bedrock"
_OF_SPOT = {
    "spot_interruption": "its Spot instance will be taken away {when}, without notice",
    "capacity": "AWS will say that it has no Spot capacity",
    "algorithm_error": "the job will fail",
    "out_of_memory": "the job will run out of memory",
    "none": "nothing will go wrong",
}
FAULTS: Mapping[str, Mapping[str, str]] = {
    SPOT: _OF_SPOT,
    JUMPSTART: _OF_SPOT,
    SERVERLESS: {
        "none": "nothing will go wrong",
        "capacity": "AWS will say that it has no capacity for the job",
        "algorithm_error": "the job will fail",
    },
    BEDROCK: {
        "throttle": "Bedrock will throttle each twentieth question to the models",
        "capacity": "AWS will say that it has no capacity for the job",
        "algorithm_error": "the job will fail",
        "none": "nothing will go wrong",
    },
}
"""Backend -> what can be planned for it, and what is said of it; the first is planned unless another is asked for."""
CALLS = {"throttle": {"service": "bedrock-runtime", "operation": "Converse", "every": 20}}
"""Faults of calls, not of jobs: which calls they hit."""


def planned(backend: str, kind: str | None, step: int | None) -> Trouble:
    """Return what will go wrong.

    Args:
        backend: of the pipeline.
        kind: of ``FAULTS``; None takes the backend's own.
        step: when the interruption of a Spot instance comes; None: after half of the steps.

    Raises:
        SpecError: that cannot happen to this backend's jobs.
    """
    known = FAULTS.get(backend, {})
    chosen = kind or next(iter(known), "none")
    if chosen not in known and chosen != "none":
        said = f"cannot be planned for the backend {backend}."
        raise SpecError(f"--fault {chosen}", said, f"Take one of {', '.join(known)}, or leave it out.")
    if step is not None and chosen != "spot_interruption":
        said = "says when a Spot instance is taken away, and none will be."
        raise SpecError(f"--interrupt-at {step}", said, "Leave it out.")
    return Trouble(chosen, known.get(chosen, "nothing will go wrong"), step)


class Trouble:
    """One planned fault.

    Args:
        kind: of ``FAULTS``.
        said: what is said of it.
        step: when the interruption comes; None: after half of the steps, however many these are.
    """

    def __init__(self, kind: str, said: str, step: int | None = None) -> None:
        self.kind, self._said, self._step = kind, said, step
        self._waits = kind == "spot_interruption" and step is None

    def text(self) -> str:
        """Return what will happen."""
        return self._said.format(when="half way" if self._step is None else f"at step {self._step}")

    def plan(self, cloud: Cloud) -> None:
        """Tell the sandbox, where it can know now."""
        if self.kind == "none" or self._waits:
            return
        params: dict[str, Any] = {"log_pattern": rf"\bstep={self._step}\b"} if self._step else {}
        cloud.admin("POST", "faults", {"kind": self.kind, **CALLS.get(self.kind, {"target": "*", "params": params})})

    def look(self, cloud: Cloud, job_name: str, step: int, steps: int | None) -> None:
        """Take the instance away after half of the steps: a little later, as a checkpoint is likely there."""
        if self._waits and steps and step >= steps * 0.55:
            self._waits = False
            cloud.admin("POST", f"jobs/{job_name}/interrupt", {})
