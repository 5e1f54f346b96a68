"""Every kind of AWS resource that this package makes: one declaration a file, one line here."""

from __future__ import annotations

from airflow_finetune.resources.resource import Operations, Resource, Tagging
from airflow_finetune.resources.training_job import TRAINING_JOB

RESOURCES: tuple[Resource, ...] = (TRAINING_JOB,)

__all__ = ["RESOURCES", "TRAINING_JOB", "Operations", "Resource", "Tagging"]
