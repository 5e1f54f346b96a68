"""The model that a finished training job has made, read from AWS's description of the job."""

from __future__ import annotations

from airflow_finetune.backends.backend import Outcome
from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
from airflow_finetune.resources import TRAINING_JOB
from airflow_finetune.resources.history import interruptions
from airflow_finetune.values import DatasetReference, TunedModel


def tuned_model(spec: SpotTrainingSpec, outcome: Outcome) -> TunedModel:
    """Return the model with where it lies, what it was made from and what it took."""
    job = outcome.described
    compute = job.get("ResourceConfig", {})
    count = int(compute.get("InstanceCount", 1))
    billed = job.get("BillableTimeInSeconds")
    price = outcome.hourly_usd
    cost = None if billed is None or price is None else round(billed / 3600 * count * price, 6)
    return TunedModel(
        backend=spec.backend,
        job_name=job["TrainingJobName"],
        job_arn=job["TrainingJobArn"],
        region=outcome.region,
        model_uri=job["ModelArtifacts"]["S3ModelArtifacts"],
        base_model=spec.base_model,
        dataset=DatasetReference.load(spec.dataset),
        validation=None if spec.validation is None else DatasetReference.load(spec.validation),
        spec_digest=outcome.digest,
        attempts=outcome.attempts,
        interruptions=interruptions(job),
        market="spot" if job.get("EnableManagedSpotTraining") else "on_demand",
        instance_type=compute.get("InstanceType", ""),
        instance_count=count,
        training_seconds=job.get("TrainingTimeInSeconds"),
        billable_seconds=billed,
        cost_usd=cost,
        checkpoint_uri=job.get("CheckpointConfig", {}).get("S3Uri"),
        metrics={row["MetricName"]: float(row["Value"]) for row in job.get("FinalMetricDataList", [])},
        log_group=TRAINING_JOB.log_group,
    )
