"""The model that a finished job has made, and what serves it by the word of the hub that it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.answers import asked
from airflow_finetune.aws.hubs import hub_model
from airflow_finetune.backends.hosting import hosting_of
from airflow_finetune.backends.jumpstart.lookup import hub_of
from airflow_finetune.backends.jumpstart.request import VERSION_TAG
from airflow_finetune.backends.training_job import finished
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.values import TunedModel

if TYPE_CHECKING:
    from airflow_finetune.backends.backend import Outcome
    from airflow_finetune.backends.jumpstart.spec import JumpStartSpec


def tuned_model(spec: JumpStartSpec, outcome: Outcome) -> TunedModel:
    """Return the model with where it lies, what it was made from, what it took and what serves it.

    Raises:
        Unavailable: the hub cannot answer now.
    """
    fields = finished(outcome)
    uri = str(fields.pop("model_uri"))
    client = outcome.make_client("sagemaker")
    version = _version(client, fields["job_arn"]) or spec.version
    found = hub_model(client, spec.model_id, version=version, hub=hub_of(spec))
    if isinstance(found, Refusal):
        said = f"AWS answered {found.code}: {found.message}"
        outcome.say(f"What serves the model is not known, give image_uri where it is deployed: {said}")
    return TunedModel(
        backend=spec.backend,
        model_uri=uri if uri.endswith((".tar.gz", "/")) else f"{uri}/",
        base_model=spec.model_id,
        dataset=spec.dataset,
        validation=spec.validation,
        hub_model_id=spec.model_id,
        hub_model_version=version,
        hosting=None if isinstance(found, Refusal) else hosting_of(found, accepted=spec.accept_eula),
        **fields,
    )


def _version(client: Any, job_arn: str) -> str | None:
    """Return the version that the job was made with, by its tag; None where we may not read tags."""
    found = asked(job_arn, lambda: client.list_tags(ResourceArn=job_arn)["Tags"])
    tags = [] if isinstance(found, Refusal) else found
    return next((str(tag["Value"]) for tag in tags if tag["Key"] == VERSION_TAG), None)
