"""Whether a job or a model may read what lies in AWS's own buckets: a licence that is accepted, a hub that shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...state.public_hub import GATED_BUCKET, NAME
from . import hub, hub_content
from .training_job_checks import at, refuse

if TYPE_CHECKING:
    from ...edge.call import Call
    from ...world import World

_CONTENT = re.compile(r"arn:[^:]+:sagemaker:[^:]+:[^:]+:hub-content/(?P<hub>[^/]+)/.+")


def check(where: str, source: Mapping[str, Any], call: Call, world: World) -> None:
    """Check one S3DataSource.

    Args:
        where: the channel or member that has it, for the refusal.
        source: the S3DataSource.
        call: the request.
        world: the parts of the sandbox.

    Raises:
        AwsError: the licence of a gated model is not accepted, or the hub content that is named is not there.
    """
    uri, arn = str(source.get("S3Uri", "")), at(source, "HubAccessConfig.HubContentArn")
    if uri.startswith(f"s3://{GATED_BUCKET}") and at(source, "ModelAccessConfig.AcceptEula") is not True:
        raise refuse(
            f"{where}: the model at {uri} is gated. To use it you must accept its end-user license agreement (EULA): "
            "set AcceptEula to true in ModelAccessConfig."
        )
    if arn:
        _check_content(arn, call, world)


def _check_content(arn: str, call: Call, world: World) -> None:
    found = _CONTENT.fullmatch(arn)
    if found is None:
        raise hub_content.not_found(arn)
    name = found["hub"]
    holder = hub.public(call, world) if name == NAME else world.store.get(hub.KIND, call.region, name)
    known = hub_content.contents(call, world, holder) if holder else []
    if not any(arn in (each["HubContentArn"], each["HubContentArn"].rpartition("/")[0]) for each in known):
        raise hub_content.not_found(arn)
