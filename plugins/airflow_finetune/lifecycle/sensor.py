"""Waits for a job of somebody else; never stops what it watches."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.bases.sensor import PokeReturnValue
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from airflow_finetune.errors import JobFailed, JobLost, RequestRefused
from airflow_finetune.lifecycle.life import utc_now
from airflow_finetune.lifecycle.trigger import AwsAccess, JobTrigger
from airflow_finetune.lifecycle.watch import Watch
from airflow_finetune.resources import CUSTOMIZATION_JOB, TRAINING_JOB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_finetune.resources import Resource


class FineTuneJobSensor(BaseSensorOperator):
    """Waits until a job has made its model, and returns its name, ARN, status and model.

    A job that has failed or was stopped fails the sensor at once, with AWS's words.

    Args:
        job_name: AWS's name of the job.
        resource: the kind of job.
        deferrable: wait in the triggerer; the default is Airflow's ``[operators] default_deferrable``.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: as of Airflow's ``BaseSensorOperator``; ``timeout`` ends the waiting, never the job.
    """

    template_fields = ("job_name", "aws_conn_id", "region_name", "verify", "botocore_config")

    def __init__(
        self,
        *,
        job_name: str,
        resource: Resource = TRAINING_JOB,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_name, self.resource, self.deferrable = job_name, resource, deferrable
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        self._watch: Watch | None = None
        self._access: AwsAccess | None = None

    def execute(self, context: Any) -> Any:
        """Look once; then wait in a worker or in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        found = self.poke(context)
        if found.is_done:
            return found.xcom_value
        now = utc_now()
        trigger = JobTrigger(
            kind=self.resource.kind,
            name=self.job_name,
            access=self.access().arguments(),
            since=now.isoformat(),
            until=None,
            poll_seconds=self.poke_interval,
            stop_on_kill=False,
        )
        self.defer(trigger=trigger, method_name="resume", timeout=timedelta(seconds=self.timeout))

    def resume(self, context: Any, event: Any = None) -> Any:
        """Look again after the trigger has fired."""
        return self.execute(context)

    def poke(self, context: Any) -> PokeReturnValue:
        """Look at the job once."""
        try:
            return self._looked()
        except (JobFailed, JobLost, RequestRefused) as error:
            raise AirflowFailException(str(error)) from error

    def _looked(self) -> PokeReturnValue:
        from airflow_finetune.lifecycle.client import said_of

        client = self.access().resource_client(self.resource)
        described = client.describe(self.job_name)
        if described is None:
            said = f"there is no {self.resource.kind} of this name in {client.region}."
            raise JobLost(self.job_name, said, "Check the name, the region and the account.")
        if self._watch is None:
            self._watch = Watch(self.resource, self.access().client, self.log.info)
        self._watch.tell(self.job_name, described, utc_now())
        phase = self.resource.phase(described)
        if phase in ("failed", "stopped"):
            self._watch.tail(self.job_name)
            raise JobFailed(self.job_name, said_of(self.resource, described), "Look at the job; it is not this task's.")
        return PokeReturnValue(phase == "done", self._value(described) if phase == "done" else None)

    def _value(self, described: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "job_name": self.job_name,
            "job_arn": described[self.resource.arn],
            "status": described.get(self.resource.status or ""),
            "model_uri": self.resource.made(described),
        }

    def access(self) -> AwsAccess:
        """Return how to reach AWS; from the rendered fields, so only while the task runs."""
        if self._access is None:
            config = dict(self.botocore_config or {})
            self._access = AwsAccess(self.aws_conn_id, self.region_name, self.verify, config)
        return self._access


class BedrockFineTuneJobSensor(FineTuneJobSensor):
    """``FineTuneJobSensor`` for a customization job on Bedrock, by its name or ARN.

    Args:
        kwargs: as of ``FineTuneJobSensor``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(resource=CUSTOMIZATION_JOB, **kwargs)
