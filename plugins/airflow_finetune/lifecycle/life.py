"""One try's view of a job: looks at AWS, asks ``decide``, does what it says. Knows nothing of Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_finetune.errors import Unavailable
from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.decide import Action, Adopt, Create, Policy, Seen, Sighting, Stop, Wait, decide
from airflow_finetune.lifecycle.failures import FailureClass, Refusal
from airflow_finetune.lifecycle.owner import Owner
from airflow_finetune.lifecycle.pacing import Pacing

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import Described, ResourceClient

MakeRequest = Callable[[int], Mapping[str, Any]]
"""Gives the create request for a rung; called only when a job is really going to be made."""

LEASE_MARGIN = timedelta(days=1)
MAX_FAILURES = 10


def utc_now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Before:
    """What an earlier part of the same try knew, before it was deferred.

    Attributes:
        held: the job that it waited for; None for none.
        since: when the try began to wait.
    """

    held: str | None
    since: datetime


class Life:
    """Carries one task's job from nothing to its end.

    Args:
        client: for the kind of resource.
        claim: which task.
        policy: what it wants.
        make_request: gives the create request of a rung.
        say: takes one line for the task's log.
        before: what the try knew before it was deferred; None at its start.
        now: the clock.
    """

    def __init__(
        self,
        client: ResourceClient,
        claim: Claim,
        policy: Policy,
        make_request: MakeRequest,
        say: Callable[[str], None],
        before: Before | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.client, self.claim, self.policy = client, claim, policy
        self._make_request, self._say, self._now = make_request, say, now
        self.held = before.held if before else None
        self.since = before.since if before else now()
        self.failures = 0
        self._described: dict[str, Described] = {}
        self._has_searched = False
        self._names: set[str] = {self.held} if self.held else set()
        self._accepted: set[str] = set()  # by AWS, and not yet described
        self._jobs: dict[str, Sighting] = {}
        self._failed_stops = 0
        self._refusal: tuple[Refusal, int] | None = None

    @property
    def described(self) -> Described | None:
        """AWS's last description of the job that is held; None without one."""
        return None if self.held is None else self._described.get(self.held)

    def next_action(self) -> Action:
        """Look, and decide; a call that AWS cannot answer now is a reason to wait, ten in a row are an error.

        Raises:
            Unavailable: AWS could not answer ten times in a row; the job goes on, and a retry finds it.
            RequestRefused: AWS does not let us look.
        """
        try:
            seen = self.look()
        except Unavailable as error:
            self.failures += 1
            if self.failures > MAX_FAILURES:
                raise
            return Wait(self.held, None, str(error))
        self.failures = 0
        return decide(self.claim, seen, self.policy, self._now())

    def look(self) -> Seen:
        """Return what AWS knows now: everything at the first time, later what can still change.

        Raises:
            Unavailable: AWS cannot answer now, or does not describe yet what it has just accepted.
            RequestRefused: AWS does not let us look.
        """
        if not self._has_searched:
            self._names |= {name for name in self.client.find(self.claim.key) if self.claim.place(name)}
            self._has_searched = True
        for name in sorted(self._names):
            self._sight(name)
        refusal, rung = self._refusal or (None, 0)
        return Seen(list(self._jobs.values()), self.held, self.since, refusal, rung)

    def act(self, action: Create | Adopt | Stop) -> bool:
        """Do what was decided; False when AWS could not answer, so that it has to be decided again after a pause."""
        if isinstance(action, Create):
            self._create(action)
        elif isinstance(action, Adopt):
            self._say(f"Takes over {action.name}. {action.why}")
            self.held = action.name
        else:
            self._say(f"Stops {action.name}. {action.why}")
            return self._stop(action)
        return True

    def pause_seconds(self, wait: Wait, longest_seconds: float, jitter: float) -> float:
        """Return how long to wait before the next look.

        Args:
            wait: what was decided.
            longest_seconds: between two looks, while AWS answers.
            jitter: 0 to 1, random.
        """
        return Pacing(longest_seconds).interval_seconds(self._now(), self.since, wait.until, jitter, self.failures)

    def waited(self) -> None:
        """Forget a refusal after having waited: AWS is asked again."""
        self._refusal = None

    def attempts(self) -> int:
        """Return how many jobs this generation has made; 0 when an older generation's job was taken over."""
        return sum(job.generation == self.claim.generation for job in self._jobs.values())

    def owner(self, rung: int) -> Owner:
        """Return whose a job is that is made now, and until when."""
        longest = (self.policy.max_wait or timedelta(days=30)) + LEASE_MARGIN
        return Owner(self.claim, self.policy.digest, "job", self._now() + longest, rung)

    def _create(self, action: Create) -> None:
        request = self._make_request(action.rung)
        self._say(f"{type(action).__name__}: submits {action.name}. {action.why}")
        held, self.held = self.held, action.name  # a kill from here on stops it, whether AWS has answered or not
        refusal = self.client.create(action.name, request, self.owner(action.rung))
        if refusal is None or refusal.meaning is FailureClass.EXISTS:
            self._names.add(action.name)
            self._accepted.add(action.name)
            self._refusal = None
        else:
            self.held = held
            self._refusal = (refusal, action.rung)

    def _stop(self, action: Stop) -> bool:
        try:
            self.client.stop(action.name, action.mark)
        except Unavailable as error:
            self._failed_stops += 1
            if self._failed_stops > MAX_FAILURES:
                raise
            self._say(str(error))
            return False
        return True

    def _sight(self, name: str) -> None:
        known = self._jobs.get(name)
        if known is not None and known.phase not in ("running", "stopping"):
            return
        found = self.client.sight(self.claim, name, known)
        if found is not None:
            self._accepted.discard(name)
            self._jobs[name], self._described[name] = found
        elif name in self._accepted:
            raise Unavailable(name, "AWS has accepted it and does not describe it yet.", "Wait.")
        else:
            self._jobs.pop(name, None)
            self._names.discard(name)
