"""Waits for a job in the triggerer, without aiobotocore: boto3 in a thread, one public address for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_finetune.errors import RequestRefused, Unavailable
from airflow_finetune.lifecycle.life import MAX_FAILURES, utc_now
from airflow_finetune.lifecycle.pacing import Pacing
from airflow_finetune.lifecycle.watch import Watch
from airflow_finetune.resources import RESOURCES, Resource

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient

# What a service needs where the user's own configuration says nothing: an endpoint may think for 60 seconds, and the
# evaluation asks again by itself, so boto3's own retries would multiply with that.
_ASKED: dict[str, Any] = {"read_timeout": 70, "max_pool_connections": 64, "retries": {"total_max_attempts": 1}}
_OURS: dict[str, dict[str, Any]] = {"sagemaker-runtime": _ASKED, "bedrock-runtime": _ASKED}
# Airflow stores this address with every deferred task; another one would strand jobs that bill.
ADDRESS = "airflow_finetune.triggers.JobTrigger"


@dataclass
class AwsAccess:
    """How the user's Airflow reaches AWS; gives boto3 clients, all from one session.

    Attributes:
        aws_conn_id: Airflow connection; None uses boto3's own way to find credentials.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
    """

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: Mapping[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service, through the amazon provider's hook; made once."""
        from botocore.config import Config  # brings botocore: not while a DAG is parsed

        if service not in self._clients:
            hook, session = self._hook_and_session
            self._clients[service] = session.client(
                service,
                region_name="us-east-1" if service == "pricing" else None,  # the price list of all regions is there
                endpoint_url=hook.conn_config.get_service_endpoint_url(service),
                config=Config(**_OURS.get(service, {})).merge(hook.config),
                verify=hook.verify,
            )
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _hook_and_session(self) -> tuple[Any, Any]:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook  # brings boto3: not while a DAG is parsed

        config = dict(self.botocore_config) or None
        hook: Any = AwsBaseHook(self.aws_conn_id, self.verify, self.region_name, client_type="sagemaker", config=config)
        # One session for all services: each new one reads botocore's large endpoint and service files again.
        return hook, hook.get_session(region_name=hook.region_name)

    def resource_client(self, resource: Resource) -> ResourceClient:
        """Return the client for one kind of resource."""
        from airflow_finetune.lifecycle.client import ResourceClient  # brings botocore: not while a DAG is parsed

        return ResourceClient(resource, self.client)

    def arguments(self) -> dict[str, Any]:
        """Return what a trigger carries of this."""
        return asdict(self)


class JobTrigger(BaseTrigger):
    """Fires when a job has ended, when its deadline is over, or when AWS does not answer.

    It decides nothing: whatever it says, the task looks again and decides. So both wait modes do the same.

    Args:
        kind: of resource, by our name.
        name: of the job; None waits once and fires, so that the task asks AWS again for a job.
        access: arguments of ``AwsAccess``.
        since: when the waiting began, ISO.
        until: absolute deadline, ISO; None waits for ever.
        poll_seconds: the longest interval between two looks.
        stop_on_kill: whether a user's kill (mark failed or succeeded, clear) stops the job.
    """

    def __init__(
        self,
        kind: str,
        name: str | None,
        access: Mapping[str, Any],
        since: str,
        until: str | None,
        poll_seconds: float = 30.0,
        stop_on_kill: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.kind, self.name, self.access = kind, name, dict(access)
        self.since, self.until, self.poll_seconds, self.stop_on_kill = since, until, poll_seconds, stop_on_kill
        self._aws = AwsAccess(**self.access)
        self._client: ResourceClient | None = None
        self._watch: Watch | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the public address and the arguments, none of which is a secret."""
        names = ("kind", "name", "access", "since", "until", "poll_seconds", "stop_on_kill")
        return ADDRESS, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to tell the task."""
        failures = 0
        while True:
            await asyncio.sleep(self._interval_seconds(failures))
            if self.name is None:
                yield _event("ask again")
                return
            try:
                ended = await asyncio.to_thread(self._look)
                failures = 0
            except Unavailable as error:
                self.log.warning("%s", error)
                failures, ended = failures + 1, False
            except RequestRefused as error:  # the task meets the same refusal, and words it for its log
                self.log.error("%s", error)
                failures = MAX_FAILURES
                ended = False
            if ended or failures >= MAX_FAILURES or self._is_over():
                yield _event("ended" if ended else "deadline" if self._is_over() else "no answer")
                return

    async def on_kill(self) -> None:
        """Stop the job: a user has marked the task, or cleared it."""
        if self.stop_on_kill and self.name is not None:
            self.log.info("The task was killed: stops %s.", self.name)
            await asyncio.to_thread(self._resource_client().stop, self.name, "kill")

    def _look(self) -> bool:
        client, name = self._resource_client(), str(self.name)
        described = client.describe(name)
        if described is None:
            return True
        if self._watch is None:
            self._watch = Watch(client.resource, self._aws.client, self.log.info)
        self._watch.tell(name, described, utc_now())
        return client.resource.phase(described) in ("done", "failed", "stopped")

    def _resource_client(self) -> ResourceClient:
        if self._client is None:
            resource = next(resource for resource in RESOURCES if resource.kind == self.kind)
            self._client = self._aws.resource_client(resource)
        return self._client

    def _interval_seconds(self, failures: int) -> float:
        pacing, jitter = Pacing(self.poll_seconds), random.random()  # noqa: S311 - spreads calls, guards nothing
        return pacing.interval_seconds(utc_now(), _time(self.since), self._deadline(), jitter, failures)

    def _deadline(self) -> datetime | None:
        return None if self.until is None else _time(self.until)

    def _is_over(self) -> bool:
        deadline = self._deadline()
        return deadline is not None and utc_now() >= deadline


def _event(why: str) -> TriggerEvent:
    return TriggerEvent({"why": why})  # type: ignore[no-untyped-call]  # Airflow's


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
