"""What a serverless job needs before it can be asked for: a model that can do it, and checked data in its form."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_finetune.backends.serverless.dataset import sources_of, uploaded
from airflow_finetune.backends.serverless.group import made_group
from airflow_finetune.backends.serverless.lookup import looked_up, refusal_of
from airflow_finetune.backends.serverless.request import serverless_request
from airflow_finetune.backends.serverless.spec import ServerlessSpec

if TYPE_CHECKING:
    from airflow_finetune.backends.backend import MakeClient, Place

log = logging.getLogger(__name__)


def prepared_request(spec: ServerlessSpec, place: Place, make_client: MakeClient) -> dict[str, Any]:
    """Return the create request, with the data that it names in its place; what has a fault is never uploaded.

    Raises:
        SpecError: the model cannot do this here, or the request would be refused.
        DataError: the data does not fit the technique.
        RequestRefused: we may not read or write it.
        Unavailable: AWS cannot answer now.
    """
    look = looked_up(spec, place.region, make_client)
    for thing, said in look.said.items():
        log.info("%s: %s", thing, said)
    if look.wrong or look.model is None:
        raise refusal_of(look.wrong)
    s3 = make_client("s3")
    sources = sources_of(s3, spec)
    records = uploaded(s3, spec, sources)
    group_arn = made_group(look.group, spec, place, make_client)
    request = serverless_request(spec, look.model.arn, group_arn, sources.train_uri, sources.validation_uri)
    if records is None:
        log.info("The same data was rendered before, to %s.", sources.folder_uri)
    else:
        log.info("%d records for training are in %s.", records, sources.folder_uri)
    return request
