"""What runs for Bedrock: the models that answer, and the jobs that customize them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .customization import Customization
from .inference import Inference

if TYPE_CHECKING:
    from ..world import World


class Bedrock:
    """Both, with one end.

    Args:
        world: the parts of the sandbox.

    Attributes:
        inference: base and tuned models answer.
        customization: the life of customization jobs.
    """

    def __init__(self, world: World) -> None:
        self.inference = Inference(world)
        self.customization = Customization(world)

    def reset(self) -> None:
        """End every job, and forget every tuned model."""
        self.customization.reset()
        self.inference.reset()

    def close(self) -> None:
        """End jobs and models; call it while the server still answers."""
        self.inference.close()  # first: a job may wait for its teacher's answer
        self.customization.close()
