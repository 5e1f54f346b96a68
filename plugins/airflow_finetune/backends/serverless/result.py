"""The model that a finished serverless job has made: merged weights in S3, and a version that AWS has registered."""

from __future__ import annotations

from airflow_finetune.aws.prices import serverless_usd
from airflow_finetune.backends.backend import Outcome
from airflow_finetune.backends.serverless.made import mark_as_ours, served_by, version_of, weights_of
from airflow_finetune.backends.serverless.spec import ServerlessSpec
from airflow_finetune.backends.training_job import finished
from airflow_finetune.errors import JobFailed
from airflow_finetune.values import DatasetReference, TunedModel


def tuned_model(spec: ServerlessSpec, outcome: Outcome) -> TunedModel:
    """Return the model with its weights, its version, its tokens and what they cost.

    Raises:
        JobFailed: the job has ended well and made no model.
        Unavailable: AWS cannot answer now.
    """
    job = outcome.described
    if not (job.get("ModelArtifacts") or {}).get("S3ModelArtifacts"):
        said = f"AWS says {job['TrainingJobStatus']}, and neither ModelArtifacts nor OutputModelPackageArn."
        hint = "Read its log; docs/serverless.md says how far the embedded AWS goes."
        raise JobFailed(f"training job {job['TrainingJobName']}", said, hint)
    fields = finished(outcome)
    package, tokens = job.get("OutputModelPackageArn"), job.get("BillableTokenCount")
    version = version_of(job)
    if package is not None:
        mark_as_ours(package, fields["job_arn"], outcome)
    fields |= {
        "model_uri": weights_of(str(fields["model_uri"]), outcome),
        "cost_usd": _cost(spec, tokens, outcome),
        "billable_seconds": None,
    }
    return TunedModel(
        backend=spec.backend,
        base_model=spec.base_model,
        model_arn=package,
        billed_tokens=tokens,
        hub_model_id=spec.base_model,
        hub_model_version=version,
        hosting=served_by(spec, version, outcome),
        dataset=DatasetReference.load(spec.dataset),
        validation=None if spec.validation is None else DatasetReference.load(spec.validation),
        **fields,
    )


def _cost(spec: ServerlessSpec, tokens: int | None, outcome: Outcome) -> float | None:
    if tokens is None:
        return None
    usd: float | None = spec.prices.get(spec.usage)
    if usd is None:
        usd = serverless_usd(outcome.make_client("pricing"), spec.usage, spec.base_model, outcome.region)
    if usd is None:
        outcome.say(f"{tokens} tokens were billed; their price is not known: give prices: {{{spec.usage}: ...}}.")
        return None
    return round(tokens / 1000 * usd, 6)
