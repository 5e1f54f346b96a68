"""The jobs that run in one sandbox, a fleet for each kind."""

from .processing import Processing
from .training import Training

__all__ = ["Processing", "Training"]
