"""Everything of a deployment that bills, as one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

from airflow_finetune.aws.prices import hourly_usd
from airflow_finetune.lifecycle.client import ResourceClient
from airflow_finetune.operations.bedrock.look import BedrockLook
from airflow_finetune.operations.bedrock.prices import model_usd
from airflow_finetune.operations.bills import BillingReport, hourly_total, judged, monthly_total
from airflow_finetune.operations.look import Look, outermost
from airflow_finetune.operations.storage import Cellar, Tidying
from airflow_finetune.resources import TRAINING_JOB


@dataclass(frozen=True)
class Wanted:
    """What to look for.

    Attributes:
        deployment: whose things.
        prefixes: where it stores things; None takes where its newest jobs have written to.
        most_objects: after which counting stops below one prefix.
        deletes_checkpoints: of jobs that are done.
        keeps_checkpoints: for so long after the end of the job.
    """

    deployment: str
    prefixes: Sequence[str] | None = None
    most_objects: int = 100_000
    deletes_checkpoints: bool = False
    keeps_checkpoints: timedelta = timedelta(days=7)


def billing_report(wanted: Wanted, client: Callable[[str], Any], now: datetime) -> BillingReport:
    """Return everything that bills, and what of the storage nobody needs.

    Args:
        wanted: what to look for.
        client: makes a boto3 client of a service.
        now: the clock.

    Raises:
        RequestRefused: AWS does not let us list what bills by the hour, or an address is none.
        Unavailable: AWS cannot answer now.
    """
    region, pricing = client("sagemaker").meta.region_name, client("pricing")
    look = Look(
        lambda resource: ResourceClient(resource, client),
        lambda usage, instance_type: hourly_usd(pricing, usage, instance_type, region),
    )
    bedrock = BedrockLook(lambda resource: ResourceClient(resource, client), partial(model_usd, client, region))
    found = chain(look.hourly(now), bedrock.seen(now))
    items = [item for seen in found if (item := judged(seen, wanted.deployment, now)) is not None]
    if wanted.prefixes is None:
        prefixes = look.written_to(wanted.deployment, now)
    else:
        prefixes = outermost(each for each in wanted.prefixes if each)
    older_than = now - wanted.keeps_checkpoints if wanted.deletes_checkpoints else None
    cellar = Cellar(client, ResourceClient(TRAINING_JOB, client), Tidying(wanted.deployment, older_than))
    items += [cellar.item(uri, wanted.most_objects) for uri in prefixes]
    return BillingReport(
        deployment=wanted.deployment,
        region=region,
        asked_at=now,
        items=tuple(items),
        removable=tuple(cellar.removable),
        deleted=tuple(cellar.deleted),
        usd_per_hour=hourly_total(items),
        usd_per_month=monthly_total(items),
        notes=(*look.notes, *bedrock.notes, *cellar.notes),
    )
