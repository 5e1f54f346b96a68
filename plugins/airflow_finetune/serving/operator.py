"""The operator that repeats a step until it has a result; both wait modes interpret the same steps."""

from __future__ import annotations

import random
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, TaskDeferralError, TaskDeferralTimeout

from airflow_finetune.errors import FinetuneError, Unavailable
from airflow_finetune.lifecycle.life import MAX_FAILURES, utc_now
from airflow_finetune.lifecycle.pacing import Pacing
from airflow_finetune.lifecycle.trigger import AwsAccess, JobTrigger
from airflow_finetune.serving.host import Asks
from airflow_finetune.serving.waiting import Waiting

TRIGGER_MARGIN = timedelta(minutes=5)


class ServingOperator(BaseOperator):
    """Repeats a step until it has a result, in a worker or with pauses in the triggerer.

    Args:
        deferrable: wait in the triggerer; the default is Airflow's ``[operators] default_deferrable``.
        max_wait: how long this may take.
        poll_seconds: the longest interval between two looks.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
    """

    template_fields: Sequence[str] = ("max_wait", "aws_conn_id", "region_name", "verify", "botocore_config")
    ui_color = "#d0e0f0"

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        max_wait: timedelta = timedelta(hours=1),
        poll_seconds: float = 15.0,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable, self.max_wait, self.poll_seconds = deferrable, max_wait, poll_seconds
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        self._access: AwsAccess | None = None

    @abstractmethod
    def begin(self, context: Any, kept: Mapping[str, Any] | None) -> None:
        """Prepare the steps; ``kept`` is what ``keeps`` gave before a deferral; None at the start."""

    @abstractmethod
    def step(self, now: datetime) -> Any:
        """Return what is waited for, or the result."""

    @abstractmethod
    def finish(self, result: Any) -> dict[str, Any]:
        """Return the XCom."""

    @abstractmethod
    def out_of_time(self, waiting: Waiting) -> Any:
        """Return the result, or raise, when ``max_wait`` is over."""

    def keeps(self) -> dict[str, Any]:
        """Return what the next part of a deferred task must know."""
        return {}

    def execute(self, context: Any) -> Any:
        """Do the steps."""
        return self._live(context, utc_now(), None, self.deferrable)

    def resume(self, context: Any, event: Any = None, since: str = "", kept: Mapping[str, Any] | None = None) -> Any:
        """Go on after the trigger has fired; ``dag.test()`` hands on nothing but the event."""
        return self._live(context, datetime.fromisoformat(since) if since else utc_now(), kept, self.deferrable)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Go on also when the trigger has timed out or could not run."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (TaskDeferralTimeout, TaskDeferralError) as error:
            self.log.warning("The trigger has not reported (%s): this worker waits itself.", error)
        return self._live(context, utc_now(), None, defers=False)

    def access(self) -> AwsAccess:
        """Return how to reach AWS; from the rendered fields, so only while the task runs."""
        if self._access is None:
            config = dict(self.botocore_config or {})
            self._access = AwsAccess(self.aws_conn_id, self.region_name, self.verify, config)
        return self._access

    def asks(self, now: datetime) -> Asks:
        """Return what a host's recipe may ask; only while the task runs."""
        return Asks(self.access().client, self.region, self.log.info, now)

    def hourly_usd(self, thing: str) -> float | None:
        """Return dollars per hour; None when AWS's price list gives no answer.

        Args:
            thing: an instance type, of hosting on it; the ARN of a base model, of a model unit of it.
        """
        from airflow_finetune.aws.foundation_models import FoundationModel, found_model
        from airflow_finetune.aws.prices import bedrock_usd, hourly_usd  # brings botocore: not while a DAG is parsed

        pricing = self.access().client("pricing")
        if not thing.startswith("arn:"):
            return hourly_usd(pricing, "hosting", thing, self.region)
        try:
            found = found_model(self.access().client("bedrock"), thing)
        except Unavailable:
            return None  # a price that cannot be asked must not keep anything from being deleted
        if not isinstance(found, FoundationModel):
            return None
        return bedrock_usd(pricing, "model_unit", found.name, self.region)

    @property
    def region(self) -> str:
        """Where this works."""
        return str(self.access().client("sagemaker").meta.region_name)

    def _live(self, context: Any, since: datetime, kept: Mapping[str, Any] | None, defers: bool) -> Any:
        try:
            self.begin(context, kept)
            failures = 0
            while True:
                found, failures = self._stepped(failures)
                if not isinstance(found, Waiting):
                    return self.finish(found)
                now, until = utc_now(), found.until or since + self.max_wait
                if now >= until:
                    return self.finish(self.out_of_time(found))
                self.log.info("%s", found.why)
                if defers and not failures:  # a call that failed is repeated from here
                    self._defer(found, since, until)
                jitter = random.random()  # noqa: S311 - spreads calls, guards nothing
                time.sleep(Pacing(self.poll_seconds).interval_seconds(now, since, until, jitter, failures))
        except Unavailable:
            raise  # Airflow's retry asks again
        except FinetuneError as error:
            raise AirflowFailException(str(error)) from error

    def _stepped(self, failures: int) -> tuple[Any, int]:
        try:
            return self.step(utc_now()), 0
        except Unavailable as error:
            if failures >= MAX_FAILURES:
                raise
            return Waiting(None, str(error)), failures + 1

    def _defer(self, waiting: Waiting, since: datetime, until: datetime) -> NoReturn:
        trigger = JobTrigger(
            kind=waiting.kind,
            name=waiting.name,
            access=self.access().arguments(),
            since=since.isoformat(),
            until=until.isoformat(),
            poll_seconds=self.poll_seconds,
            stop_on_kill=False,  # what answers cannot be stopped; teardown deletes it, at the latest cleanup does
        )
        kwargs = {"since": since.isoformat(), "kept": self.keeps()}
        timeout = max(until - utc_now(), timedelta(0)) + TRIGGER_MARGIN
        self.defer(trigger=trigger, method_name="resume", kwargs=kwargs, timeout=timeout)
