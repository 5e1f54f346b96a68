"""One training job in the runner: looks at what happened, feeds the state machine, and does what it asks for."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ..transfer.channels import Cancelled, TransferError
from . import trouble
from .life import (
    Broke,
    Do,
    Doing,
    Downloaded,
    Event,
    Exited,
    GraceOver,
    Life,
    Moment,
    Provisioned,
    Reclaimed,
    Replaced,
    Stop,
    Uploaded,
    apply,
    overdue,
)
from .log_stream import Carrier

if TYPE_CHECKING:
    from ...edge.faults import Rule
    from .instance import Instance, Order
    from .provisioning import Provisioning
    from .record import Record
    from .surroundings import Surroundings


class Job:
    """A job from its acceptance until nothing of it is left.

    Args:
        around: what it uses.
        order: what was asked for.
        search: finds instances for it.
        record: what clients see.

    Attributes:
        life: where it stands.
    """

    def __init__(self, around: Surroundings, order: Order, search: Provisioning, record: Record) -> None:
        self._around, self._world, self._order = around, around.world, order
        self._search, self._record = search, record
        self._instance: Instance | None = None
        self._log = Carrier(
            order.name,
            order.metric_definitions,
            around.log_writer,
            around.writers,
            lambda: self._world.clients.client("cloudwatch", order.region),
        )
        self._trouble: trouble.Trouble | None = None
        self._deadline: float | None = None  # real: SIGKILL of a program that was asked to end
        self._reclaim_at: float | None = None  # real: when an announced interruption happens
        self.life = Life.begin(self._moment())

    # ---- what others call; the caller holds the runner's lock

    @property
    def is_over(self) -> bool:
        """Whether it has ended and nothing of it is left."""
        return self.life.doing is Doing.ENDED and self._instance is None

    def announce(self) -> None:
        """Tell that it was accepted."""
        self._record.write(self.life)

    def stop(self) -> None:
        """StopTrainingJob."""
        self._feed(Stop())

    def interrupt(self, notice_seconds: float, gap_seconds: float = 0.0) -> bool:
        """Take the Spot instance away; False when the job has none that could be taken.

        Args:
            notice_seconds: real seconds between SIGTERM and the end; 0: no notice, as AWS gives none for training jobs.
            gap_seconds: modelled seconds for which there is no Spot capacity afterwards.
        """
        if not self._search.spot or self.life.doing not in (Doing.DOWNLOADING, Doing.RUNNING, Doing.ENDING):
            return False
        self._search.refuse_spot_for(gap_seconds, self._world.clock.modelled())
        process = self._instance.process if self._instance else None
        if notice_seconds > 0 and process is not None:
            if self._reclaim_at is None:
                self._reclaim_at = time.monotonic() + notice_seconds
                process.terminate()
        else:
            self._feed(Reclaimed())
        return True

    def drop(self) -> None:
        """Kill whatever it runs; for a job that is forgotten."""
        self._world.billing.stop(self._order.arn)
        if self._instance is not None:
            self._instance.abandon()

    def clear_away(self, deadline: float) -> None:
        """Wait until nothing of a dropped job is left, at most until ``deadline`` (real, monotonic)."""
        instance = self._instance
        while instance is not None and not instance.is_gone() and time.monotonic() < deadline:
            time.sleep(0.01)
        if instance is not None:
            instance.remove()

    def fail(self, reason: str) -> None:
        """End it with a FailureReason; when even that cannot be done a second time, let go of what it holds."""
        if self.life.ended and self._instance is not None:
            self._instance = None
            self._search.slots.give_back()
        self._feed(Broke(reason))

    # ---- one look, by the loop

    def tick(self) -> None:
        """See what happened since the last look."""
        look = {
            Doing.WAITING: self._look_for_instance,
            Doing.DOWNLOADING: self._look_at_download,
            Doing.RUNNING: self._look_at_program,
            Doing.ENDING: self._look_at_program,
            Doing.UPLOADING: self._look_at_upload,
            Doing.RECLAIMED: self._look_at_leftovers,
            Doing.ENDED: self._look_at_leftovers,
        }[self.life.doing]
        look()
        if self.life.doing is not Doing.ENDED:
            self._watch_limits()

    def _watch_limits(self) -> None:
        modelled = self._world.clock.modelled()
        why = overdue(self.life, modelled, self._order.max_runtime_seconds, self._order.max_wait_seconds)
        if why:
            self._feed(Stop(why))

    def _look_for_instance(self) -> None:
        event = self._search.look(self._world.clock.modelled(), self._facts())
        if event is not None:
            self._feed(event)

    def _look_at_download(self) -> None:
        if not self._search.still_there(self._world.clock.modelled()):
            self._feed(Reclaimed())
            return
        task = self._instance.task if self._instance else None
        if task is not None and task.done():
            self._feed_result(task, Downloaded())

    def _look_at_program(self) -> None:
        instance = self._instance
        if instance is None or instance.process is None:
            return
        end = instance.process.poll()  # before the log, so that its last lines are not missed
        now = self._world.clock.now()
        lines = self._log.carry(instance.log, instance.stream, now, final=end is not None)
        if self._reclaim_at is not None and time.monotonic() >= self._reclaim_at:
            self._feed(Reclaimed())
        elif end is not None and (self._reclaim_at is None or self.life.doing is Doing.ENDING):
            self._feed(Exited(instance.failure_of(end)))
        else:
            self._watch(instance, lines)

    def _watch(self, instance: Instance, lines: list[str]) -> None:
        modelled = self._world.clock.modelled()
        instance.sync_when_due(lambda text: self._log.say(text, self._world.clock.now()))
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._deadline = None
            self._feed(GraceOver())
        if self._reclaim_at is None and not self._search.still_there(modelled):
            self._feed(Reclaimed())
        rule = self._trouble.strikes(modelled - instance.started_modelled, lines) if self._trouble else None
        if rule is not None:
            self._suffer(rule)

    def _suffer(self, rule: Rule) -> None:
        if rule.kind == trouble.SPOT_INTERRUPTION:
            self.interrupt(float(rule.params.get("notice_seconds", 0)), float(rule.params.get("gap_seconds", 0)))
            return
        if self._instance is not None:
            self._instance.abandon()
        self._feed(trouble.consequence(rule, self._order.failed))

    def _look_at_upload(self) -> None:
        task = self._instance.task if self._instance else None
        if task is not None and task.done():
            self._feed_result(task, Uploaded())

    def _look_at_leftovers(self) -> None:
        instance = self._instance
        if instance is not None and instance.is_gone():
            if instance.stream:
                self._log.carry(instance.log, instance.stream, self._world.clock.now(), final=True)
                self._log.send(instance.stream)
            instance.remove()
            self._instance = None
            self._search.slots.give_back()
        if self._instance is None and self.life.doing is Doing.RECLAIMED:
            self._feed(Replaced())

    # ---- the state machine

    def _feed(self, event: Event) -> None:
        before = self.life
        self.life, orders = apply(before, event, self._moment())
        if self.life == before and not orders:
            return
        if isinstance(event, Provisioned):
            self._instance = self._around.make_instance(self._order)
            self._begin_to_bill()
        elif before.has_instance and not self.life.has_instance:
            self._world.billing.stop(self._order.arn)
        self._record.write(self.life, **self._further())
        for order in orders:
            self._obey(order)

    def _begin_to_bill(self) -> None:
        self._world.billing.meter(self._order.arn, self._search.bills_as, self._search.usd_per_hour())

    def _feed_result(self, task: Future[None], event: Event) -> None:
        error = task.exception()
        if isinstance(error, Cancelled):
            return
        if isinstance(error, TransferError):
            event = Broke(str(error))
        elif error is not None:
            event = Broke(f"InternalServerError: {type(error).__name__}: {error}")
        self._feed(event)

    def _obey(self, order: Do) -> None:
        instance = self._instance
        if instance is None:
            return
        if order is Do.DOWNLOAD:
            instance.begin_download()
        elif order is Do.RUN:
            self._run(instance)
        elif order is Do.TERMINATE and instance.process is not None:
            self._deadline = time.monotonic() + self._world.settings.sigterm_grace_seconds
            instance.process.terminate()
        elif order is Do.UPLOAD:
            instance.begin_upload(self._log.send(instance.stream))
        elif order is Do.KILL:
            instance.abandon()
            self._deadline = self._reclaim_at = None

    def _run(self, instance: Instance) -> None:
        if instance.command is None:
            self._feed(Broke(self._order.nothing_to_run()))
            return
        self._trouble = trouble.Trouble(self._world.faults, self._order.name, self._search.spot, self._facts())
        instance.start(instance.command)

    # ---- what clients see

    def _further(self) -> dict[str, Any]:
        if self.life.doing is not Doing.ENDED:
            return {}
        found = self._log.final_metrics()
        further: dict[str, Any] = {"FinalMetricDataList": found} if found else {}
        return further | self._order.outcome(self.life, self._instance.ml if self._instance else None)

    def _facts(self) -> dict[str, Any]:
        return {
            "instance_type": self._search.instance_type,
            "region": self._order.region,
            "spot": self._search.spot,
            "interruptions": self.life.interruptions,
        }

    def _moment(self) -> Moment:
        return Moment(self._world.clock.now(), self._world.clock.modelled())
