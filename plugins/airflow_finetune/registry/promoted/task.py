"""What stands between the operators of promoted endpoints and AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.registry.approval.decision import look
from airflow_finetune.registry.promoted.deploy import Takeover, check_approved, check_role
from airflow_finetune.registry.promoted.endpoint import OurEndpoint
from airflow_finetune.registry.promoted.on_demand import OnDemand, OurDeployment, check_free
from airflow_finetune.registry.promoted.undeploy import Key, Undeployment
from airflow_finetune.resources import CUSTOM_MODEL_DEPLOYMENT, MODEL_PACKAGE
from airflow_finetune.resources.custom_model import is_custom_model
from airflow_finetune.values import ModelReference, ModelVersion, PromotedEndpoint

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.trigger import AwsAccess
    from airflow_finetune.registry.promoted.spec import PromotedSpec

Say = Callable[[str], None]


def approved(access: AwsAccess, spec: PromotedSpec) -> ModelVersion:
    """Return the version as AWS describes it now.

    Raises:
        RequestRefused: nobody has approved it, or AWS does not know it.
        Unavailable: AWS could not answer.
    """
    version = look(access.resource_client(MODEL_PACKAGE), spec.model_package_arn)
    check_approved(version)
    return version


def takeover(
    access: AwsAccess, deployment: str, spec: PromotedSpec, version: ModelVersion, say: Say, updated: bool
) -> Takeover | OnDemand:
    """Return the way of an approved version to its endpoint, or to its deployment on Bedrock.

    Raises:
        SpecError: what an endpoint needs is missing.
        RequestRefused: an endpoint has the name that is to be Bedrock's.
        JobLost, Unavailable: as of AWS.
    """
    ours = OurEndpoint(access.resource_client, deployment, spec.endpoint_name)
    if not is_custom_model(version.model_uri):
        check_role(spec)
        return Takeover(ours, spec, say, updated)
    check_free(spec.endpoint_name, ours.described())
    hosted = OurDeployment(access.resource_client(CUSTOM_MODEL_DEPLOYMENT), deployment, spec.endpoint_name)
    return OnDemand(hosted, spec, version.model_uri, say, updated)


def undeployment(access: AwsAccess, deployment: str, name: str, say: Say, deleted: Collection[Key]) -> Undeployment:
    """Return the way of an endpoint or deployment to its end."""
    hosted = OurDeployment(access.resource_client(CUSTOM_MODEL_DEPLOYMENT), deployment, name)
    return Undeployment(OurEndpoint(access.resource_client, deployment, name), hosted, say, deleted)


def deployment_of(
    described: Mapping[str, Any], spec: PromotedSpec, version: ModelVersion, region: str
) -> PromotedEndpoint:
    """Return what a deployment on Bedrock has made; arguments as of ``endpoint_of``."""
    arn = described[CUSTOM_MODEL_DEPLOYMENT.arn]
    return PromotedEndpoint(
        service="bedrock",
        endpoint_name=arn,
        endpoint_arn=arn,
        region=region,
        model_package_arn=spec.model_package_arn,
        config_name="",
        model=ModelReference(uri=version.model_uri),
        digest=spec.digest(),
        instance_type="",
        hourly_usd=0.0,
    )


def endpoint_of(
    described: Mapping[str, Any], spec: PromotedSpec, version: ModelVersion, region: str, price: float | None
) -> PromotedEndpoint:
    """Return what a deployment has made.

    Args:
        described: AWS's description of the endpoint.
        spec: that it was made from.
        version: that answers.
        region: of the endpoint.
        price: of an hour of one instance; None where AWS's price list gave no answer.
    """
    return PromotedEndpoint(
        endpoint_name=described["EndpointName"],
        endpoint_arn=described["EndpointArn"],
        region=region,
        model_package_arn=spec.model_package_arn,
        config_name=spec.name,
        model=ModelReference(uri=version.model_uri),
        digest=spec.digest(),
        instance_type=spec.instance_type,
        instance_count=spec.instance_count,
        hourly_usd=None if price is None else price * spec.instance_count,
    )
