"""What a customization job needs before it can be asked for: a model that can do it, and checked data in its form."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.objects import upload
from airflow_finetune.aws.s3 import exists
from airflow_finetune.backends.bedrock.lookup import looked_up
from airflow_finetune.backends.bedrock.material import material_of, sources_of
from airflow_finetune.backends.bedrock.request import customization_request
from airflow_finetune.backends.bedrock.spec import BedrockSpec
from airflow_finetune.errors import SpecError

if TYPE_CHECKING:
    from airflow_finetune.backends.backend import MakeClient, Wrong
    from airflow_finetune.backends.bedrock.families import Limits

log = logging.getLogger(__name__)


def prepared_request(spec: BedrockSpec, region: str, make_client: MakeClient) -> dict[str, Any]:
    """Return the create request, with the data that it names in its place; what has a fault is never uploaded.

    Raises:
        SpecError: the model cannot do this here, or the request would be refused.
        DataError: the data does not fit the model.
        RequestRefused: we may not read or write it.
        Unavailable: AWS cannot answer now.
    """
    look = looked_up(spec, region, make_client)
    for thing, said in look.said.items():
        log.info("%s: %s", thing, said)
    if look.wrong:
        raise _refusal(look.wrong)
    limits = look.family.limits
    if spec.invocation_logs is not None:
        return customization_request(spec, limits, None, None)
    return _with_data(spec, limits, make_client("s3"))


def _with_data(spec: BedrockSpec, limits: Limits, s3: Any) -> dict[str, Any]:
    sources = sources_of(s3, spec, limits)
    train_uri, validation_uri = sources.train_uri, sources.validation_uri
    if exists(s3, train_uri):  # it is written last, so the rest is there too, and all of it was checked
        log.info("The same data was rendered before, to %s.", sources.folder_uri)
        return customization_request(spec, limits, train_uri, validation_uri if exists(s3, validation_uri) else None)
    with TemporaryDirectory(prefix="bedrock-data-") as name:
        folder = Path(name)
        material = material_of(s3, spec, limits, sources, folder)
        if material.left_out:
            log.info("The curated validation data is left out: %s.", material.left_out)
        used = None if material.validation is None else validation_uri
        request = customization_request(spec, limits, train_uri, used)
        if used is not None:
            upload(s3, folder / Path(used).name, used, spec.model_kms_key_id)
        upload(s3, folder / Path(train_uri).name, train_uri, spec.model_kms_key_id)
    log.info("%d records for training are in %s.", material.train.records, sources.folder_uri)
    return request


def _refusal(wrong: tuple[Wrong, ...]) -> SpecError:
    things = ", ".join(each.thing for each in wrong)
    return SpecError(things, " ".join(each.said for each in wrong), " ".join(each.next_step for each in wrong))
