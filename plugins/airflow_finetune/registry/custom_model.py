"""A version whose weights are a custom model of Bedrock: it must be there, and it bears what it was promoted to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.owner import EXPIRES_AT, LIFECYCLE, PREFIX, lease_tag

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient

VERSION = f"{PREFIX}model-package"
_GONE = "Bedrock does not know it: it was deleted, or lies in another account or region."
_AGAIN = "Clear fine_tune and what follows it, so that another one is made and judged; nothing was registered."


def check_there(client: ResourceClient, arn: str) -> None:
    """Refuse a model that cannot be used. That it is the judged one needs no digest: nothing changes behind an ARN.

    Args:
        client: of custom models.
        arn: of the model.

    Raises:
        RequestRefused: it is gone or not Active.
        Unavailable: AWS could not answer.
    """
    described = client.describe(arn)
    if described is None:
        raise RequestRefused(f"custom model {arn}", _GONE, _AGAIN)
    if client.resource.phase({"modelStatus": "Active", **described}) != "done":
        raise RequestRefused(f"custom model {arn}", f"its status is {described['modelStatus']}, not Active.", _AGAIN)


def keep(client: ResourceClient, arn: str, version_arn: str, say: Callable[[str], None]) -> None:
    """Mark a model as one that stays, and as which version; whoever cleans up leaves it then.

    Args:
        client: of custom models.
        arn: of the model.
        version_arn: of the model package; the latest one stays, where several runs have registered the same model.
        say: takes one line for the task's log.

    Raises:
        RequestRefused: AWS refused it.
        Unavailable: AWS could not answer.
    """
    wanted = {LIFECYCLE: "promoted", EXPIRES_AT: lease_tag(None), VERSION: version_arn}
    there = client.tags(arn)
    missing = {key: value for key, value in wanted.items() if there.get(key) != value}
    if missing:
        client.add_tags(arn, missing)
        say(f"Marked {arn} as {version_arn}: it stays, and its storage bills, until somebody deletes it.")
