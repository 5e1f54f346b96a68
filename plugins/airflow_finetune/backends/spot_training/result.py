"""The model that a finished training job has made, read from AWS's description of the job."""

from __future__ import annotations

from airflow_finetune.backends.backend import Outcome
from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
from airflow_finetune.backends.training_job import finished
from airflow_finetune.values import DatasetReference, TunedModel


def tuned_model(spec: SpotTrainingSpec, outcome: Outcome) -> TunedModel:
    """Return the model with where it lies, what it was made from and what it took."""
    return TunedModel(
        backend=spec.backend,
        base_model=spec.base_model,
        dataset=DatasetReference.load(spec.dataset),
        validation=None if spec.validation is None else DatasetReference.load(spec.validation),
        **finished(outcome),
    )
