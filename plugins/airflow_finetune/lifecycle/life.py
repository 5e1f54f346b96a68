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
        self._jobs: dict[str, Sighting] | None = None
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
        """Return what AWS knows now: everything at the first time, later what can still change."""
        if self._jobs is None:
            names = [name for name in self.client.find(self.claim.key) if self.claim.place(name)]
            found = {name: self._sight(name) for name in {*names, *([self.held] if self.held else [])}}
        else:
            found = {
                name: self._sight(name, job) if job.phase in ("running", "stopping") else job
                for name, job in self._jobs.items()
            }
        self._jobs = {name: job for name, job in found.items() if job is not None}
        refusal, rung = self._refusal or (None, 0)
        return Seen(list(self._jobs.values()), self.held, self.since, refusal, rung)

    def act(self, action: Create | Adopt | Stop) -> None:
        """Do what was decided."""
        if isinstance(action, Create):
            self._create(action)
        elif isinstance(action, Adopt):
            self._say(f"Takes over {action.name}. {action.why}")
            self.held = action.name
        else:
            self._say(f"Stops {action.name}. {action.why}")
            self.client.stop(action.name, action.mark)

    def pause_seconds(self, wait: Wait, pacing: Pacing, jitter: float) -> float:
        """Return how long to wait before the next look.

        Args:
            wait: what was decided.
            pacing: of this task.
            jitter: 0 to 1, random.
        """
        return pacing.interval_seconds(self._now(), self.since, wait.until, jitter, self.failures)

    def waited(self) -> None:
        """Forget a refusal after having waited: AWS is asked again."""
        self._refusal = None

    def attempts(self) -> int:
        """Return how many jobs this generation has made; 0 when an older generation's job was taken over."""
        return sum(job.generation == self.claim.generation for job in (self._jobs or {}).values())

    def owner(self, rung: int) -> Owner:
        """Return whose a job is that is made now, and until when."""
        longest = (self.policy.max_wait or timedelta(days=30)) + LEASE_MARGIN
        return Owner(self.claim, self.policy.digest, "job", self._now() + longest, rung)

    def _create(self, action: Create) -> None:
        request = self._make_request(action.rung)
        self._say(f"{type(action).__name__}: submits {action.name}. {action.why}")
        held, self.held = self.held, action.name  # a kill from here on stops it, whether AWS has answered or not
        refusal = self.client.create(action.name, request, self.owner(action.rung))
        found = self._sight(action.name) if refusal is None or refusal.meaning is FailureClass.EXISTS else None
        if found is not None:
            self._jobs = {**(self._jobs or {}), action.name: found}
            self._refusal = None
            return
        self.held = held
        if refusal is None or refusal.meaning is FailureClass.EXISTS:
            said = "AWS has the job and does not describe it yet."
            refusal = Refusal(FailureClass.THROTTLED, "NotDescribed", said)
        self._refusal = (refusal, action.rung)

    def _sight(self, name: str, known: Sighting | None = None) -> Sighting | None:
        found = self.client.sight(self.claim, name, known)
        if found is None:
            return None
        self._described[name] = found[1]
        return found[0]
