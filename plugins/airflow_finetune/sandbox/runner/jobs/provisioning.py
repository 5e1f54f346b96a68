"""Decides when a waiting job gets an instance: the market, planned faults, the time a launch takes, a free slot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .life import Broke, Event, Provisioned, Waits
from .market import Market, Offer

if TYPE_CHECKING:
    from ...state.prices import Usage
    from ...world import World

LAUNCH_SECONDS = 20.0  # modelled; AWS takes one to three minutes, which teaches nobody anything
CAPACITY_ERROR = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."
)
LAUNCHING = "Launching requested ML instances"
PREPARING = "Preparing the instances for training"
INSUFFICIENT = "Insufficient capacity error from EC2 while launching instances, retrying!"
NO_SLOT = f"{PREPARING} (sandbox: waiting for one of its slots)"


@dataclass
class Slots:
    """How many training jobs may hold an instance at once.

    Attributes:
        free: slots that nobody holds.
    """

    free: int

    def take(self) -> bool:
        """Take a slot; False when none is free."""
        if self.free < 1:
            return False
        self.free -= 1
        return True

    def give_back(self) -> None:
        """Free a slot."""
        self.free += 1


@dataclass
class Provisioning:
    """One job's search for an instance.

    Attributes:
        name: TrainingJobName.
        instance_type: what it asked for.
        region: where; it decides the price.
        spot: whether it asked for Spot capacity.
        usage: what AWS offers the instance type for: ``training`` or ``processing``.
        offer: the Spot capacity that it got; None on demand, or before.
    """

    world: World
    market: Market
    slots: Slots
    name: str
    instance_type: str
    region: str
    spot: bool
    usage: Literal["training", "processing"] = "training"
    offer: Offer | None = None
    _none_until: float = field(default=0.0)
    _launched_at: float | None = field(default=None)

    def look(self, modelled: float, facts: dict[str, Any]) -> Event | None:
        """Return what happened to the search: an instance, a new message, a final refusal; None for nothing new."""
        if self._launched_at is None:
            return self._launch(modelled, facts)
        if modelled - self._launched_at < LAUNCH_SECONDS:
            return None
        if not self.still_there(modelled):
            self._launched_at = None
            return Waits(INSUFFICIENT)
        if not self.slots.take():
            return Waits(NO_SLOT)
        self._launched_at = None
        return Provisioned(self.usd_per_hour() / self._usd(self.usage))

    def _launch(self, modelled: float, facts: dict[str, Any]) -> Event:
        if self.spot and not self._spot_capacity(modelled, facts):
            return Waits(INSUFFICIENT)
        if self.world.faults.take("capacity", self.name, **facts):
            return Broke(CAPACITY_ERROR)
        self._launched_at = modelled
        return Waits(LAUNCHING)

    def refuse_spot_for(self, seconds: float, modelled: float) -> None:
        """Give no Spot capacity for some modelled seconds."""
        self._none_until = modelled + seconds

    def still_there(self, modelled: float) -> bool:
        """Say whether the market still grants the instance that the job runs on."""
        return self.offer is None or self.market.still_there(self.instance_type, self.offer.az, modelled)

    def usd_per_hour(self) -> float:
        """Return what the present instance costs."""
        if self.offer is not None and self.offer.price_usd is not None:
            return self.offer.price_usd
        return self._usd(self.bills_as)

    @property
    def bills_as(self) -> Usage:
        """What it is in the bill and the price table."""
        return "spot_training" if self.spot else self.usage

    def _usd(self, usage: Usage) -> float:
        return self.world.prices.hourly_usd(usage, self.instance_type, self.region)

    def _spot_capacity(self, modelled: float, facts: dict[str, Any]) -> bool:
        if modelled < self._none_until:
            return False
        self.offer = self.market.offer(self.instance_type, modelled)
        rule = self.world.faults.take("no_spot", self.name, **facts) if self.offer else None
        if rule is not None:
            self.refuse_spot_for(float(rule.params.get("seconds", 600)), modelled)
        return self.offer is not None and rule is None
