"""What to do next for a job: one pure function, so that every case of paying twice can be tested without AWS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.failures import (
    FALLBACK_HELPS,
    NEXT_ATTEMPT_HELPS,
    NEXT_STEP,
    WAITING_HELPS,
    FailureClass,
    Refusal,
)
from airflow_finetune.resources.resource import Phase

StoppedBy = Literal["kill", "max_wait", "superseded"]


@dataclass(frozen=True)
class Sighting:
    """One job of this task, as AWS describes it now.

    Attributes:
        name: the job's name, made by ``Claim.name``.
        generation: from the name.
        attempt: from the name, counted from 1.
        phase: what the status means.
        digest: of the spec that it was made from, by its tag; None without that tag.
        mine: whether its owner tag is this claim's.
        created_at: AWS's time of creation.
        rung: 0 for the first market, 1 for the fallback.
        failure: why it ended; None while it runs and when it is done.
        said: AWS's words on its end.
        stopped_by: who of us stopped it; None when nobody of us did.
        is_empty: whether what it made was deleted since, as a rejected custom model is.
    """

    name: str
    generation: int
    attempt: int
    phase: Phase
    digest: str | None
    mine: bool
    created_at: datetime
    rung: int = 0
    failure: FailureClass | None = None
    said: str = ""
    stopped_by: StoppedBy | None = None
    is_empty: bool = False


@dataclass(frozen=True)
class Seen:
    """Everything that is known at this moment.

    Attributes:
        jobs: all generations and attempts of this task that AWS knows.
        held: the job that this try waits for already; None before the first one.
        since: when this try began to wait.
        refusal: AWS's answer to the last create call of this try; None when it was accepted or not made.
        refused_rung: the market of that call.
    """

    jobs: Sequence[Sighting]
    held: str | None
    since: datetime
    refusal: Refusal | None = None
    refused_rung: int = 0


@dataclass(frozen=True)
class Policy:
    """What this task wants.

    Attributes:
        digest: of the spec as it was rendered for this try.
        on_clear: whether a cleared task takes over the finished job of an equal spec, or trains again.
        rungs: 1, or 2 when a job that finds no capacity may be bought on the second market.
        attempts_per_rung: how many jobs may fail by AWS's fault on one market.
        most_jobs: how many jobs of one generation may be made, those after a kill included; None does not count.
        max_wait: from the first job of a generation to its end, attempts and fallback included; None waits for ever.
        stop_grace: how long a job may take to stop.
        stops_superseded: whether a running job of an older generation that nobody waits for any more is stopped.
    """

    digest: str
    on_clear: Literal["adopt", "retrain"] = "adopt"
    rungs: int = 1
    attempts_per_rung: int = 3
    most_jobs: int | None = None
    max_wait: timedelta | None = None
    stop_grace: timedelta = timedelta(minutes=15)
    stops_superseded: bool = True


@dataclass(frozen=True)
class Create:
    """Make the first job of this generation."""

    name: str
    rung: int
    why: str


@dataclass(frozen=True)
class NextAttempt(Create):
    """Make another job on the same market, from the checkpoint of the one before."""


@dataclass(frozen=True)
class Fallback(Create):
    """Make another job on the next market, from the checkpoint of the one before."""


@dataclass(frozen=True)
class Adopt:
    """Take over a job that is there already."""

    name: str
    why: str


@dataclass(frozen=True)
class Wait:
    """Look again later; ``name`` None waits for AWS to accept a job, ``until`` None has no deadline."""

    name: str | None
    until: datetime | None
    why: str


@dataclass(frozen=True)
class Stop:
    """Stop a job and mark who did it."""

    name: str
    mark: StoppedBy
    why: str


@dataclass(frozen=True)
class Done:
    """The job has made its model."""

    name: str


@dataclass(frozen=True)
class Fail:
    """Nothing that we could do would help; the three parts of the message."""

    kind: Literal["refused", "failed", "lost"]
    thing: str
    said: str
    next_step: str


Action = Create | Adopt | Wait | Stop | Done | Fail
"""``NextAttempt`` and ``Fallback`` are kinds of ``Create``."""


def decide(claim: Claim, seen: Seen, policy: Policy, now: datetime) -> Action:
    """Return the next action for one task's job.

    Args:
        claim: which task, and which generation of it.
        seen: what AWS knows.
        policy: what the task wants.
        now: the clock.
    """
    case = _case(claim, seen, policy, now)
    if seen.held is not None and all(job.name != seen.held for job in seen.jobs):
        return Fail("lost", seen.held, "was deleted while this task waited for it.", "Clear the task to train again.")
    if seen.refusal is not None:
        return _refused(case, seen.refusal)
    if case.target is None:
        return _first_job(claim, seen.jobs, policy)
    return _not_the_same(case.target, policy) or _next_of(case, case.target)


class _Case(NamedTuple):
    claim: Claim
    seen: Seen
    policy: Policy
    now: datetime
    target: Sighting | None
    deadline: datetime | None

    @property
    def is_over(self) -> bool:
        return self.deadline is not None and self.now >= self.deadline

    @property
    def next_name(self) -> str:
        """The name of the next job of this generation; its first one when an older generation's was taken over."""
        made = [job.attempt for job in self.seen.jobs if job.generation == self.claim.generation]
        return self.claim.name(max(made, default=0) + 1)


def _case(claim: Claim, seen: Seen, policy: Policy, now: datetime) -> _Case:
    current = [job for job in seen.jobs if job.generation == claim.generation]
    # An older generation's job that was taken over stays the one to decide about, however it ends.
    held = next((job for job in seen.jobs if job.name == seen.held), None)
    target = max(current, key=lambda job: job.attempt, default=None) or held or _adoptable(seen.jobs, policy)
    # From the first job of the generation on: a retry does not begin to count anew.
    since = min((job.created_at for job in current), default=seen.since)
    return _Case(claim, seen, policy, now, target, None if policy.max_wait is None else since + policy.max_wait)


def _next_of(case: _Case, target: Sighting) -> Action:
    if target.name != case.seen.held and target.phase in ("running", "done") and not target.is_empty:
        return Adopt(target.name, _why_adopted(target, case.claim))
    match target.phase:
        case "done" if target.is_empty:
            said = "has made its model, and somebody has deleted that since."
            return Fail("lost", target.name, said, "Clear the task to train again.")
        case "done":
            return Done(target.name)
        case "running":
            return _running(case, target)
        case "stopping":
            return _stopping(case, target)
        case _:
            return _ended(case, target)


def _adoptable(jobs: Sequence[Sighting], policy: Policy) -> Sighting | None:
    if policy.on_clear == "retrain":
        return None
    ours = [job for job in jobs if job.mine and job.digest == policy.digest and not job.is_empty]
    same = [job for job in ours if job.phase in ("done", "running")]
    return max(same, key=lambda job: (job.generation, job.attempt), default=None)


def _first_job(claim: Claim, jobs: Sequence[Sighting], policy: Policy) -> Action:
    left = [job for job in jobs if job.mine and job.phase == "running" and job.generation != claim.generation]
    if left and policy.stops_superseded:
        return Stop(left[0].name, "superseded", "The task was cleared, and this job is not what it asks for now.")
    return Create(claim.name(1), 0, "No job of this task is there to take over.")


def _not_the_same(target: Sighting, policy: Policy) -> Fail | None:
    if not target.mine:
        said = "a job with this name exists, and its owner tag is not this task's."
        return Fail("lost", target.name, said, NEXT_STEP[FailureClass.EXISTS])
    if target.digest != policy.digest:
        said = f"was made from spec {target.digest}, and this try rendered spec {policy.digest}."
        hint = "A second job would be paid too, so none was made. Clear the task to train with the new spec."
        return Fail("refused", target.name, said, hint)
    return None


def _why_adopted(target: Sighting, claim: Claim) -> str:
    if target.generation != claim.generation:
        return "The task was cleared, its spec is the same: nothing is trained twice (on_clear='retrain' would)."
    return "This task has submitted it in an earlier try."


def _running(case: _Case, target: Sighting) -> Action:
    if case.is_over:
        return Stop(target.name, "max_wait", f"max_wait of {case.policy.max_wait} is over.")
    return Wait(target.name, case.deadline, "It runs.")


def _stopping(case: _Case, target: Sighting) -> Action:
    grace = case.policy.stop_grace
    limit = None if case.deadline is None else case.deadline + grace
    if limit is not None and case.now >= limit:
        said = f"is still stopping {grace} after max_wait."
        return Fail("failed", target.name, said, "See that it ends: it bills until then.")
    return Wait(target.name, limit, "It is being stopped.")


def _ended(case: _Case, target: Sighting) -> Action:
    action, most = _after_end(case, target), case.policy.most_jobs
    made = sum(job.generation == case.claim.generation for job in case.seen.jobs)
    if most is None or made < most or not isinstance(action, Create):
        return action
    said = f"{action.why} No job follows: {made} have been made, and the plan has counted {most}."
    hint = "Clear the task to train again, or raise most_jobs of the plan first and clear both."
    return Fail("failed", target.name, said, hint)


def _after_end(case: _Case, target: Sighting) -> Action:
    failure = target.failure or FailureClass.UNKNOWN
    if target.stopped_by == "max_wait" or case.is_over:
        said = f"max_wait of {case.policy.max_wait} was over before it was done. {target.said}".strip()
        return Fail("failed", target.name, said, "Raise max_wait, then clear the task.")
    name = case.next_name
    if target.stopped_by == "kill":  # the killed try has ended; this one came after it, or took the job over meanwhile
        return NextAttempt(name, target.rung, f"{target.name} was stopped because its task was killed.")
    why = f"{target.name} ended: {target.said}"
    if failure in FALLBACK_HELPS and target.rung + 1 < case.policy.rungs:
        return Fallback(name, target.rung + 1, why)
    if failure in NEXT_ATTEMPT_HELPS and _failed_on(target.rung, case) < case.policy.attempts_per_rung:
        return NextAttempt(name, target.rung, why)
    return Fail("failed", target.name, target.said, NEXT_STEP[failure])


def _failed_on(rung: int, case: _Case) -> int:
    current = [job for job in case.seen.jobs if job.generation == case.claim.generation and job.rung == rung]
    return sum(job.stopped_by != "kill" for job in current)


def _refused(case: _Case, refusal: Refusal) -> Action:
    thing = case.next_name
    said = f"AWS answered {refusal.code}: {refusal.message}"
    if refusal.meaning in WAITING_HELPS:
        if case.is_over:
            said = f"{said} max_wait of {case.policy.max_wait} is over."
            return Fail("refused", thing, said, NEXT_STEP[refusal.meaning])
        return Wait(None, case.deadline, said)
    rung = case.seen.refused_rung + 1
    if refusal.meaning in (FailureClass.NO_QUOTA, FailureClass.CAPACITY) and rung < case.policy.rungs:
        return Fallback(thing, rung, said)
    return Fail("refused", thing, said, NEXT_STEP[refusal.meaning])
