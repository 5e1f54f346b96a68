"""The end of a promoted endpoint, and of everything that was made for it. Knows nothing of Airflow."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from airflow_finetune.registry.promoted.endpoint import OurEndpoint
from airflow_finetune.registry.promoted.on_demand import OurDeployment
from airflow_finetune.resources import CUSTOM_MODEL_DEPLOYMENT, ENDPOINT
from airflow_finetune.serving.waiting import Waiting
from airflow_finetune.values import CleanedResource, CleanupReceipt

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import Described

Key = tuple[str, str]
"""Kind and name."""


class Undeployment:
    """Deletes what bills first, and then what it was made from.

    Where there was no endpoint of this name, Bedrock is looked at: so who has only endpoints needs no right there.

    Args:
        ours: the endpoint.
        on_demand: the custom model deployment of the same name.
        say: takes one line for the task's log.
        deleted: what earlier parts of this task have deleted.
    """

    def __init__(
        self, ours: OurEndpoint, on_demand: OurDeployment, say: Callable[[str], None], deleted: Collection[Key]
    ) -> None:
        self._ours, self._on_demand, self._say, self.deleted = ours, on_demand, say, set(deleted)

    def step(self) -> CleanupReceipt | Waiting:
        """Delete what AWS lets us delete; return a receipt when nothing is left.

        Raises:
            JobLost: an endpoint or deployment of this name is not ours.
            RequestRefused: AWS refused a request.
            Unavailable: AWS could not answer.
        """
        described = self._ours.described()
        if described is not None:
            return self._ends(described)
        for resource, name in self._ours.parts():
            self._ours.client(resource).delete(name)
            self._deleted(resource.kind, name)
        endpoint, hosted = (ENDPOINT.kind, self._ours.name), (CUSTOM_MODEL_DEPLOYMENT.kind, self._ours.name)
        if endpoint not in self.deleted and self._on_demand.described() is not None:
            if hosted not in self.deleted:
                self._on_demand.client.delete(self._ours.name)
                self._deleted(*hosted)
            return Waiting(None, f"AWS deletes {self._on_demand.thing}.")
        gone = () if {endpoint, hosted} & self.deleted else _rows({endpoint})
        return CleanupReceipt(deleted=_rows(self.deleted), already_gone=gone)

    def _ends(self, described: Described) -> Waiting:
        name, phase = self._ours.name, ENDPOINT.phase(described)
        if phase == "running":
            return Waiting(name, f"AWS does not delete an endpoint that is {described[str(ENDPOINT.status)]}.")
        if phase != "stopping":
            self._ours.client(ENDPOINT).delete(name)
        self._deleted(ENDPOINT.kind, name)
        return Waiting(name, f"AWS deletes endpoint {name}.")

    def _deleted(self, kind: str, name: str) -> None:
        if (kind, name) not in self.deleted:
            self._say(f"Deletes {kind} {name}.")
        self.deleted.add((kind, name))


def _rows(keys: Collection[Key]) -> tuple[CleanedResource, ...]:
    return tuple(CleanedResource(kind=kind, name=name) for kind, name in sorted(keys))
