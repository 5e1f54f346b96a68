"""botocore's own service models, loaded once and only when asked for; the user's ~/.aws/models are not read."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

LOADER = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)

BY_SIGNING_NAME: dict[str, tuple[str, ...]] = {
    "sagemaker": ("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "sagemaker-featurestore-runtime"),
    "servicequotas": ("service-quotas",),
    "bedrock": ("bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime"),
    "monitoring": ("cloudwatch",),
    "states": ("stepfunctions",),
    "email": ("sesv2", "ses"),
    "elasticloadbalancing": ("elbv2", "elb"),
    "elasticfilesystem": ("efs",),
    "elasticmapreduce": ("emr",),
    "tagging": ("resourcegroupstaggingapi",),
    "execute-api": ("apigatewaymanagementapi",),
    "aws-marketplace": ("marketplace-catalog", "meteringmarketplace"),
}
"""Signing names that are not botocore's name of the service, or that several services share."""

OWNERS = {"SageMaker": "sagemaker", "ServiceQuotasV20190624": "servicequotas", "AWSPriceListService": "pricing"}
"""Target prefixes of our own services, and the signing names that go with them."""

_LOADING = threading.Lock()


@cache
def _load(service: str) -> Any:
    try:
        return ServiceModel(LOADER.load_service_model(service, "service-2"), service)
    except UnknownServiceError:
        return None


def service_model(service: str) -> Any | None:
    """The model of a service by botocore's name, or None when botocore has no such service."""
    with _LOADING:  # the first caller loads; botocore's loader is not made for threads
        return _load(service)


def candidates(signing_name: str) -> tuple[str, ...]:
    """The services that sign with this name, by botocore's names."""
    return BY_SIGNING_NAME.get(signing_name, (signing_name,))


def operation_model(service: str, operation: str) -> Any:
    """The model of an operation, or None when botocore does not have it."""
    model = service_model(service)
    return model.operation_model(operation) if model and operation in model.operation_names else None
