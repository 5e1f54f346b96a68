"""Looks everything up that a plan is judged by; every call is a read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_finetune.aws.prices import asked_usd
from airflow_finetune.aws.quotas import Quota, found_quotas, quota_name
from airflow_finetune.aws.roles import found_role
from airflow_finetune.aws.s3 import bucket_region, looked_into, place_of
from airflow_finetune.backends.backend import Needs
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.planning.billed import Billed, billed_by_quantity
from airflow_finetune.planning.limits import Hosting, Limits

PriceKey = tuple[str, str]
"""Usage (``training``, ``hosting``) and instance type; or a usage of Bedrock and the name of a base model."""


@dataclass(frozen=True)
class Facts:
    """What AWS says.

    Attributes:
        region: of the connection.
        role: its ARN in this account.
        regions: bucket -> where it is.
        holds: input address -> whether anything is there.
        wanted: name of a quota -> instances that the run needs at once.
        quotas: name -> quota; without those that AWS does not list.
        billed: what is billed by quantity, and what was looked up for it.
        prices: dollars, of an instance per hour; None when the price list has no single answer.
    """

    region: str
    role: str | Refusal
    regions: Mapping[str, str | Refusal]
    holds: Mapping[str, bool | Refusal]
    wanted: Mapping[str, int]
    quotas: Mapping[str, Quota] | Refusal
    billed: Billed
    prices: Mapping[PriceKey, float | Refusal | None]


def gathered(needs: Needs, limits: Limits, region: str, client: Callable[[str], Any]) -> Facts:
    """Return the facts.

    Args:
        needs: of the job.
        limits: their own prices are not asked for.
        region: of the connection.
        client: makes a boto3 client of a service.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    s3 = client("s3")
    buckets = dict.fromkeys(place_of(uri).bucket for uri in (*needs.inputs, *needs.outputs))
    regions = {bucket: bucket_region(s3, bucket) for bucket in buckets}
    here = [uri for uri in needs.inputs if regions[place_of(uri).bucket] == region]
    wanted = quotas_wanted(needs, limits.hosting if isinstance(limits.hosting, Hosting) else None)
    billed = billed_by_quantity(needs, limits, client)
    return Facts(
        region=region,
        role=found_role(client("iam"), needs.role_arn),
        regions=regions,
        holds={uri: looked_into(s3, uri) for uri in here},
        wanted=wanted,
        quotas=found_quotas(client("service-quotas"), wanted),
        billed=billed,
        prices={key: asked_usd(client("pricing"), *key, region) for key in _unpriced(needs, limits, billed)},
    )


def quotas_wanted(needs: Needs, hosting: Hosting | None) -> dict[str, int]:
    """Return name of a quota -> instances that the run needs at once."""
    wanted = {quota_name(rung.instance_type, rung.market): rung.instance_count for rung in needs.rungs}
    if hosting is not None:
        wanted[quota_name(hosting.instance_type, "endpoint")] = hosting.arms * hosting.instance_count
    return wanted


def _unpriced(needs: Needs, limits: Limits, billed: Billed) -> dict[PriceKey, None]:
    hosting, unpriced = limits.hosting, dict[PriceKey, None]()
    if limits.usd_per_hour is None:
        unpriced |= dict.fromkeys(("training", rung.instance_type) for rung in needs.rungs)
    if isinstance(hosting, Hosting) and hosting.usd_per_hour is None:
        unpriced["hosting", hosting.instance_type] = None
    return unpriced | dict.fromkeys(line.key for line in billed.to_price if line.unit_usd is None and line.model)
