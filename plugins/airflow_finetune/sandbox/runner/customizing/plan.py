"""What a customization job is to do, decided when it is accepted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...state import FoundationModel, Limits

TINY_LEARNING_RATE = 3e-3
"""What the tiny model is trained with where AWS's default is asked for: AWS's own numbers are for other models."""
CHOSEN_STEPS = 240
"""A distillation has no hyperparameters: the service chooses its epochs, here so that it makes about these steps."""
BATCH = 8


class Stopped(Exception):
    """The job was stopped, or the sandbox ends."""


class Broke(Exception):
    """The job cannot go on; the text is its failureMessage."""


@dataclass(frozen=True)
class Plan:
    """One job.

    Attributes:
        request: the members of CreateModelCustomizationJob.
        region: of the job.
        account: whose it is.
        job_id: twelve characters; the end of its ARN.
        job_arn: jobArn.
        kind: customizationType.
        base: the base model, below a custom model too.
        weights: name of the folder that training begins with; as ``Inference.path_of`` takes it.
        limits: what the family takes for this type.
        hyperparameters: with the defaults filled in.
        teacher: of a distillation that asks one; None otherwise.
        grader: folder of the function that grades; None unless this is reinforcement.
    """

    request: dict[str, Any]
    region: str
    account: str
    job_id: str
    job_arn: str
    kind: str
    base: FoundationModel
    weights: str
    limits: Limits
    hyperparameters: dict[str, str]
    teacher: FoundationModel | None = None
    grader: Path | None = None

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.request["jobName"])

    @property
    def validators(self) -> list[str]:
        """Where validation data lies."""
        return [each["s3Uri"] for each in self.request.get("validationDataConfig", {}).get("validators", [])]

    def epochs(self, rows: int) -> float:
        """Return how often each row is seen."""
        if "epochCount" in self.hyperparameters:
            return float(self.hyperparameters["epochCount"])
        return max(2.0, math.ceil(CHOSEN_STEPS * BATCH / max(1, rows)))

    def learning_rate(self) -> float:
        """Return the tiny model's peak rate: it follows the asked one's distance to the default, by its root."""
        known = self.limits.hyperparameters
        for name in ("learningRate", "learningRateMultiplier"):
            if name in known and known[name]["default"]:
                asked = float(self.hyperparameters.get(name, known[name]["default"]))
                return TINY_LEARNING_RATE * math.sqrt(asked / known[name]["default"])
        return TINY_LEARNING_RATE
