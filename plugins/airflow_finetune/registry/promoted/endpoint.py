"""A promoted endpoint as AWS knows it: whose it is, and what was made for it. Knows nothing of Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.errors import JobLost, RequestRefused
from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.owner import LIFECYCLE, OWNER
from airflow_finetune.registry.promoted.spec import has_its_form, owner_of, stem_of
from airflow_finetune.resources import ENDPOINT, ENDPOINT_CONFIG, MODEL, Resource

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import Described, ResourceClient

MakeClient = Callable[[Resource], "ResourceClient"]


class OurEndpoint:
    """One endpoint name in one deployment, and everything that bears its owner.

    Args:
        clients: gives the client of a kind of resource.
        deployment: which Airflow.
        name: of the endpoint.
    """

    def __init__(self, clients: MakeClient, deployment: str, name: str) -> None:
        self.name, self.claim = name, owner_of(deployment, name)
        self._clients = {resource.kind: clients(resource) for resource in (ENDPOINT, ENDPOINT_CONFIG, MODEL)}

    def client(self, resource: Resource) -> ResourceClient:
        """Return the client of a kind of resource."""
        return self._clients[resource.kind]

    def described(self) -> Described | None:
        """Return AWS's description of the endpoint; None if there is none.

        Raises:
            JobLost: an endpoint of this name is not a promoted one of this deployment.
            RequestRefused: AWS does not let us look.
            Unavailable: AWS could not answer.
        """
        described = self.client(ENDPOINT).describe(self.name)
        tags = None if described is None else _tags(self.client(ENDPOINT), self.name, described)
        if tags is None:
            return None
        self.check(ENDPOINT, self.name, tags)
        return described

    def check(self, resource: Resource, name: str, tags: Mapping[str, str]) -> None:
        """Refuse what is not ours.

        Raises:
            JobLost: its tags say so.
        """
        if not _is_ours(self.claim, tags):
            owner, lifecycle = tags.get(OWNER, "nobody"), tags.get(LIFECYCLE, "no lifecycle")
            said = f"exists, and is no promoted endpoint of this Airflow (owner {owner}, {lifecycle})."
            raise JobLost(f"{resource.kind} {name}", said, "Choose another endpoint_name; nothing was changed.")

    def parts(self) -> Iterator[tuple[Resource, str]]:
        """Yield every configuration and model that was made for this endpoint."""
        for resource in (ENDPOINT_CONFIG, MODEL):
            client = self.client(resource)
            for name in client.find(f"{stem_of(self.name)}-v"):
                described = client.describe(name) if has_its_form(name, self.name) else None
                tags = None if described is None else _tags(client, name, described)
                if tags is not None and _is_ours(self.claim, tags):
                    yield resource, name


def _tags(client: ResourceClient, name: str, described: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the tags; None for what was deleted since it was described."""
    try:
        return client.tags(described[client.resource.arn])
    except RequestRefused:
        if client.describe(name) is None:
            return None
        raise


def _is_ours(claim: Claim, tags: Mapping[str, str]) -> bool:
    return tags.get(OWNER) == claim.key and tags.get(LIFECYCLE) == "promoted"
