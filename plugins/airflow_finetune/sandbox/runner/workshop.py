"""Makes training jobs of requests: some run on an instance that they have asked for, some are serverless."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from .images import Images
from .jobs.instance import Instance, Order
from .jobs.job import Job
from .jobs.market import Market
from .jobs.provisioning import Provisioning, Slots
from .jobs.record import Record
from .jobs.surroundings import Surroundings
from .serverless.job import Capacity, Room, ServerlessJob

if TYPE_CHECKING:
    from ..world import World
    from .jobs.log_stream import LogWriter


class Workshop:
    """What all training jobs are made with.

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

    def job(self, order: Order, log_writer: LogWriter) -> Job:
        """Return the job of an order; nothing of it runs yet."""
        request = order.request
        serverless = "ServerlessJobConfig" in request
        search = (Capacity if serverless else Provisioning)(
            world=self._world,
            market=self._market,
            slots=self._slots,
            name=request["TrainingJobName"],
            instance_type=request.get("ResourceConfig", {}).get("InstanceType", ""),
            region=order.region,
            spot=bool(request.get("EnableManagedSpotTraining")),
        )
        around = Surroundings(self._world, self._maker(Room if serverless else Instance), self._writers, log_writer)
        record = Record(self._world, order.region, request["TrainingJobName"], order.arn, self._writers.submit)
        return (ServerlessJob if serverless else Job)(around, order, search, record)

    def _maker(self, kind: type[Instance]) -> Callable[[Order], Instance]:
        def make(order: Order) -> Instance:
            name = f"{order.request['TrainingJobName']}-{next(self._numbers)}"
            folder = self._world.settings.state_dir / "jobs" / name
            folder.mkdir(parents=True)
            return kind(self._world, self._images, order, folder, self._transfers)

        return make
