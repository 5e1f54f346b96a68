"""Asks one model a whole golden set: a few requests at a time, each repeated as its failure deserves."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any, NamedTuple

from airflow_finetune.aws.inference import NoAnswer
from airflow_finetune.curation.canonical import Chat
from airflow_finetune.errors import RequestRefused, Unavailable
from airflow_finetune.evaluation.asking.services import SERVICES, Reply
from airflow_finetune.evaluation.sampling import SamplingSpec
from airflow_finetune.lifecycle.failures import NEXT_STEP, FailureClass
from airflow_finetune.values import ServedModel

GONE = "Clear open_scope too: that clears deploy, and a new lease begins. What was judged already is not asked again."
NOT_THERE = "Check the model's id, and that this region offers it to your account."
PARTS = 10
_PASSES = frozenset({FailureClass.THROTTLED, FailureClass.QUOTA})
_OF_THE_MODEL = frozenset({FailureClass.PROGRAM, FailureClass.INPUT})


class Patience(NamedTuple):
    """How often a request is repeated.

    Attributes:
        calls: tries while AWS throttles, or the endpoint's server is being started again; a minute and a half in all.
        attempts: tries of a single item on which the model's server fails.
        pause_seconds: before the second try; it doubles with each, up to ``longest_seconds``.
        longest_seconds: see there.
    """

    calls: int = 9
    attempts: int = 3
    pause_seconds: float = 0.5
    longest_seconds: float = 30.0

    def pauses(self) -> Iterator[float]:
        """Yield the pauses between tries."""
        return (min(self.longest_seconds, self.pause_seconds * 2**n) for n in range(64))


class Ended(Unavailable):
    """The asking was ended from outside: by a kill, or because the other model's has failed."""

    def __init__(self, thing: str) -> None:
        super().__init__(thing, "the asking was ended before all items were answered.", "A retry asks all of them.")


class Desk(NamedTuple):
    """What asking works with.

    Attributes:
        client: boto3 client of the arm's service; its own retries should be off.
        clock: the time, with a zone.
        end: set to end it, from any thread.
        patience: with failures.
    """

    client: Any
    clock: Callable[[], datetime]
    end: threading.Event
    patience: Patience = Patience()


class Asking:
    """Asks one model.

    Args:
        arm: which one, and until when it may be asked.
        sampling: how to ask.
        desk: what to work with.

    Attributes:
        thing: which one, for people.
        asked: items so far.
        unanswered: of them.
        input_tokens: that AWS has counted, also for answers that do not count.
        output_tokens: likewise.
        last_said: why the last item without an answer has none.
    """

    def __init__(self, arm: ServedModel, sampling: SamplingSpec, desk: Desk) -> None:
        self._arm, self._sampling, self._desk, self._service = arm, sampling, desk, SERVICES[arm.service]
        self.thing = f"{arm.arm} ({self._service.noun} {arm.endpoint_name})"
        self._lock = threading.Lock()
        self.asked = self.unanswered = self.input_tokens = self.output_tokens = 0
        self.last_said = ""

    def batches(self, chats: Sequence[Chat]) -> list[Sequence[Chat]]:
        """Return the chats of each request, in order."""
        size = self._service.batch_size(self._sampling)
        return [chats[start : start + size] for start in range(0, len(chats), size)]

    def progress(self, items: int) -> str:
        """Say how far it is."""
        return f"{self._arm.arm}: {self.asked} of {items} asked, {self.asked - self.unanswered} answered"

    def ask(self, chats: Sequence[Chat], items: int) -> list[str | None]:
        """Return the answer to each chat of a request; None where the model's server refused or failed again and again.

        Args:
            chats: of one request.
            items: of the whole golden set, to know when too many are unanswered.

        Raises:
            RequestRefused: the endpoint is gone or refuses us, or too many items have no answer.
            Unavailable: AWS could not answer for too long.
            Ended: somebody has set ``end``.
        """
        texts = self._texts(chats)
        missing = sum(text is None for text in texts)
        with self._lock:
            self.asked += len(chats)
            self.unanswered += missing
            allowed = math.ceil(items * self._sampling.max_unanswered_fraction)
            if missing and (self.unanswered > allowed or self.unanswered == items):
                self._give_up(items, allowed)
        return texts

    def _texts(self, chats: Sequence[Chat]) -> list[str | None]:
        """Ask all at once; where the model fails on them, find those on which it does by halves."""
        found = self._tried(chats, self._desk.patience.attempts if len(chats) == 1 else 1)
        if found is not None:
            return [*found]
        if len(chats) == 1:
            return [None]
        half = len(chats) // 2
        return [*self._texts(chats[:half]), *self._texts(chats[half:])]

    def _tried(self, chats: Sequence[Chat], attempts: int) -> Sequence[str | None] | None:
        calls = self._desk.patience.calls
        for pause in self._desk.patience.pauses():
            self._check()
            answer = self._service.ask(self._desk.client, self._arm.endpoint_name, chats, self._sampling)
            self.last_said = answer.said or self.last_said
            if isinstance(answer, Reply):
                self._count(answer)
                return answer.texts
            calls, attempts = self._left(answer, calls, attempts)
            if not attempts:
                return None
            self._desk.end.wait(pause)
        return None

    def _count(self, reply: Reply) -> None:
        with self._lock:
            self.input_tokens += reply.input_tokens
            self.output_tokens += reply.output_tokens

    def _check(self) -> None:
        """Refuse to ask after the end, or after the lease: cleanup may delete what answers between two questions.

        For a base model of Bedrock nothing was made, so no lease ends.
        """
        if self._desk.end.is_set():
            raise Ended(self.thing)
        if self._arm.endpoint_arn and self._desk.clock() >= self._arm.expires_at:
            said = f"its lease ended at {self._arm.expires_at:%Y-%m-%d %H:%M} UTC: cleanup deletes it."
            raise RequestRefused(self.thing, said, GONE)

    def _left(self, trouble: NoAnswer, calls: int, attempts: int) -> tuple[int, int]:
        """Return how many calls and attempts are left after a failure; raise where another try cannot help."""
        if trouble.meaning in _OF_THE_MODEL:
            return calls, 0 if trouble.meaning is FailureClass.INPUT else attempts - 1
        if trouble.meaning in _PASSES:
            if calls <= 1:
                raise Unavailable(self.thing, trouble.said, NEXT_STEP[FailureClass.THROTTLED])
            return calls - 1, attempts
        next_step = {
            FailureClass.ABSENT: GONE if self._arm.endpoint_arn else NOT_THERE,
            FailureClass.DENIED: self._service.denied,
        }
        raise RequestRefused(self.thing, trouble.said, next_step.get(trouble.meaning, NEXT_STEP[trouble.meaning]))

    def _give_up(self, items: int, allowed: int) -> None:
        many = f"no answer to {self.unanswered} of {items} items"
        more = "" if self.unanswered == items else f", and {allowed} are allowed (max_unanswered_fraction)"
        said = f"{many}{more}. The last one: {self.last_said}"
        raise RequestRefused(self.thing, said, self._service.unanswered)


def ask_all(
    askings: Sequence[Asking], chats: Sequence[Chat], concurrency: int, end: threading.Event, say: Callable[[str], None]
) -> list[list[str | None]]:
    """Ask every model all chats at the same time; return each one's answers, in the order of the chats.

    Args:
        askings: one for each model; all of them know ``end``.
        chats: what is asked.
        concurrency: requests to each model at a time.
        end: is set when one of them fails, so that the others do not go on for nothing.
        say: takes a line every tenth of the way, from any thread.

    Raises:
        RequestRefused, Unavailable, Ended: as of ``Asking.ask``.
    """
    told, began, lock = 0, time.monotonic(), threading.Lock()

    def one(asking: Asking, batch: Sequence[Chat]) -> list[str | None]:
        nonlocal told
        texts = asking.ask(batch, len(chats))
        with lock:
            part = PARTS * sum(each.asked for each in askings) // (len(chats) * len(askings))
            if part > told:
                told = part
                far = "; ".join(each.progress(len(chats)) for each in askings)
                say(f"{far}; {time.monotonic() - began:.0f} s.")
        return texts

    pools = [ThreadPoolExecutor(concurrency, thread_name_prefix="asking") for _ in askings]
    try:
        futures = [
            [pool.submit(one, asking, batch) for batch in asking.batches(chats)]
            for pool, asking in zip(pools, askings, strict=True)
        ]
        return [[text for batch in row for text in batch] for row in _results(futures)]
    finally:
        end.set()
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def _results(futures: list[list[Future[list[str | None]]]]) -> list[list[list[str | None]]]:
    done, _ = wait([each for row in futures for each in row], return_when=FIRST_EXCEPTION)
    failed = [error for each in done if not each.cancelled() and (error := each.exception()) is not None]
    if failed:
        raise next((error for error in failed if not isinstance(error, Ended)), failed[0])
    return [[each.result() for each in row] for row in futures]
