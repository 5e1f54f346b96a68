"""What a job on a hub model needs before it can be asked for: a model that fits, and checked data in its form."""

from __future__ import annotations

import logging
from typing import Any

from airflow_finetune.backends.backend import MakeClient, Place
from airflow_finetune.backends.jumpstart.dataset import sources_of, uploaded
from airflow_finetune.backends.jumpstart.lookup import found_model, unfit
from airflow_finetune.backends.jumpstart.needs import refusal_of
from airflow_finetune.backends.jumpstart.request import Data, training_request
from airflow_finetune.backends.jumpstart.spec import JumpStartSpec

log = logging.getLogger(__name__)


def prepared_request(spec: JumpStartSpec, place: Place, rung: int, make_client: MakeClient) -> dict[str, Any]:
    """Return the create request, with the data that it names in its place; what has a fault is never uploaded.

    Raises:
        SpecError: the model is not there or does not fit, or the request would be refused.
        DataError: the data does not fit the method.
        RequestRefused: we may not read or write it.
        Unavailable: AWS cannot answer now.
    """
    model = found_model(make_client("sagemaker"), spec)
    if wrong := unfit(spec, model):
        raise refusal_of(list(wrong))
    if spec.version is None:
        log.warning("No version is given, and no plan has frozen one: %s %s is taken.", model.id, model.version)
    s3 = make_client("s3")
    sources = sources_of(s3, spec, validated=model.takes_validation)
    data = Data(sources.training_uri, sources.validation_uri)
    request = training_request(spec, model, place, rung, data)  # refused before anything is uploaded
    records = uploaded(s3, spec, sources)
    if records is None:
        log.info("The same data was rendered before, to %s.", sources.folder_uri)
    else:
        log.info("%d records for training are in %s.", records, sources.folder_uri)
    if spec.validation is not None and sources.validation is None:
        log.info("The validation data is left out: the script of %s takes none.", model.id)
    return request
