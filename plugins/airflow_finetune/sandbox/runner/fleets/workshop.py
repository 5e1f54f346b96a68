"""Makes jobs of requests: most run on an instance that they have asked for, serverless ones find room without."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..images import Images
from ..jobs.instance import Instance, Order
from ..jobs.job import Job
from ..jobs.market import Market
from ..jobs.provisioning import Provisioning, Slots
from ..jobs.record import Kind, Record
from ..jobs.surroundings import Surroundings

if TYPE_CHECKING:
    from ...world import World
    from ..jobs.log_stream import LogWriter


@dataclass(frozen=True)
class Trade:
    """What jobs of one sort are made with.

    Attributes:
        kind: how clients see them.
        folder: where they lie, in the state folder.
        usage: what AWS offers their instances for.
        instance: what is made for an order when there is capacity.
        job: the life of one.
        search: finds capacity.
    """

    kind: Kind
    folder: str
    usage: Literal["training", "processing"] = "training"
    instance: type[Instance] = Instance
    job: type[Job] = Job
    search: type[Provisioning] = Provisioning


class Workshop:
    """What all jobs of a fleet are made with.

    Args:
        world: the parts of the sandbox.
        transfers: runs downloads and uploads.
        writers: the one thread that writes logs, metrics and events.
    """

    def __init__(self, world: World, transfers: Executor, writers: Executor) -> None:
        self._world, self._transfers, self._writers = world, transfers, writers
        self._numbers = itertools.count(1)
        self._images = Images(world.settings.images)
        self._market = Market.load(world.settings.spot_trace)
        self.free_all_slots()

    def free_all_slots(self) -> None:
        """Let as many jobs hold an instance as at the start; nobody holds one any more."""
        self._slots = Slots(self._world.settings.slots)

    def job(self, trade: Trade, order: Order, spot: bool, log_writer: LogWriter) -> Job:
        """Return the job of an order; nothing of it runs yet."""
        search = trade.search(
            world=self._world,
            market=self._market,
            slots=self._slots,
            name=order.name,
            instance_type=order.instance_type,
            region=order.region,
            spot=spot,
            usage=trade.usage,
        )
        around = Surroundings(self._world, self._maker(trade), self._writers, log_writer)
        return trade.job(around, order, search, Record(self._world, trade.kind, order, self._writers.submit))

    def _maker(self, trade: Trade) -> Callable[[Order], Instance]:
        def make(order: Order) -> Instance:
            folder = self._world.settings.state_dir / trade.folder / f"{order.name}-{next(self._numbers)}"
            folder.mkdir(parents=True)
            return trade.instance(self._world, self._images, order, folder, self._transfers)

        return make
