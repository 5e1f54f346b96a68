"""Looks at AWS for what bills: endpoints, training jobs and warm pools, and where our jobs have written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.claim import has_the_form_of_a_claim
from airflow_finetune.lifecycle.owner import DEPLOYMENT, tag_value
from airflow_finetune.operations.bills import Seen
from airflow_finetune.resources import ENDPOINT, ENDPOINT_CONFIG, TRAINING_JOB, Resource
from airflow_finetune.serving.scope import is_of_a_scope

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient

LONGEST_JOB = timedelta(days=60)  # AWS lets none run longer than 28 days, and a Spot job may wait as long before
PAGE = 100  # the most that AWS gives in one answer
NEWEST = 20
Price = Callable[[str, str], float | None]
"""Gives dollars per hour of (usage, instance type)."""


class Look:
    """One look at one region of one account.

    Args:
        clients: gives the client of a kind of resource.
        price: of an instance.

    Attributes:
        notes: what could not be looked at.
    """

    def __init__(self, clients: Callable[[Resource], ResourceClient], price: Price) -> None:
        self._clients, self._price = clients, price
        self._prices: dict[tuple[str, str], float | None] = {}
        self._jobs: list[dict[str, Any]] | None = None
        self.notes: list[str] = []

    def hourly(self, now: datetime) -> Iterator[Seen]:
        """Yield everything that bills by the hour and could be ours.

        Raises:
            RequestRefused: AWS does not let us list or describe.
            Unavailable: AWS cannot answer now.
        """
        yield from self._endpoints()
        yield from self._training(now)

    def written_to(self, deployment: str, now: datetime) -> list[str]:
        """Return where the newest jobs of a deployment have written to: folders, none inside another.

        Raises:
            RequestRefused: AWS does not let us list or describe.
            Unavailable: AWS cannot answer now.
        """
        client, uris, asked = self._clients(TRAINING_JOB), set[str](), 0
        for row in self._ours_by_name(now):
            if asked == NEWEST:
                break
            tags = self._tags(client, row["TrainingJobArn"]) or {}
            described = client.describe(row["TrainingJobName"]) if tags.get(DEPLOYMENT) == tag_value(deployment) else {}
            if described:
                asked += 1
                uris |= {
                    described["OutputDataConfig"]["S3OutputPath"],
                    described.get("CheckpointConfig", {}).get("S3Uri", ""),
                }
        return outermost(uri for uri in uris if uri)

    def _endpoints(self) -> Iterator[Seen]:
        client, hidden = self._clients(ENDPOINT), 0
        for row in client.listed(MaxResults=PAGE):
            name = row["EndpointName"]
            tags = self._tags(client, row["EndpointArn"])
            if tags is None and not is_of_a_scope(name):
                hidden += 1
                continue
            if tags is not None and DEPLOYMENT not in tags and not is_of_a_scope(name):
                continue  # somebody else's: not even described
            if (described := client.describe(name)) is not None:
                yield self._seen(ENDPOINT, described, tags, is_of_a_scope(name), self._hosting_usd(described))
        if hidden:
            said = f"AWS did not let us read the tags of {hidden} endpoints: a promoted one of ours may be among them."
            self.notes.append(said)

    def _training(self, now: datetime) -> Iterator[Seen]:
        client = self._clients(TRAINING_JOB)
        for row in self._ours_by_name(now):
            runs = TRAINING_JOB.phase(row) in ("running", "stopping")
            kept_warm = row.get("WarmPoolStatus", {}).get("Status") == "Available"
            if not runs and not kept_warm:
                continue
            described = client.describe(row["TrainingJobName"])
            if described is None:
                continue
            tags = self._tags(client, row["TrainingJobArn"])
            usd, spot = self._training_usd(described), runs and described.get("EnableManagedSpotTraining")
            note = "On Spot, AWS bills fewer seconds at this price." if spot else ""
            yield self._seen(TRAINING_JOB, described, tags, True, usd, "training job" if runs else "warm pool", note)

    def _ours_by_name(self, now: datetime) -> Iterator[Mapping[str, Any]]:
        if self._jobs is None:
            # No filter by status: AWS would apply it after cutting the pages, so it saves no call.
            listed = self._clients(TRAINING_JOB).listed(CreationTimeAfter=now - LONGEST_JOB, MaxResults=PAGE)
            self._jobs = [row for row in listed if has_the_form_of_a_claim(row["TrainingJobName"])]
        yield from self._jobs

    def _tags(self, client: ResourceClient, arn: str) -> dict[str, str] | None:
        try:
            return client.tags(arn)
        except RequestRefused:  # gone meanwhile, or not ours to read
            return None

    def _seen(
        self,
        resource: Resource,
        described: Mapping[str, Any],
        tags: Mapping[str, str] | None,
        has_our_name: bool,
        usd: float | None,
        kind: str = "",
        note: str = "",
    ) -> Seen:
        return Seen(
            kind=kind or resource.kind,
            name=described[resource.key],
            arn=described[resource.arn],
            phase=resource.phase(described),
            said=f"AWS says {described[resource.status or '']}.",
            since=described[resource.created],
            tags=tags,
            has_our_name=has_our_name,
            usd_per_hour=usd,
            note=note,
        )

    def _hosting_usd(self, described: Mapping[str, Any]) -> float | None:
        """Price the instances that are there now; the configuration says only how many there were at first."""
        config = self._clients(ENDPOINT_CONFIG).describe(described["EndpointConfigName"])
        there = {row["VariantName"]: row.get("CurrentInstanceCount") for row in described.get("ProductionVariants", ())}
        usd = 0.0
        for variant in config["ProductionVariants"] if config else ():
            count = there.get(variant["VariantName"]) or variant.get("InitialInstanceCount")
            price = self._hourly("hosting", variant.get("InstanceType"))
            if price is None or count is None:  # a serverless one bills by the request
                return None
            usd += price * count
        return usd if config else None

    def _training_usd(self, described: Mapping[str, Any]) -> float | None:
        compute = described.get("ResourceConfig", {})
        price = self._hourly("training", compute.get("InstanceType"))
        return None if price is None else price * compute.get("InstanceCount", 1)

    def _hourly(self, usage: str, instance_type: str | None) -> float | None:
        if instance_type is None:
            return None
        key = (usage, instance_type)
        if key not in self._prices:
            self._prices[key] = self._price(*key)
        return self._prices[key]


def outermost(uris: Iterator[str]) -> list[str]:
    """Return the addresses as folders, without those that lie inside another one; sorted."""
    folders = sorted({uri if uri.endswith("/") else f"{uri}/" for uri in uris})
    return [each for each in folders if not any(each != other and each.startswith(other) for other in folders)]
