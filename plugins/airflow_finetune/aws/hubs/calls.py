"""The calls that read hubs: a model, its versions, all models; and why one is not there."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError

from airflow_finetune.aws.answers import asked
from airflow_finetune.aws.hubs.document import REFERENCE, HubModel, model_of
from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.failures import NEXT_STEP, FailureClass, Refusal

PUBLIC_HUB = "SageMakerPublicHub"
_MOST_NEAR = 5
_ALLOW = (
    "Give the role of the Airflow connection sagemaker:DescribeHubContent, sagemaker:ListHubContents and"
    " sagemaker:ListHubContentVersions"
)


class HubSummary(NamedTuple):
    """A model in the list of a hub.

    Attributes:
        id: its name there.
        version: the newest.
        title: for people; empty without.
        is_reference: whether the hub only points to a public model.
        is_retired: whether it can be used no more.
        keywords: AWS's.
    """

    id: str
    version: str
    title: str
    is_reference: bool
    is_retired: bool
    keywords: tuple[str, ...] = ()


class Missing(NamedTuple):
    """Why a model cannot be read, and what to do."""

    said: str
    next_step: str


def hub_model(client: Any, model_id: str, *, version: str | None = None, hub: str = PUBLIC_HUB) -> HubModel | Refusal:
    """Return a model of a hub, or AWS's refusal.

    Args:
        client: boto3 client of ``sagemaker``.
        model_id: its name in the hub.
        version: None takes the newest.
        hub: its name; of a private one a reference to a public model goes first, then a model of its own.

    Raises:
        RequestRefused: its document is none.
        Unavailable: AWS cannot answer now.
    """
    found: HubModel | Refusal = _described(client, model_id, version, hub, _kinds(hub)[0])
    for kind in _kinds(hub)[1:]:
        if isinstance(found, Refusal) and found.meaning is FailureClass.ABSENT:
            found = _described(client, model_id, version, hub, kind)
    return found


def hub_versions(client: Any, model_id: str, hub: str = PUBLIC_HUB) -> tuple[str, ...] | Refusal:
    """Return the versions of a model, newest first, or AWS's refusal.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    last: tuple[str, ...] | Refusal = ()
    for kind in _kinds(hub):
        rows = _listed(client.list_hub_content_versions, HubName=hub, HubContentType=kind, HubContentName=model_id)
        if not isinstance(rows, Refusal):
            return tuple(sorted((str(row["HubContentVersion"]) for row in rows), key=_by_number, reverse=True))
        last = rows
    return last


def list_hub_models(client: Any, hub: str = PUBLIC_HUB, contains: str | None = None) -> list[HubSummary] | Refusal:
    """Return the models of a hub by name, or AWS's refusal.

    Args:
        client: boto3 client of ``sagemaker``.
        hub: its name.
        contains: part of the names; None takes all.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    found: dict[str, HubSummary] = {}
    for kind in reversed(_kinds(hub)):
        named = {"NameContains": contains} if contains else {}
        rows = _listed(client.list_hub_contents, HubName=hub, HubContentType=kind, **named)
        if isinstance(rows, Refusal):
            return rows
        found |= {str(row["HubContentName"]): _summary(row) for row in rows}
    return [found[name] for name in sorted(found)]


def why_missing(client: Any, model_id: str, version: str | None, hub: str, refusal: Refusal) -> Missing:
    """Return why a model could not be read: no such version, no such model, no such hub, or no permission.

    Args:
        client: boto3 client of ``sagemaker``.
        model_id: that was asked for.
        version: that was asked for.
        hub: that was asked.
        refusal: AWS's.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    said, region = f"AWS answered {refusal.code}: {refusal.message}", client.meta.region_name
    if refusal.meaning is FailureClass.DENIED:
        return Missing(said, f"{_ALLOW} on hub {hub}; a private hub of another account must be shared with this one.")
    if refusal.meaning is not FailureClass.ABSENT:
        return Missing(said, NEXT_STEP[refusal.meaning])
    if version is not None and isinstance(there := hub_versions(client, model_id, hub), tuple) and there:
        return Missing(said, f"There is no version {version}; there are {', '.join(there)}.")
    models = list_hub_models(client, hub)
    if isinstance(models, Refusal):
        told = f"AWS answered {models.code}: {models.message}"
        return Missing(f"{said} And of the hub itself: {told}", f"Check the hub's name; {region} may not have it.")
    near = near_matches(model_id, [each.id for each in models])
    meant = f"Did you mean {', '.join(near)}?" if near else "No model there has a name like it."
    other = f"Which models there are differs by region, and this is {region}."
    return Missing(said, f"{meant} {other} `python -m airflow_finetune jumpstart list` shows all.")


def near_matches(model_id: str, known: list[str]) -> list[str]:
    """Return names that are like one, the likeliest first; those that hold it count too."""
    near = difflib.get_close_matches(model_id, known, n=_MOST_NEAR, cutoff=0.6)
    holding = [name for name in known if model_id and model_id.lower() in name.lower()]
    return list(dict.fromkeys([*near, *holding]))[:_MOST_NEAR]


def _kinds(hub: str) -> tuple[str, ...]:
    return ("Model",) if hub == PUBLIC_HUB else (REFERENCE, "Model")


def _described(client: Any, model_id: str, version: str | None, hub: str, kind: str) -> HubModel | Refusal:
    given = {"HubContentVersion": version} if version is not None else {}
    named = {"HubName": hub, "HubContentType": kind, "HubContentName": model_id, **given}
    found = asked(f"model {model_id} of hub {hub}", partial(client.describe_hub_content, **named))
    return found if isinstance(found, Refusal) else model_of(found, hub)


def _listed(operation: Callable[..., Any], **named: Any) -> list[dict[str, Any]] | Refusal:
    return asked(f"hub {named['HubName']}", partial(_pages, operation, named))


def _pages(operation: Callable[..., Any], named: dict[str, Any]) -> list[dict[str, Any]]:
    rows, token = list[dict[str, Any]](), None  # botocore has no paginator for hubs
    while True:
        answer = operation(**named, **({"NextToken": token} if token else {}))
        rows += answer.get("HubContentSummaries", ())
        if not (token := answer.get("NextToken")):
            return rows


def _summary(row: dict[str, Any]) -> HubSummary:
    return HubSummary(
        id=str(row["HubContentName"]),
        version=str(row["HubContentVersion"]),
        title=str(row.get("HubContentDisplayName", "")),
        is_reference=row.get("HubContentType") == REFERENCE,
        is_retired=row.get("SupportStatus") == "Deprecated",
        keywords=tuple(row.get("HubContentSearchKeywords", ())),
    )


def _by_number(version: str) -> tuple[int | str, ...]:
    """Order versions as numbers, so that 2.10.0 comes after 2.9.0."""
    return tuple(int(part) if part.isdecimal() else -1 for part in version.split("."))


def hub_client(region: str | None) -> Any:
    """Return a boto3 client of ``sagemaker`` for people at a command line, with boto3's own credentials.

    Args:
        region: None takes boto3's own.

    Raises:
        RequestRefused: nobody says which region, or what was said is none.
    """
    import boto3

    try:
        return boto3.client("sagemaker", region_name=region)
    except (BotoCoreError, ValueError) as error:
        next_step = "Give --region, or set AWS_REGION or a profile."
        raise RequestRefused("AWS", f"{type(error).__name__}: {error}", next_step) from error
