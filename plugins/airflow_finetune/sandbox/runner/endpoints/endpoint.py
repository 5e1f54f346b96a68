"""The life of one endpoint: Creating, InService, Updating (the new one serves first), Failed, Deleting."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .deployment import Deployment, Share
from .log_file import Later

if TYPE_CHECKING:
    from ...world import World

KIND = "endpoint"
EVENT = "SageMaker Endpoint State Change"


@dataclass
class Resize:
    """A change of weights and counts that is under way.

    Attributes:
        shares: by VariantName, after the change.
        due: modelled seconds at which it is done.
    """

    shares: dict[str, Share]
    due: float


@dataclass
class Endpoint:
    """One endpoint. Its methods belong to the hosting loop; the store holds what clients see.

    Attributes:
        region: of the endpoint.
        name: EndpointName.
        arn: EndpointArn.
        current: what answers invocations, or None.
        pending: what shall take over, or None.
        leaving: what is being ended.
        resize: a change of weights under way.
        deleting: whether DeleteEndpoint was called.
    """

    world: World = field(repr=False)
    later: Later = field(repr=False)
    region: str
    name: str
    arn: str
    pending: Deployment | None
    current: Deployment | None = None
    leaving: list[Deployment] = field(default_factory=list)
    resize: Resize | None = None
    deleting: bool = False
    _usd_per_hour: float = 0.0

    @property
    def deployments(self) -> list[Deployment]:
        """Everything that has replicas."""
        return [each for each in (self.current, self.pending, *self.leaving) if each is not None]

    @property
    def is_changing(self) -> bool:
        """Whether it is being created, updated or deleted, so that AWS takes no other change."""
        return self.pending is not None or self.resize is not None or self.deleting

    @property
    def is_busy(self) -> bool:
        """Whether the loop should look often."""
        return self.is_changing or bool(self.leaving)

    def step(self) -> bool:
        """Do what is due; False when the endpoint is gone."""
        for deployment in self.deployments:
            deployment.step()
        self.leaving = [each for each in self.leaving if not each.is_gone]
        self._judge()
        self._finish_resize()
        self._meter()
        if self.deleting and not self.deployments:
            self.world.store.delete(KIND, self.region, self.name)
            self._tell("DELETED", {"EndpointName": self.name, "EndpointArn": self.arn})
            return False
        return True

    def delete(self) -> None:
        """Begin to end everything."""
        self.deleting, self.resize = True, None
        for deployment in (self.current, self.pending):
            self._leave(deployment)
        self.current = self.pending = None
        self._meter()

    def _leave(self, deployment: Deployment | None) -> None:
        if deployment is not None:
            deployment.stop()
            self.leaving.append(deployment)

    def _judge(self) -> None:
        """Put the pending deployment into service, or give it up."""
        pending = self.pending
        if pending is None:
            return
        if pending.failure:
            self.pending = None
            self._leave(pending)
            # AWS goes back to what served before; without that the endpoint has failed.
            status = "InService" if self.current else "Failed"
            self.write(EndpointStatus=status, FailureReason=pending.failure[:1024])
        elif pending.is_ready:
            # The new one answers before the old one stops: nobody is ever turned away.
            before, self.current, self.pending = self.current, pending, None
            if before is not None:
                before.drain()
                self.leaving.append(before)
            self.write(
                EndpointStatus="InService",
                EndpointConfigName=pending.config,
                ProductionVariants=pending.summaries(),
                FailureReason=None,
            )

    def _finish_resize(self) -> None:
        if self.resize is None or self.current is None or self.world.clock.modelled() < self.resize.due:
            return
        self.current.shares.update(self.resize.shares)
        self.resize = None
        self.write(EndpointStatus="InService", ProductionVariants=self.current.summaries(), FailureReason=None)

    def _meter(self) -> None:
        """Bill what runs now: one meter per endpoint, started anew when its price per hour changes."""
        usd = sum(each.usd_per_hour(self.world.prices, self.region) for each in self.deployments)
        if usd == self._usd_per_hour:
            return
        self._usd_per_hour = usd
        if usd:
            self.world.billing.meter(self.arn, "hosting", usd)
        else:
            self.world.billing.stop(self.arn)

    def write(self, **members: Any) -> None:
        """Change what clients see; None removes a member."""

        def change(document: dict[str, Any]) -> None:
            document.update(members, LastModifiedTime=self.world.clock.now())
            for name in [name for name, value in document.items() if value is None]:
                del document[name]

        document = self.world.store.update(KIND, self.region, self.name, change)
        if document is not None and "EndpointStatus" in members:
            self._tell(str(members["EndpointStatus"]).upper().replace("INSERVICE", "IN_SERVICE"), document)

    def _tell(self, status: str, document: dict[str, Any]) -> None:
        """Tell EventBridge, whose events write the status in capitals."""
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": EVENT,
            "Resources": [self.arn],
            "Detail": json.dumps({**document, "EndpointStatus": status}, default=_as_event_value),
        }

        def put() -> None:
            self.world.clients.client("events", self.region).put_events(Entries=[entry])

        self.later(put)


def _as_event_value(value: Any) -> Any:
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else str(value)
