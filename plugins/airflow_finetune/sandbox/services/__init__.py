"""Our own operations of AWS: one module per resource, listed here; what is not listed is moto's."""

from __future__ import annotations

from ..edge.call import Handler
from .pricing import product
from .sagemaker import (
    endpoint,
    endpoint_config,
    model,
    model_package,
    model_package_group,
    search,
    tags,
    training_job,
)
from .sagemaker_runtime import invoke
from .service_quotas import quota

RESOURCES: tuple[tuple[str, dict[str, Handler]], ...] = (
    ("sagemaker", training_job.OPERATIONS),
    ("sagemaker", model.OPERATIONS),
    ("sagemaker", model_package_group.OPERATIONS),
    ("sagemaker", model_package.OPERATIONS),
    ("sagemaker", endpoint_config.OPERATIONS),
    ("sagemaker", endpoint.OPERATIONS),
    ("sagemaker", tags.OPERATIONS),
    ("sagemaker", search.OPERATIONS),
    ("sagemaker-runtime", invoke.OPERATIONS),
    ("pricing", product.OPERATIONS),
    ("service-quotas", quota.OPERATIONS),
)

SERVICES: dict[str, dict[str, Handler]] = {}
"""Handlers by botocore's name of the service and the operation's name."""

for _service, _operations in RESOURCES:
    SERVICES.setdefault(_service, {}).update(_operations)
