"""The life of Bedrock's customization jobs: a few threads, each with one job at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from .customizing.job import Job
from .customizing.ledger import ENDED, KIND, Ledger

if TYPE_CHECKING:
    from ..world import World
    from .customizing.plan import Plan

GONE_SECONDS = 30.0


class Customization:
    """Runs the jobs that CreateModelCustomizationJob accepts; those above the slots wait.

    Args:
        world: the parts of the sandbox.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], tuple[Job, Future[None]]] = {}
        self._pool = ThreadPoolExecutor(world.settings.slots, thread_name_prefix="customization")

    def submit(self, plan: Plan, document: dict[str, Any], admit: Callable[[], None]) -> None:
        """Take a job.

        Args:
            plan: what it is to do.
            document: what Get shows of it at first.
            admit: raises when a name is taken or a quota is used up; called when nobody else can submit.
        """
        with self._lock:
            admit()
            self._world.store.create(KIND, plan.region, plan.name, document)
            folder = self._world.settings.state_dir / "bedrock" / "jobs" / plan.job_id
            job = Job(self._world, plan, folder)
            self._jobs[plan.region, plan.name] = job, self._pool.submit(job.run)

    def stop(self, region: str, name: str) -> bool:
        """Begin to stop a job; False when it has ended or is stopping."""
        with self._lock:
            job, future = self._jobs.get((region, name), (None, None))
            begun: list[bool] = []

            def change(document: dict[str, Any]) -> None:
                if document["status"] == "InProgress":
                    begun.append(True)
                    document["status"] = "Stopping"
                    for details in document["statusDetails"].values():
                        if details["status"] == "InProgress":
                            details["status"] = "Stopping"

            self._world.store.update(KIND, region, name, change)
        if not begun or job is None or future is None:
            return False
        job.stop()
        if future.cancel():  # it was still waiting for a slot
            Ledger(self._world, region, name).finish("Stopped")
        return True

    def running(self, region: str) -> int:
        """Give how many jobs of a region have not ended."""
        return sum(1 for job in self._world.store.list(KIND, region) if job["status"] not in ENDED)

    def reset(self) -> None:
        """End every job and forget it; returns when no program is left."""
        with self._lock:
            jobs, self._jobs = list(self._jobs.values()), {}
        for job, future in jobs:
            job.drop()
            future.cancel()
        wait([future for _, future in jobs], GONE_SECONDS)

    def close(self) -> None:
        """End every job and the threads; call it while the server still answers."""
        self.reset()
        self._pool.shutdown(wait=True, cancel_futures=True)
