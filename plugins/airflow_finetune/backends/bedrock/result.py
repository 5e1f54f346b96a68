"""The model that a finished customization job has made, and how its losses went, from AWS's files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_finetune.aws.foundation_models import found_model
from airflow_finetune.aws.objects import read_object
from airflow_finetune.aws.prices import bedrock_usd
from airflow_finetune.backends.backend import Outcome
from airflow_finetune.backends.bedrock.spec import BedrockSpec
from airflow_finetune.errors import RequestRefused, Unavailable
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.values import DatasetReference, TunedModel

STEPS = "training_artifacts/step_wise_training_metrics.csv"
VALIDATION = "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"
LINES_TOLD = 10

Row = dict[str, float]


def tuned_model(spec: BedrockSpec, outcome: Outcome) -> TunedModel:
    """Return the model with its ARN, what it was made from, its losses, and what keeping it costs."""
    job = outcome.described
    artefacts = artefacts_uri(job)
    training, validation = (_rows(outcome, artefacts + name) for name in (STEPS, VALIDATION))
    for line in [*_told("training", training), *_told("validation", validation)]:
        outcome.say(line)
    outcome.say("AWS does not say how many tokens it has billed: the bill does, and a plan counts one for each byte.")
    if (monthly := _monthly_usd(spec, outcome)) is not None:
        outcome.say(f"Keeping the model costs ${monthly:g} a month until it is deleted.")
    validators = (job.get("validationDataConfig") or {}).get("validators")
    used = spec.validation or spec.curated_validation
    return TunedModel(
        backend=spec.backend,
        job_name=job["jobName"],
        job_arn=job["jobArn"],
        region=outcome.region,
        model_uri=job["outputModelArn"],
        model_arn=job["outputModelArn"],
        base_model=spec.base_model,
        dataset=learnt_from(spec),
        validation=DatasetReference.load(used) if used is not None and validators else None,
        spec_digest=outcome.digest,
        attempts=outcome.attempts,
        training_seconds=_training_seconds(job),
        metrics={**_of_the_job(job), **_last(training), **_before_and_after(validation)},
        monthly_usd=monthly,
        artefacts_uri=artefacts,
    )


def learnt_from(spec: BedrockSpec) -> DatasetReference:
    """Return what the model learns from: the dataset, or the place of the invocation logs."""
    if spec.invocation_logs is not None:
        return DatasetReference(uri=spec.invocation_logs.uri)
    return DatasetReference.load(spec.dataset)


def artefacts_uri(job: Mapping[str, Any]) -> str:
    """Return where AWS puts a job's files: below its output, under the last part of its ARN."""
    below = job["outputDataConfig"]["s3Uri"].rstrip("/")
    return f"{below}/model-customization-job-{job['jobArn'].rsplit('/', 1)[-1]}/"


def _rows(outcome: Outcome, uri: str) -> list[Row]:
    """Return the rows of a metric file; none where it is not there or cannot be read, which is no failure."""
    try:
        content = read_object(outcome.make_client("s3"), uri)
    except (RequestRefused, Unavailable) as error:
        outcome.say(f"The losses are not shown: {error}")
        return []
    return [] if content is None else list(_parsed(content.decode(errors="replace")))


def _parsed(text: str) -> Iterator[Row]:
    for row in csv.DictReader(io.StringIO(text)):
        numbers = {str(name).strip(): _number(value) for name, value in row.items()}
        yield {name: value for name, value in numbers.items() if value is not None}


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _told(kind: str, rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line for the first step, some between, and the last."""
    every = max(1, -(-(len(rows) - 1) // (LINES_TOLD - 1)))
    for number, row in enumerate(rows):
        if number % every == 0 or number == len(rows) - 1:
            shown = ", ".join(f"{name} {value:.6g}" for name, value in row.items() if name != "step_number")
            yield f"{kind}, step {row.get('step_number', number):g}: {shown}"


def _of_the_job(job: Mapping[str, Any]) -> Row:
    found: dict[str, Any] = {"training_loss": (job.get("trainingMetrics") or {}).get("trainingLoss")}
    for row in (job.get("validationMetrics") or [])[:1]:
        found["validation_loss"] = row.get("validationLoss")
    return {name: float(value) for name, value in found.items() if value is not None}


def _last(training: Sequence[Row]) -> Row:
    return {"training_loss": training[-1]["training_loss"]} if training and "training_loss" in training[-1] else {}


def _before_and_after(validation: Sequence[Row]) -> Row:
    """Return loss and perplexity of the first row, which is the model before its first step, and of the last."""
    if not validation:
        return {}
    names = ("validation_loss", "validation_perplexity")
    after = {name: validation[-1][name] for name in names if name in validation[-1]}
    before = {f"{name}_before": validation[0][name] for name in names if name in validation[0]}
    return {**after, **(before if len(validation) > 1 else {})}


def _training_seconds(job: Mapping[str, Any]) -> float | None:
    details = (job.get("statusDetails") or {}).get("trainingDetails") or {}
    begun, ended = details.get("creationTime"), details.get("lastModifiedTime")
    return None if begun is None or ended is None else float((ended - begun).total_seconds())


def _monthly_usd(spec: BedrockSpec, outcome: Outcome) -> float | None:
    """Return what AWS bills for keeping the model; None where nobody says."""
    if "model_storage" in spec.prices:
        return spec.prices["model_storage"]
    try:
        model = found_model(outcome.make_client("bedrock"), spec.base_model)
    except Unavailable:
        return None
    if isinstance(model, Refusal):
        return None
    return bedrock_usd(outcome.make_client("pricing"), "model_storage", model.name, outcome.region)
