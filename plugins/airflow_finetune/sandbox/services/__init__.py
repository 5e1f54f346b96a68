"""Our own operations of AWS: one module per resource, listed here; what is not listed is moto's."""

from __future__ import annotations

from ..edge.call import Handler
from .bedrock import custom_model, custom_model_deployment, foundation_model, model_customization_job
from .bedrock import provisioned_model_throughput as throughput
from .bedrock import tags as bedrock_tags
from .bedrock_runtime import converse, invoke_model
from .iam import simulation
from .pricing import product
from .sagemaker import (
    endpoint,
    endpoint_config,
    hub,
    hub_content,
    hub_content_reference,
    model,
    model_package,
    model_package_group,
    processing_job,
    search,
    tags,
    training_job,
)
from .sagemaker_runtime import invoke
from .service_quotas import quota

RESOURCES: tuple[tuple[str, dict[str, Handler]], ...] = (
    ("sagemaker", training_job.OPERATIONS),
    ("sagemaker", processing_job.OPERATIONS),
    ("sagemaker", model.OPERATIONS),
    ("sagemaker", model_package_group.OPERATIONS),
    ("sagemaker", model_package.OPERATIONS),
    ("sagemaker", endpoint_config.OPERATIONS),
    ("sagemaker", endpoint.OPERATIONS),
    ("sagemaker", hub.OPERATIONS),
    ("sagemaker", hub_content.OPERATIONS),
    ("sagemaker", hub_content_reference.OPERATIONS),
    ("sagemaker", tags.OPERATIONS),
    ("sagemaker", search.OPERATIONS),
    ("sagemaker-runtime", invoke.OPERATIONS),
    ("bedrock", foundation_model.OPERATIONS),
    ("bedrock", model_customization_job.OPERATIONS),
    ("bedrock", custom_model.OPERATIONS),
    ("bedrock", custom_model_deployment.OPERATIONS),
    ("bedrock", throughput.OPERATIONS),
    ("bedrock", bedrock_tags.OPERATIONS),
    ("bedrock-runtime", converse.OPERATIONS),
    ("bedrock-runtime", invoke_model.OPERATIONS),
    ("iam", simulation.OPERATIONS),
    ("pricing", product.OPERATIONS),
    ("service-quotas", quota.OPERATIONS),
)

SERVICES: dict[str, dict[str, Handler]] = {}
"""Handlers by botocore's name of the service and the operation's name."""

for _service, _operations in RESOURCES:
    SERVICES.setdefault(_service, {}).update(_operations)
