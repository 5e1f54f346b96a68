"""What runs in one sandbox and keeps instances busy: jobs, a fleet for each kind, and endpoints."""

from ..hosting import Hosting
from .processing import Processing
from .training import Training

__all__ = ["Hosting", "Processing", "Training"]
