"""What arrives together is answered together: one thread generates, callers wait for their own answer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Collects items from many threads for a few milliseconds and hands them over in batches.

    Args:
        work: from a batch to as many results; called from one thread only.
        kind: items of different kinds never share a batch.
        most: items of a batch.
        wait_seconds: how long the first item of a batch waits for others.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Result]], kind: Callable[[Item], Hashable], *,
        most: int = 32, wait_seconds: float = 0.008,
    ) -> None:  # fmt: skip
        self._work, self._kind, self._most, self._wait_seconds = work, kind, most, wait_seconds
        self._waiting: queue.SimpleQueue[tuple[Item, Future[Result]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    def ask(self, items: Sequence[Item]) -> list[Result]:
        """Returns the results of the items, in order; raises what the work raised."""
        futures: list[Future[Result]] = []
        for item in items:
            future: Future[Result] = Future()
            futures.append(future)
            self._waiting.put((item, future))
        return [future.result() for future in futures]

    def close(self) -> None:
        """Ends the thread after what was asked for is answered."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (collected := self._collect()) is not None:
            kinds: dict[Hashable, list[tuple[Item, Future[Result]]]] = {}
            for item, future in collected:
                kinds.setdefault(self._kind(item), []).append((item, future))
            for batch in kinds.values():
                self._answer(batch)

    def _collect(self) -> list[tuple[Item, Future[Result]]] | None:
        """Returns the next items, at least one; None when the batcher was closed."""
        first = self._waiting.get()
        if first is None:
            return None
        found, until = [first], time.monotonic() + self._wait_seconds
        while len(found) < self._most:
            try:
                after = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if after is None:
                self._waiting.put(None)  # for the next turn
                break
            found.append(after)
        return found

    def _answer(self, batch: list[tuple[Item, Future[Result]]]) -> None:
        try:
            results = self._work([item for item, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)
        except Exception as error:  # the callers get it; the thread must live on
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
