"""The life of one training job as a pure state machine, so that every order of events can be tested without a process.

What AWS documents, and what this machine walks through:

    InProgress: Starting -> Downloading -> Training -> Uploading                  -> Completed
    interrupted:            ... Training -> Interrupted -> Starting -> Downloading -> Training ...
    stopped:                ... Training -> Stopping -> Uploading                  -> Stopped
    limits:                 ... Training -> Stopping -> Uploading                  -> Stopped (MaxRuntimeExceeded)
    never launched:         Starting -> Stopping                                   -> Stopped (MaxWaitTimeExceeded)
    script failed:          ... Training -> Uploading                              -> Failed

``apply`` takes a life and an event and answers with the next life and with what the runner has to do. An event that
does not fit what the job is doing changes nothing: a second stop, an exit that is reported late.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

DEFAULT_MAX_RUNTIME_SECONDS = 86_400
"""AWS: the default value of MaxRuntimeInSeconds is 1 day."""


class Doing(StrEnum):
    """What the sandbox is busy with for a job."""

    WAITING = "waiting"  # for capacity, a slot, the modelled time that an instance takes to start
    DOWNLOADING = "downloading"
    RUNNING = "running"
    ENDING = "ending"  # SIGTERM was sent
    UPLOADING = "uploading"
    RECLAIMED = "reclaimed"  # the Spot instance is gone
    ENDED = "ended"


class Why(StrEnum):
    """Why a job is stopped; the value is the secondary status that it ends with."""

    STOP = "Stopped"
    MAX_RUNTIME = "MaxRuntimeExceeded"
    MAX_WAIT = "MaxWaitTimeExceeded"


class Do(StrEnum):
    """What the runner must do next."""

    DOWNLOAD = "download"
    RUN = "run"
    TERMINATE = "terminate"
    KILL = "kill"
    UPLOAD = "upload"


@dataclass(frozen=True)
class Waits:
    """No instance yet; ``message`` is shown as the StatusMessage."""

    message: str


@dataclass(frozen=True)
class Provisioned:
    """An instance is there.

    Attributes:
        price_fraction: what a second on it costs, as a fraction of the on-demand price.
    """

    price_fraction: float = 1.0


@dataclass(frozen=True)
class Downloaded:
    """Channels and checkpoints are in place."""


@dataclass(frozen=True)
class Exited:
    """The program ended; ``failure`` is None after exit code 0."""

    failure: str | None = None


@dataclass(frozen=True)
class Reclaimed:
    """The Spot instance is gone, and with it whatever was not yet synchronised."""


@dataclass(frozen=True)
class Replaced:
    """The runner has cleaned up after an interruption, and looks for another instance."""


@dataclass(frozen=True)
class Stop:
    """Somebody, or a limit, wants the job to end."""

    why: Why = Why.STOP


@dataclass(frozen=True)
class GraceOver:
    """The time between SIGTERM and SIGKILL has passed."""


@dataclass(frozen=True)
class Uploaded:
    """Model, output and the last checkpoints are in S3."""


@dataclass(frozen=True)
class Broke:
    """It cannot go on; ``reason`` becomes the FailureReason."""

    reason: str


Event = Waits | Provisioned | Downloaded | Exited | Reclaimed | Replaced | Stop | GraceOver | Uploaded | Broke


@dataclass(frozen=True)
class Moment:
    """One reading of both clocks.

    Attributes:
        now: real, UTC: what a client sees.
        modelled: seconds of the sandbox's clock: what limits and bills count.
    """

    now: datetime
    modelled: float


@dataclass(frozen=True)
class Transition:
    """One entry of SecondaryStatusTransitions; ``end`` is None for the current one."""

    status: str
    start: datetime
    end: datetime | None
    message: str


MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "Training job interrupted",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
}


@dataclass(frozen=True)
class Life:
    """Where a job stands.

    Attributes:
        doing: what the sandbox is busy with.
        transitions: the history that DescribeTrainingJob shows.
        created: modelled seconds at creation.
        why: why it is being stopped; None while nobody wants that.
        failure: the FailureReason; None while there is none.
        on_instance_since: modelled seconds at which the present instance was there; None without one.
        price_fraction: of the present instance.
        trained_seconds: modelled seconds on earlier instances.
        billed_seconds: the same, each second weighed with the price fraction of its instance.
        started: when the first instance was there; None before.
        ended: when it reached a final status; None before.
        interruptions: how many instances it has lost.
    """

    doing: Doing
    transitions: tuple[Transition, ...]
    created: float
    why: Why | None = None
    failure: str | None = None
    on_instance_since: float | None = None
    price_fraction: float = 1.0
    trained_seconds: float = 0.0
    billed_seconds: float = 0.0
    started: datetime | None = None
    ended: datetime | None = None
    interruptions: int = field(default=0)

    @classmethod
    def begin(cls, moment: Moment) -> Life:
        """Return a job that was accepted just now."""
        first = Transition("Starting", moment.now, None, MESSAGES["Starting"])
        return cls(Doing.WAITING, (first,), moment.modelled)

    @property
    def secondary(self) -> str:
        """The SecondaryStatus."""
        return self.transitions[-1].status

    @property
    def status(self) -> str:
        """The TrainingJobStatus."""
        if self.doing is not Doing.ENDED:
            return "Stopping" if self.why else "InProgress"
        return self.secondary if self.secondary in ("Completed", "Failed") else "Stopped"

    @property
    def has_instance(self) -> bool:
        """Whether an instance, and with it a slot, is held."""
        return self.on_instance_since is not None

    def training_seconds(self, modelled: float) -> float:
        """Return the modelled seconds on instances so far, over all interruptions."""
        present = 0.0 if self.on_instance_since is None else modelled - self.on_instance_since
        return self.trained_seconds + present

    @property
    def training_time_in_seconds(self) -> int | None:
        """TrainingTimeInSeconds of a job that has ended; None if it never had an instance."""
        return max(1, math.ceil(self.trained_seconds)) if self.started and self.ended else None

    @property
    def billable_time_in_seconds(self) -> int | None:
        """BillableTimeInSeconds of a job that has ended; None if it never had an instance.

        AWS: the savings of managed Spot training are ``1 - BillableTimeInSeconds / TrainingTimeInSeconds``. So a second
        on a Spot instance counts as much less than one second as the Spot price lies under the on-demand price.
        """
        return max(1, math.ceil(self.billed_seconds)) if self.started and self.ended else None


def overdue(life: Life, modelled: float, max_runtime_seconds: float, max_wait_seconds: float | None) -> Why | None:
    """Return the limit that a job has passed, or None.

    AWS counts waiting and running together for MaxWaitTimeInSeconds, and only the time on instances for
    MaxRuntimeInSeconds. Artifacts that are being uploaded are never cut off.
    """
    if life.why or life.doing in (Doing.UPLOADING, Doing.ENDED):
        return None
    if life.has_instance and life.training_seconds(modelled) >= max_runtime_seconds:
        return Why.MAX_RUNTIME
    if max_wait_seconds is not None and modelled - life.created >= max_wait_seconds:
        return Why.MAX_WAIT
    return None


def apply(life: Life, event: Event, moment: Moment) -> tuple[Life, tuple[Do, ...]]:
    """Return the life after an event, and what must be done; the same life when the event does not fit."""
    step = _STEPS.get((life.doing, type(event)))
    return step(life, event, moment) if step else (life, ())


Result = tuple[Life, tuple[Do, ...]]
Step = Callable[[Life, "Event", Moment], Result]


def _enter(life: Life, status: str, moment: Moment, doing: Doing) -> Life:
    last = replace(life.transitions[-1], end=moment.now)
    new = Transition(status, moment.now, None, MESSAGES[status])
    return replace(life, doing=doing, transitions=(*life.transitions[:-1], last, new))


def _leave_instance(life: Life, moment: Moment) -> Life:
    if life.on_instance_since is None:
        return life
    seconds = max(0.0, moment.modelled - life.on_instance_since)
    return replace(
        life,
        on_instance_since=None,
        trained_seconds=life.trained_seconds + seconds,
        billed_seconds=life.billed_seconds + seconds * life.price_fraction,
    )


def _end(life: Life, moment: Moment) -> Life:
    status = "Failed" if life.failure else life.why.value if life.why else "Completed"
    ended = _enter(_leave_instance(life, moment), status, moment, Doing.ENDED)
    last = replace(ended.transitions[-1], end=moment.now)
    return replace(ended, ended=moment.now, transitions=(*ended.transitions[:-1], last))


def _waits(life: Life, event: Event, moment: Moment) -> Result:
    assert isinstance(event, Waits)  # noqa: S101  narrows the type; the table below guarantees it
    last = replace(life.transitions[-1], message=event.message)
    return replace(life, transitions=(*life.transitions[:-1], last)), ()


def _provisioned(life: Life, event: Event, moment: Moment) -> Result:
    assert isinstance(event, Provisioned)  # noqa: S101  narrows the type; the table below guarantees it
    on = replace(
        life,
        started=life.started or moment.now,
        on_instance_since=moment.modelled,
        price_fraction=event.price_fraction,
    )
    return _enter(on, "Downloading", moment, Doing.DOWNLOADING), (Do.DOWNLOAD,)


def _downloaded(life: Life, event: Event, moment: Moment) -> Result:
    return _enter(life, "Training", moment, Doing.RUNNING), (Do.RUN,)


def _exited(life: Life, event: Event, moment: Moment) -> Result:
    assert isinstance(event, Exited)  # noqa: S101  narrows the type; the table below guarantees it
    failure = None if life.why else event.failure  # a script that a stop made fail was stopped, it did not fail
    return _enter(replace(life, failure=failure), "Uploading", moment, Doing.UPLOADING), (Do.UPLOAD,)


def _reclaimed(life: Life, event: Event, moment: Moment) -> Result:
    gone = replace(_leave_instance(life, moment), interruptions=life.interruptions + 1)
    return _enter(gone, "Interrupted", moment, Doing.RECLAIMED), (Do.KILL,)


def _reclaimed_while_ending(life: Life, event: Event, moment: Moment) -> Result:
    return _end(replace(life, interruptions=life.interruptions + 1), moment), (Do.KILL,)


def _replaced(life: Life, event: Event, moment: Moment) -> Result:
    return _enter(life, "Starting", moment, Doing.WAITING), ()


def _stop_without_program(life: Life, event: Event, moment: Moment) -> Result:
    assert isinstance(event, Stop)  # noqa: S101  narrows the type; the table below guarantees it
    return _end(_enter(replace(life, why=event.why), "Stopping", moment, life.doing), moment), (Do.KILL,)


def _stop_program(life: Life, event: Event, moment: Moment) -> Result:
    assert isinstance(event, Stop)  # noqa: S101  narrows the type; the table below guarantees it
    return _enter(replace(life, why=event.why), "Stopping", moment, Doing.ENDING), (Do.TERMINATE,)


def _stop_while_uploading(life: Life, event: Event, moment: Moment) -> Result:
    assert isinstance(event, Stop)  # noqa: S101  narrows the type; the table below guarantees it
    if life.why or life.failure or event.why is not Why.STOP:
        return life, ()
    return _enter(replace(life, why=event.why), "Stopping", moment, Doing.UPLOADING), ()


def _grace_over(life: Life, event: Event, moment: Moment) -> Result:
    return life, (Do.KILL,)


def _uploaded(life: Life, event: Event, moment: Moment) -> Result:
    return _end(life, moment), ()


def _broke(life: Life, event: Event, moment: Moment) -> Result:
    assert isinstance(event, Broke)  # noqa: S101  narrows the type; the table below guarantees it
    return _end(replace(life, failure=life.failure or event.reason), moment), (Do.KILL,)


_STEPS: dict[tuple[Doing, type[object]], Step] = {
    (Doing.WAITING, Waits): _waits,
    (Doing.WAITING, Provisioned): _provisioned,
    (Doing.WAITING, Stop): _stop_without_program,
    (Doing.DOWNLOADING, Downloaded): _downloaded,
    (Doing.DOWNLOADING, Reclaimed): _reclaimed,
    (Doing.DOWNLOADING, Stop): _stop_without_program,
    (Doing.RUNNING, Exited): _exited,
    (Doing.RUNNING, Reclaimed): _reclaimed,
    (Doing.RUNNING, Stop): _stop_program,
    (Doing.ENDING, Exited): _exited,
    (Doing.ENDING, GraceOver): _grace_over,
    (Doing.ENDING, Reclaimed): _reclaimed_while_ending,
    (Doing.UPLOADING, Uploaded): _uploaded,
    (Doing.UPLOADING, Stop): _stop_while_uploading,
    (Doing.RECLAIMED, Replaced): _replaced,
    (Doing.RECLAIMED, Stop): _stop_without_program,
    **{(doing, Broke): _broke for doing in Doing if doing is not Doing.ENDED},
}
