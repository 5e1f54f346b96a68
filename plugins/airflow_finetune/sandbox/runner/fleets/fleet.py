"""The life of all jobs of one kind: one loop looks at each of them; a few threads carry their data."""

from __future__ import annotations

import functools
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..images import Images
from ..jobs.instance import Instance, Order
from ..jobs.job import Job
from ..jobs.log_stream import LogWriter
from ..jobs.market import Market
from ..jobs.provisioning import Provisioning, Slots
from ..jobs.record import Kind, Record
from ..jobs.surroundings import Surroundings

if TYPE_CHECKING:
    from ...world import World

TICK_SECONDS = 0.03
TRANSFERS_AT_ONCE = 4
GONE_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Parts(NamedTuple):
    """What a job is made of.

    Attributes:
        search: looks for capacity.
        instance: what is made for an order when there is capacity.
        job: what lives.
    """

    search: type[Provisioning] = Provisioning
    instance: type[Instance] = Instance
    job: type[Job] = Job


class Fleet:
    """Runs jobs; a subclass says how its kind is submitted.

    Args:
        world: the parts of the sandbox; used from ``start`` on.
    """

    name = ""
    """Of the loop's thread."""
    folder = ""
    """Where its jobs lie, in the state folder."""
    group = ""
    """Their log group."""
    parts = Parts()
    """What a job of it is made of."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._closing = False
        self._jobs: dict[tuple[str, str], Job] = {}
        self._fading: list[Job] = []  # jobs whose name may be taken again, while their programs still end
        self._numbers = itertools.count(1)
        self._images = Images(world.settings.images)
        self._market = Market.load(world.settings.spot_trace)
        self._slots = Slots(world.settings.slots)
        self._thread: threading.Thread | None = None
        self._transfers = ThreadPoolExecutor(TRANSFERS_AT_ONCE, thread_name_prefix="transfer")
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._log_writers: dict[str, LogWriter] = {}

    def parts_of(self, order: Order) -> Parts:
        """Say what the job of an order is made of."""
        del order
        return self.parts

    def start(self) -> None:
        """Start the loop."""
        self._thread = threading.Thread(target=self._loop, name=self.name, daemon=True)
        self._thread.start()

    def take(
        self,
        kind: Kind,
        order: Order,
        document: dict[str, Any],
        admit: Callable[[], None],
        *,
        spot: bool = False,
        usage: Literal["training", "processing"] = "training",
    ) -> bool:
        """Take a job; False when its name is taken.

        Args:
            kind: how clients see it.
            order: what was asked for.
            document: what Describe shows of a job that has not begun.
            admit: raises if the account's quotas do not allow one more; called when nobody else can submit.
            spot: whether it runs on Spot capacity.
            usage: what its instance is used for.
        """
        region, name = order.region, order.name
        with self._lock:
            if self._world.store.get(kind.shelf, region, name) is not None:
                return False
            admit()
            parts = self.parts_of(order)
            search = parts.search(
                self._world, self._market, self._slots, name, order.instance_type, region, spot=spot, usage=usage
            )
            make = functools.partial(self._make_instance, parts.instance)
            around = Surroundings(self._world, make, self._writers, self._log_writer(region))
            record = Record(self._world, kind, order, self._writers.submit)
            job = parts.job(around, order, search, record)
            self._world.store.create(kind.shelf, region, name, document | kind.members(job.life))
            job.announce()
            self._jobs[region, name] = job
        self._wake.set()
        return True

    def stop(self, region: str, name: str) -> bool:
        """Begin to stop a job; False when it has ended."""
        with self._lock:
            job = self._jobs.get((region, name))
            if job is None or job.life.ended:
                return False
            job.stop()
        self._wake.set()
        return True

    def forget(self, region: str, name: str) -> None:
        """Let go of a job that has ended, so that its name can be taken again."""
        with self._lock:
            job = self._jobs.pop((region, name), None)
            if job is not None and not job.is_over:
                self._fading.append(job)

    def reset(self) -> None:
        """Kill every job and forget it; the store is cleared by the caller. Returns when no program is left."""
        with self._lock:
            doomed = [*self._jobs.values(), *self._fading]
            self._jobs.clear()
            self._fading.clear()
            for job in doomed:
                job.drop()
            self._log_writers.clear()
        deadline = time.monotonic() + GONE_SECONDS
        for job in doomed:
            job.clear_away(deadline)
        with self._lock:
            self._slots = Slots(self._world.settings.slots)

    def close(self) -> None:
        """End the loop, the jobs and the threads; call it while the server still answers."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(GONE_SECONDS)
        self.reset()
        self._transfers.shutdown(wait=True, cancel_futures=True)
        self._writers.shutdown(wait=True, cancel_futures=True)

    # ---- the loop

    def _loop(self) -> None:
        while not self._closing:
            try:
                with self._lock:
                    busy = self._look_at_all()
            except Exception:  # whatever it was, the other jobs go on
                _log.exception("the loop over %s jobs stumbled", self.name)
                busy = True
            self._wake.wait(TICK_SECONDS if busy else None)
            self._wake.clear()

    def _look_at_all(self) -> bool:
        for key, job in list(self._jobs.items()):
            self._look_at(job)
            if job.is_over:
                del self._jobs[key]
        for job in self._fading:
            self._look_at(job)
        self._fading = [job for job in self._fading if not job.is_over]
        return bool(self._jobs or self._fading)

    def _look_at(self, job: Job) -> None:
        try:
            job.tick()
        except Exception as error:
            _log.exception("a %s job could not be handled", self.name)
            job.fail(f"InternalServerError: We encountered an internal error. ({type(error).__name__}: {error})")

    def _make_instance(self, kind: type[Instance], order: Order) -> Instance:
        folder = self._world.settings.state_dir / self.folder / f"{order.name}-{next(self._numbers)}"
        folder.mkdir(parents=True)
        return kind(self._world, self._images, order, folder, self._transfers)

    def _log_writer(self, region: str) -> LogWriter:
        if region not in self._log_writers:
            self._log_writers[region] = LogWriter(self._world.clients.client("logs", region), self.group)
        return self._log_writers[region]
