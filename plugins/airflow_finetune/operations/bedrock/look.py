"""Looks at Bedrock for what bills: jobs that run, deployments, throughputs, and custom models by the month."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_finetune.errors import NotAllowed, RequestRefused, Unreachable
from airflow_finetune.lifecycle.claim import has_the_form_of_a_claim
from airflow_finetune.lifecycle.owner import DEPLOYMENT
from airflow_finetune.operations.bills import Seen
from airflow_finetune.resources import (
    CUSTOM_MODEL,
    CUSTOM_MODEL_DEPLOYMENT,
    CUSTOMIZATION_JOB,
    PROVISIONED_THROUGHPUT,
    Resource,
)
from airflow_finetune.serving.inventory import commitment_of
from airflow_finetune.serving.scope import is_of_a_scope

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient

Price = Callable[[str, str], float | None]
"""Gives dollars of (usage, base model's ARN)."""
_DEPLOYMENT_BILLS = "It bills by the token: nothing while nobody asks."
_JOB_BILLS = "It bills what it trains on, not the hour."
# Kind, whether a name has the form of one that we give, and the filters of its lists.
_LISTS: tuple[tuple[Resource, Callable[[str], bool], tuple[dict[str, Any], ...]], ...] = (
    (CUSTOMIZATION_JOB, has_the_form_of_a_claim, ({"statusEquals": "InProgress"}, {"statusEquals": "Stopping"})),
    (CUSTOM_MODEL_DEPLOYMENT, is_of_a_scope, ({},)),
    (PROVISIONED_THROUGHPUT, is_of_a_scope, ({},)),
    (CUSTOM_MODEL, has_the_form_of_a_claim, ({"isOwned": True},)),
)


class BedrockLook:
    """One look at Bedrock in one region of one account.

    Args:
        clients: gives the client of a kind of resource.
        price: of a base model.

    Attributes:
        notes: what could not be looked at.
    """

    def __init__(self, clients: Callable[[Resource], ResourceClient], price: Price) -> None:
        self._clients, self._price = clients, price
        self._prices: dict[tuple[str, str], float | None] = {}
        self._hidden = 0
        self.notes: list[str] = []

    def seen(self, now: datetime) -> Iterator[Seen]:
        """Yield everything that bills and could be ours; nothing, and a note, where AWS does not let us look.

        Raises:
            RequestRefused: AWS refused a request for another reason.
            Unavailable: AWS cannot answer now.
        """
        try:
            for resource, is_our_name, lists in _LISTS:
                for filters in lists:
                    yield from self._kind(resource, is_our_name, filters, now)
        except (NotAllowed, Unreachable) as error:
            self.notes.append(f"What bills on Bedrock was not looked at. {error}")
        if self._hidden:
            self.notes.append(f"AWS did not let us read the tags of {self._hidden} things on Bedrock.")

    def _kind(
        self, resource: Resource, is_our_name: Callable[[str], bool], filters: Mapping[str, Any], now: datetime
    ) -> Iterator[Seen]:
        client = self._clients(resource)
        for row in client.listed(**filters):
            ours = is_our_name(str(row[resource.row_key]))
            tags = self._tags(client, str(row[resource.arn]))
            if ours or (tags is not None and DEPLOYMENT in tags):
                yield self._seen(resource, row, tags, ours, now)
            elif tags is None:
                self._hidden += 1

    def _tags(self, client: ResourceClient, arn: str) -> dict[str, str] | None:
        try:
            return client.tags(arn)
        except RequestRefused:  # gone meanwhile, or not ours to read
            return None

    def _seen(
        self,
        resource: Resource,
        row: Mapping[str, Any],
        tags: Mapping[str, str] | None,
        has_our_name: bool,
        now: datetime,
    ) -> Seen:
        status = row.get(resource.status or "")
        hour, month, note = self._cost(resource, row)
        return Seen(
            kind=resource.kind,
            name=str(row[resource.row_key]),
            arn=str(row[resource.arn]),
            phase="done" if status is None else resource.phase(row),
            said="" if status is None else f"AWS says {status}.",
            since=row[resource.created],
            tags=tags,
            has_our_name=has_our_name,
            usd_per_hour=hour,
            note=note,
            usd_per_month=month,
            held=commitment_of(row, now),
        )

    def _cost(self, resource: Resource, row: Mapping[str, Any]) -> tuple[float | None, float | None, str]:
        """Return dollars an hour, dollars a month, and what to know about them."""
        if resource is CUSTOM_MODEL:
            return None, self._usd("model_storage", str(row["baseModelArn"])), ""
        if resource is not PROVISIONED_THROUGHPUT:
            return 0.0, None, _JOB_BILLS if resource is CUSTOMIZATION_JOB else _DEPLOYMENT_BILLS
        unit = self._usd("model_unit", str(row["foundationModelArn"]))
        return None if unit is None else unit * int(row["modelUnits"]), None, ""

    def _usd(self, usage: str, model: str) -> float | None:
        key = (usage, model)
        if key not in self._prices:
            self._prices[key] = self._price(*key)
        return self._prices[key]
