"""How many instances an account may run at once, from Service Quotas; never a table of ours."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any, NamedTuple

from airflow_finetune.aws.answers import asked
from airflow_finetune.lifecycle.failures import Refusal

_WORDS = {
    "spot": "spot training job usage",
    "on_demand": "training job usage",
    "endpoint": "endpoint usage",
}


class Quota(NamedTuple):
    """One limit.

    Attributes:
        name: AWS's.
        code: to ask for more.
        value: instances at once.
    """

    name: str
    code: str
    value: float


def quota_name(instance_type: str, usage: str) -> str:
    """Return AWS's name of a quota; ``usage`` is a market of training jobs, or ``endpoint``."""
    return f"{instance_type} for {_WORDS[usage]}"


def found_quotas(client: Any, names: Collection[str]) -> dict[str, Quota] | Refusal:
    """Return the quotas of these names that AWS lists, or its refusal.

    An account's own quotas come first; AWS lists some only with their default.

    Args:
        client: boto3 client of ``service-quotas``.
        names: AWS's names.
    """
    found: dict[str, Quota] = {}
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        wanted = set(names) - set(found)
        answer = asked("Service Quotas of sagemaker", partial(_listed, client, operation, wanted))
        if isinstance(answer, Refusal):
            return answer
        found |= answer
    return found


def _listed(client: Any, operation: str, wanted: set[str]) -> dict[str, Quota]:
    found: dict[str, Quota] = {}
    if wanted:
        for page in client.get_paginator(operation).paginate(ServiceCode="sagemaker"):
            rows = [Quota(row["QuotaName"], row["QuotaCode"], float(row["Value"])) for row in page["Quotas"]]
            found |= {row.name: row for row in rows if row.name in wanted}
            if len(found) == len(wanted):  # an account has thousands
                break
    return found
