"""What the sandbox remembers: documents, time, prices, quotas, bills."""

from .billing import Billing
from .clock import Clock
from .foundation_models import FoundationModel, FoundationModels, Limits
from .prices import Prices
from .public_hub import PublicHub
from .quotas import Quotas
from .store import Store

__all__ = [
    "Billing",
    "Clock",
    "FoundationModel",
    "FoundationModels",
    "Limits",
    "Prices",
    "PublicHub",
    "Quotas",
    "Store",
]
