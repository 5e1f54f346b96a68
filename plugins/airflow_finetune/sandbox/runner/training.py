"""The life of all training jobs: one loop looks at each of them; a few threads carry their data."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .jobs.instance import Order
from .jobs.job import Job
from .jobs.log_stream import LogWriter
from .jobs.record import KIND, members
from .workshop import Workshop

if TYPE_CHECKING:
    from ..world import World

TICK_SECONDS = 0.03
TRANSFERS_AT_ONCE = 4
GONE_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Training:
    """Runs the jobs that CreateTrainingJob accepts.

    Args:
        world: the parts of the sandbox; used from ``start`` on.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._closing = False
        self._jobs: dict[tuple[str, str], Job] = {}
        self._fading: list[Job] = []  # jobs whose name may be taken again, while their programs still end
        self._thread: threading.Thread | None = None
        self._transfers = ThreadPoolExecutor(TRANSFERS_AT_ONCE, thread_name_prefix="transfer")
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._workshop = Workshop(world, self._transfers, self._writers)
        self._log_writers: dict[str, LogWriter] = {}

    def start(self) -> None:
        """Start the loop."""
        self._thread = threading.Thread(target=self._loop, name="training", daemon=True)
        self._thread.start()

    def submit(
        self,
        region: str,
        document: dict[str, Any],
        request: dict[str, Any],
        notes: tuple[str, ...],
        admit: Callable[[], None],
    ) -> bool:
        """Take a job; False when its name is taken.

        Args:
            region: of the job.
            document: what Describe shows of a job that has not begun.
            request: the members of CreateTrainingJob, checked.
            notes: lines for the start of its log.
            admit: raises if the account's quotas do not allow one more; called when nobody else can submit.
        """
        name, arn = request["TrainingJobName"], document["TrainingJobArn"]
        with self._lock:
            if self._world.store.get(KIND, region, name) is not None:
                return False
            admit()
            job = self._workshop.job(Order(request, arn, region, notes), self._log_writer(region))
            self._world.store.create(KIND, region, name, document | members(job.life))
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

    def interrupt(self, region: str, name: str, notice_seconds: float = 0.0, gap_seconds: float = 0.0) -> bool:
        """Take a job's Spot instance away; False when it has none.

        Args:
            region: of the job.
            name: TrainingJobName.
            notice_seconds: real seconds between SIGTERM and the end; 0 for none.
            gap_seconds: modelled seconds without Spot capacity for it afterwards.
        """
        with self._lock:
            job = self._jobs.get((region, name))
            taken = job is not None and job.interrupt(notice_seconds, gap_seconds)
        self._wake.set()
        return taken

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
            self._workshop.free_all_slots()

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
                _log.exception("the loop over training jobs stumbled")
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
            _log.exception("a training job could not be handled")
            job.fail(f"InternalServerError: We encountered an internal error. ({type(error).__name__}: {error})")

    def _log_writer(self, region: str) -> LogWriter:
        if region not in self._log_writers:
            self._log_writers[region] = LogWriter(self._world.clients.client("logs", region))
        return self._log_writers[region]
