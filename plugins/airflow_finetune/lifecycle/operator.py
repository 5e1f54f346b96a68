"""The operator that carries a job through its life; both wait modes interpret the same decisions."""

from __future__ import annotations

import random
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralError, TaskDeferralTimeout
from airflow.sdk.log import mask_secret

from airflow_finetune.errors import DataError, FinetuneError, JobFailed, JobLost, RequestRefused, SpecError
from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.decide import Action, Done, Fail, Policy, Wait
from airflow_finetune.lifecycle.life import Before, Life, utc_now
from airflow_finetune.lifecycle.links import ConsoleLink, LogLink, link_urls
from airflow_finetune.lifecycle.trigger import AwsAccess, JobTrigger
from airflow_finetune.lifecycle.watch import Watch
from airflow_finetune.redact import secrets_in

if TYPE_CHECKING:
    from airflow_finetune.resources import Resource

SECTION = "airflow_finetune"
DEFAULT_DEPLOYMENT = "default"
STOP_SECONDS = 2.0  # of Airflow's patience with a signal handler
TRIGGER_MARGIN = timedelta(minutes=5)
_UNNAMED = (
    "[airflow_finetune] deployment is 'default', as in every Airflow that has not set it: another one in this AWS"
    " account with the same DAG, run and task ids would take this job for its own. Give this Airflow a name there,"
    " while no job runs."
)
_ERRORS: Mapping[str, type[FinetuneError]] = {"refused": RequestRefused, "failed": JobFailed, "lost": JobLost}


class JobOperator(BaseOperator):
    """Submits a job or finds the one that it has submitted before, waits for it, and returns what it made.

    Args:
        deferrable: wait in the triggerer; the default is Airflow's ``[operators] default_deferrable``.
        max_wait: from the first job of this generation to its end, attempts and fallback included; then the job is
            stopped and the task fails. None derives it from AWS's own limits in the spec.
        on_clear: ``adopt`` takes over the finished job of an equal spec when the task is cleared, ``retrain`` makes a
            new one; ``{"retrain": true}`` in the run's conf does the same for one run.
        cancel_on_kill: stop the job when a user marks the task, clears it, or the worker is told to end.
        poll_seconds: the longest interval between two looks at the job.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
    """

    template_fields: Sequence[str] = ("max_wait", "on_clear", "aws_conn_id", "region_name", "verify", "botocore_config")
    operator_extra_links = (ConsoleLink(), LogLink())
    ui_color = "#d9ead3"

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        max_wait: timedelta | None = None,
        on_clear: Literal["adopt", "retrain"] = "adopt",
        cancel_on_kill: bool = True,
        poll_seconds: float = 30.0,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable, self.max_wait, self.on_clear = deferrable, max_wait, on_clear
        self.cancel_on_kill, self.poll_seconds = cancel_on_kill, poll_seconds
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        self.link_urls: dict[str, str] = {}
        self._life: Life | None = None
        self._killed = False
        self._stopper: threading.Thread | None = None
        self._stop_error: FinetuneError | None = None
        self._access: AwsAccess | None = None

    @property
    @abstractmethod
    def resource(self) -> Resource:
        """What AWS makes."""

    @abstractmethod
    def spec_policy(self) -> Policy:
        """Return digest, rungs and default ``max_wait`` of the rendered spec."""

    @abstractmethod
    def create_request(self, claim: Claim, rung: int, region: str) -> Mapping[str, Any]:
        """Return the create request; called only when a job is going to be made."""

    @abstractmethod
    def outcome(self, described: Mapping[str, Any], attempts: int, region: str) -> dict[str, Any]:
        """Return the XCom of a finished job."""

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        """Render, and hide what Jinja has brought: Airflow stores the rendered fields before a spec can be refused.

        A mapped task is rendered by this alone; ``render_template_fields`` is not called for it.
        """
        super()._do_render_template_fields(*args, **kwargs)
        for name in self.template_fields:
            for secret in secrets_in(getattr(self, name), name):
                mask_secret(secret)

    def execute(self, context: Any) -> Any:
        """Submit or find the job, and wait."""
        return self._live(context, None, self.deferrable)

    def resume(self, context: Any, event: Any = None, held: str | None = None, since: str = "") -> Any:
        """Go on after the trigger has fired."""
        return self._live(context, _before(held, since), self.deferrable)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Look after the job also when the trigger has timed out or could not run."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            self.log.warning("No trigger has reported in time (is a triggerer running?): looks at the job itself.")
        except TaskDeferralError as error:
            self.log.warning("The trigger has failed (%s): this worker waits for the job itself.", error)
        return self._live(context, None, defers=False)

    def on_kill(self) -> None:
        """Stop the job that this try holds; Airflow calls it when the worker is told to end the task.

        Airflow calls it inside a signal handler. The interrupted code may hold the lock of the log or of boto3's
        connections, so nothing is logged here, and a thread does the stopping: it goes on when the lock is free again.
        """
        self._killed = True
        life = self._life
        if life is None or life.held is None or not self.cancel_on_kill:
            return
        if self._stopper is None:
            self._stopper = threading.Thread(target=self._stop_killed, args=(life, life.held), name="stop the job")
            self._stopper.start()
        self._stopper.join(STOP_SECONDS)

    def access(self) -> AwsAccess:
        """Return how to reach AWS; from the rendered fields, so only while the task runs."""
        if self._access is None:
            config = dict(self.botocore_config or {})
            self._access = AwsAccess(self.aws_conn_id, self.region_name, self.verify, config)
        return self._access

    def _live(self, context: Any, before: Before | None, defers: bool) -> Any:
        """Interpret decisions until the job has ended; deferrable, until there is something to wait for."""
        try:
            life = self._begin(context, before)
            # After a deferral the trigger's log, shown beside this one, has the job's lines already.
            watch = Watch(self.resource, self.access().client, self.log.info, follows_log=before is None)
            while True:
                match self._next_action(life, watch):
                    case Done():
                        return self.outcome(life.described or {}, life.attempts(), life.client.region)
                    case Fail() as fail:
                        watch.tail(life.held or fail.thing)
                        raise _ERRORS[fail.kind](fail.thing, fail.said, fail.next_step)
                    case Wait() as wait if defers and not life.failures:  # a call that failed is repeated from here
                        self._defer(life, wait)
                    case Wait() as wait:
                        self._wait_here(life, wait)
                    case action:
                        if not life.act(action):
                            self._wait_here(life, Wait(life.held, None, ""))
                        self._show_links(life, context)
        except (DataError, RequestRefused, JobFailed, JobLost, SpecError) as error:
            raise AirflowFailException(str(error)) from error

    def _next_action(self, life: Life, watch: Watch) -> Action:
        self._unless_killed(life)
        action = life.next_action()
        self._unless_killed(life)  # a kill while AWS was asked must not be answered with a new job
        if life.held is not None and life.described is not None:
            watch.tell(life.held, life.described, utc_now())
        return action

    def _stop_killed(self, life: Life, name: str) -> None:
        try:
            life.client.stop(name, "kill")
        except FinetuneError as error:
            self._stop_error = error

    def _unless_killed(self, life: Life) -> None:
        if self._killed:
            self._end_killed(life)

    def _end_killed(self, life: Life) -> NoReturn:
        if self._stopper is not None:
            self._stopper.join()
        if life.held is None:
            raise AirflowException("The task was killed before it had a job.")
        if self.cancel_on_kill and life.described is None:  # the stop may have been heard before the create call was
            self._stop_error = None
            self._stop_killed(life, life.held)
        said = f"The task was killed; {life.held} "
        if self._stop_error is not None:
            raise AirflowException(f"{said}could not be stopped: {self._stop_error}")
        stopped = "is being stopped" if self.cancel_on_kill else "is left running (cancel_on_kill=False)"
        raise AirflowException(f"{said}{stopped}. A retry goes on from there.")

    def _begin(self, context: Any, before: Before | None) -> Life:
        claim, client = claim_of(context["ti"]), self.access().resource_client(self.resource)
        policy = self._policy(context)

        def request(rung: int) -> Mapping[str, Any]:
            made = self.create_request(claim, rung, client.region)
            self._unless_killed(life)  # it may have taken a while: code is uploaded for it
            if claim.deployment == DEFAULT_DEPLOYMENT and before is None and rung == 0:
                self.log.warning(_UNNAMED)
            return made

        self._life = life = Life(client, claim, policy, request, self.log.info, before)
        self._show_links(life, None)
        return life

    def _policy(self, context: Any) -> Policy:
        policy = self.spec_policy()
        conf_says = (getattr(context.get("dag_run"), "conf", None) or {}).get("retrain") is True
        return replace(
            policy,
            on_clear="retrain" if conf_says else self.on_clear,
            max_wait=policy.max_wait if self.max_wait is None else self.max_wait,
            stops_superseded=self.cancel_on_kill,
        )

    def _defer(self, life: Life, wait: Wait) -> NoReturn:
        until = None if wait.until is None else wait.until.isoformat()
        self.log.info("%s Waits in the triggerer%s.", wait.why, f" until {until} at most" if until else "")
        self.log.info(
            "If no triggerer runs, nobody looks at the job before then; after that the scheduler wakes this task up,"
            " and it takes a finished model or stops the job."
        )
        trigger = JobTrigger(
            kind=self.resource.kind,
            name=wait.name,
            access=self.access().arguments(),
            since=life.since.isoformat(),
            until=until,
            poll_seconds=self.poll_seconds,
            stop_on_kill=self.cancel_on_kill,
        )
        timeout = None if wait.until is None else max(wait.until - utc_now(), timedelta(0)) + TRIGGER_MARGIN
        kwargs = {"held": life.held, "since": life.since.isoformat()}
        self.defer(trigger=trigger, method_name="resume", kwargs=kwargs, timeout=timeout)

    def _wait_here(self, life: Life, wait: Wait) -> None:
        jitter = random.random()  # noqa: S311 - spreads calls, guards nothing
        end = time.monotonic() + life.pause_seconds(wait, self.poll_seconds, jitter)
        while not self._killed and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))  # in pieces: a signal handler returns into the sleep
        life.waited()

    def _show_links(self, life: Life, context: Any) -> None:
        if life.held is None:
            return
        self.link_urls = link_urls(self.resource, life.client.region, life.held)
        if context is not None:  # Airflow itself would push them at the end only
            for key, url in self.link_urls.items():
                context["ti"].xcom_push(key=key, value=url)


def deployment_name() -> str:
    """Return the name of this Airflow, by which its jobs and endpoints are known."""
    return (conf.get(SECTION, "deployment", fallback="") or "").strip() or DEFAULT_DEPLOYMENT


def claim_of(ti: Any) -> Claim:
    """Return the claim of a task instance."""
    return Claim(
        deployment=deployment_name(),
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        generation=ti.max_tries,
    )


def _before(held: str | None, since: str) -> Before:
    return Before(held, datetime.fromisoformat(since) if since else utc_now())
