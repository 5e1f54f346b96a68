"""The weights of a version: there, those that were judged, served by something, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.objects import list_objects
from airflow_finetune.errors import RequestRefused, SpecError
from airflow_finetune.evaluation.store import weights_digest
from airflow_finetune.lifecycle.owner import EXPIRES_AT, LIFECYCLE, PREFIX, lease_tag
from airflow_finetune.resources import CUSTOM_MODEL
from airflow_finetune.resources.custom_model import is_custom_model
from airflow_finetune.values import ModelReference, ModelVersion

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient
    from airflow_finetune.lifecycle.trigger import AwsAccess

VERSION = f"{PREFIX}model-package"
_GONE = "Bedrock does not know it: it was deleted, or lies in another account or region."
_AGAIN = "Clear fine_tune and what follows it, so that another one is made and judged; nothing was registered."


def check_weights(access: AwsAccess, judged: ModelReference, image_uri: str | None, say: Callable[[str], None]) -> None:
    """Refuse what cannot be served, and weights that are not those that were judged; where nobody knows, say so.

    Args:
        access: to AWS.
        judged: the candidate of the report.
        image_uri: what serves a model that lies in S3.
        say: takes one line for the task's log.

    Raises:
        SpecError: the model lies in S3, and there is no image.
        RequestRefused: other files lie at the address now, or Bedrock's model is gone.
        Unavailable: AWS cannot answer now.
    """
    if is_custom_model(judged.uri):
        _check_there(access.resource_client(CUSTOM_MODEL), judged.uri)
        return
    if image_uri is None:
        said = "is missing, and the model's files lie in S3: only an image can serve them."
        raise SpecError("register: image_uri", said, "Give the image that the model was judged with.")
    _check_files(access.client("s3"), judged, say)


def keep(client: ResourceClient, version: ModelVersion, say: Callable[[str], None]) -> None:
    """Mark a custom model as one that stays, and as which version; of other weights there is nothing to mark.

    Args:
        client: of custom models.
        version: made from the model; the latest one stays, where several runs have registered the same model.
        say: takes one line for the task's log.

    Raises:
        RequestRefused: AWS refused it.
        Unavailable: AWS could not answer.
    """
    arn = version.model_uri
    if not is_custom_model(arn):
        return
    wanted = {LIFECYCLE: "promoted", EXPIRES_AT: lease_tag(None), VERSION: version.model_package_arn}
    there = client.tags(arn)
    missing = {key: value for key, value in wanted.items() if there.get(key) != value}
    if missing:
        client.add_tags(arn, missing)
        say(f"Marked {arn} as {version.model_package_arn}: it stays, and bills its storage, until somebody deletes it.")


def _check_there(client: ResourceClient, arn: str) -> None:
    """Refuse a custom model that cannot be used. That it is the judged one needs no digest: an ARN means one model."""
    described = client.describe(arn)
    if described is None:
        raise RequestRefused(f"custom model {arn}", _GONE, _AGAIN)
    if client.resource.phase({"modelStatus": "Active", **described}) != "done":
        raise RequestRefused(f"custom model {arn}", f"its status is {described['modelStatus']}, not Active.", _AGAIN)


def _check_files(s3: Any, judged: ModelReference, say: Callable[[str], None]) -> None:
    if judged.sha256 is None or not judged.uri.startswith("s3://"):
        say(
            f"The report does not say which files lay at {judged.uri}: nobody can tell whether they are still the same."
        )
        return
    try:
        files = [(each.name, each.bytes, each.etag) for each in list_objects(s3, judged.uri)]
    except RequestRefused as error:
        say(f"Nobody can tell whether the weights are still those that were judged. {error}")
        return
    found = weights_digest(files)
    if found != judged.sha256:
        said = f"what lies there now has the digest {found or 'of nothing'}; judged was {judged.sha256}."
        raise RequestRefused(f"weights {judged.uri}", said, "Evaluate and judge what is there now, then register that.")
