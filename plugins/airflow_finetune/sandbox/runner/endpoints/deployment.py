"""One endpoint configuration as it runs: a replica per production variant, with weights and instance counts."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .replica import Phase, Replica

if TYPE_CHECKING:
    from ...state.prices import Prices


@dataclass
class Share:
    """What a variant gets.

    Attributes:
        weight: of the traffic, relative to the other variants.
        instances: how many are billed; one process answers for all of them.
        instance_type: of those.
    """

    weight: float
    instances: int
    instance_type: str


@dataclass
class Deployment:
    """A configuration's replicas.

    Attributes:
        config: the configuration's name.
        replicas: one per variant.
        shares: by VariantName.
        since: when it was made, real time.
    """

    config: str
    replicas: list[Replica]
    since: datetime
    shares: dict[str, Share] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for replica in self.replicas:
            variant = replica.order.variant
            share = Share(
                variant.get("InitialVariantWeight", 1.0),
                variant.get("InitialInstanceCount", 1),
                variant["InstanceType"],
            )
            self.shares.setdefault(replica.name, share)

    @property
    def failure(self) -> str:
        """Why it cannot serve, or empty."""
        return next((replica.failure for replica in self.replicas if replica.failure), "")

    @property
    def is_ready(self) -> bool:
        """Whether every variant has passed its health check."""
        return all(replica.is_ready for replica in self.replicas)

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it is left."""
        return all(replica.phase == Phase.ENDED for replica in self.replicas)

    def step(self) -> None:
        """Let every replica do what is due, and carry its log."""
        for replica in self.replicas:
            replica.step()
            if replica.phase != Phase.ENDED:
                replica.log.carry()

    def drain(self) -> None:
        """Begin to end every replica once it has answered what it was asked."""
        for replica in self.replicas:
            replica.drain()

    def stop(self) -> None:
        """Begin to end every replica."""
        for replica in self.replicas:
            replica.stop()

    def usd_per_hour(self, prices: Prices, region: str) -> float:
        """What the instances that run now cost."""
        return sum(
            prices.hourly_usd("hosting", replica.order.variant["InstanceType"], region)
            * self.shares[replica.name].instances
            for replica in self.replicas
            if replica.bills
        )

    def instances(self, instance_type: str) -> int:
        """How many instances of a type it holds, or is about to."""
        return sum(
            self.shares[replica.name].instances
            for replica in self.replicas
            if replica.order.variant["InstanceType"] == instance_type
            and replica.phase not in (Phase.FAILED, Phase.ENDING, Phase.ENDED)
        )

    def choose(self, variant: str | None, chance: random.Random) -> Replica | None:
        """Give the replica for one invocation: the named one, else one drawn by weight; None if there is none."""
        if variant is not None:
            return next((replica for replica in self.replicas if replica.name == variant), None)
        weights = [self.shares[replica.name].weight for replica in self.replicas]
        if not any(weights):
            return None
        return chance.choices(self.replicas, weights)[0]

    def summaries(self) -> list[dict[str, Any]]:
        """Give DescribeEndpoint's ProductionVariants."""
        return [self._summary(replica) for replica in self.replicas]

    def _summary(self, replica: Replica) -> dict[str, Any]:
        share, image = self.shares[replica.name], replica.order.container["Image"]
        return {
            "VariantName": replica.name,
            "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": self.since}],
            "CurrentWeight": share.weight,
            "DesiredWeight": share.weight,
            "CurrentInstanceCount": share.instances,
            "DesiredInstanceCount": share.instances,
        }


def quantity(deployments: Iterable[Deployment | None], instance_type: str) -> int:
    """Give how many instances of a type several deployments hold."""
    return sum(each.instances(instance_type) for each in deployments if each is not None)
