"""Every kind of AWS resource that this package makes: one declaration a file, one line here."""

from __future__ import annotations

from airflow_finetune.resources.custom_model import CUSTOM_MODEL
from airflow_finetune.resources.custom_model_deployment import CUSTOM_MODEL_DEPLOYMENT
from airflow_finetune.resources.customization_job import CUSTOMIZATION_JOB
from airflow_finetune.resources.endpoint import ENDPOINT
from airflow_finetune.resources.endpoint_config import ENDPOINT_CONFIG
from airflow_finetune.resources.model import MODEL
from airflow_finetune.resources.model_package import MODEL_PACKAGE
from airflow_finetune.resources.model_package_group import MODEL_PACKAGE_GROUP
from airflow_finetune.resources.provisioned_throughput import PROVISIONED_THROUGHPUT
from airflow_finetune.resources.resource import Operations, Resource, Tagging
from airflow_finetune.resources.training_job import TRAINING_JOB

# In the order in which they are deleted: what serves, then what it was made from.
RESOURCES: tuple[Resource, ...] = (
    *(TRAINING_JOB, CUSTOMIZATION_JOB),
    *(ENDPOINT, ENDPOINT_CONFIG, MODEL),
    *(CUSTOM_MODEL_DEPLOYMENT, PROVISIONED_THROUGHPUT, CUSTOM_MODEL),
    *(MODEL_PACKAGE, MODEL_PACKAGE_GROUP),
)

__all__ = [
    "CUSTOMIZATION_JOB",
    "CUSTOM_MODEL",
    "CUSTOM_MODEL_DEPLOYMENT",
    "ENDPOINT",
    "ENDPOINT_CONFIG",
    "MODEL",
    "MODEL_PACKAGE",
    "MODEL_PACKAGE_GROUP",
    "PROVISIONED_THROUGHPUT",
    "RESOURCES",
    "TRAINING_JOB",
    "Operations",
    "Resource",
    "Tagging",
]
