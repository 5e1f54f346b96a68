"""What a way of having a model answer says of itself; deployment and teardown are written once, for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.resources import Resource
from airflow_finetune.spec import Spec

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient

MakeClient = Callable[[Resource], "ResourceClient"]
"""Gives the client of a kind of resource."""
Price = Callable[[str], float | None]
"""Gives dollars per hour of an instance type, or of a model unit of the base model with an ARN."""
Requests = Sequence[tuple[Resource, Callable[[str], Mapping[str, Any]]]]
"""In the order of creation, each resource with what gives its request for a name."""


class Asks(NamedTuple):
    """What a recipe may ask, and whom it tells.

    Attributes:
        client: gives the boto3 client of a service.
        region: where everything is made.
        say: takes one line for the task's log.
        now: when this part of the task began.
    """

    client: Callable[[str], Any]
    region: str
    say: Callable[[str], None]
    now: datetime


class Recipe(Protocol):
    """What one model needs in order to answer on a host."""

    @property
    def requests(self) -> Requests:
        """What is made; the last one is what answers. Empty for what is there already."""

    def refused(self, resource: Resource, refusal: Refusal) -> str:
        """Return what to do about a refusal."""

    def failed(self, name: str) -> str:
        """Return where to look when what answers has failed; empty where there is nothing to look at."""

    def served(self, described: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of ``ServedModel`` that only the host knows.

        Args:
            described: AWS's description of what answers; empty where nothing was made.
        """


@dataclass(frozen=True)
class Host:
    """One way of having a model answer.

    Attributes:
        name: the word in the ``backend`` of its spec.
        spec: what a person writes.
        kinds: all that it makes, in the order in which it is deleted: what answers, then what that was made from.
        recipe: gives what a rendered spec needs.
        hourly_usd: of something that bills by the hour, from its description; None where a price is not known.
    """

    name: str
    spec: type[Spec]
    kinds: tuple[Resource, ...]
    recipe: Callable[[Any, Asks], Recipe]
    hourly_usd: Callable[[Mapping[str, Any], MakeClient, Price], float | None]
