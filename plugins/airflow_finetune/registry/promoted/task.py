"""What stands between the operators of promoted endpoints and AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.foundation_models import is_custom
from airflow_finetune.errors import RequestRefused
from airflow_finetune.registry.approval.decision import look
from airflow_finetune.registry.promoted.deploy import Takeover, check_approved
from airflow_finetune.registry.promoted.endpoint import OurEndpoint
from airflow_finetune.registry.promoted.undeploy import Key, Undeployment
from airflow_finetune.resources import MODEL_PACKAGE
from airflow_finetune.values import ModelReference, ModelVersion, PromotedEndpoint

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.trigger import AwsAccess
    from airflow_finetune.registry.promoted.spec import PromotedSpec

Say = Callable[[str], None]


def approved(access: AwsAccess, spec: PromotedSpec) -> ModelVersion:
    """Return the version as AWS describes it now.

    Raises:
        RequestRefused: nobody has approved it, AWS does not know it, or no endpoint can serve it.
        Unavailable: AWS could not answer.
    """
    version = look(access.resource_client(MODEL_PACKAGE), spec.model_package_arn)
    check_approved(version)
    if is_custom(version.model_uri):
        said = f"its weights are {version.model_uri}, which Bedrock serves, and no endpoint of SageMaker."
        raise RequestRefused(f"model package {spec.model_package_arn}", said, _by_hand(spec, version))
    return version


def _by_hand(spec: PromotedSpec, version: ModelVersion) -> str:
    made = f"--model-deployment-name {spec.endpoint_name} --model-arn {version.model_uri}"
    tag = "--tags key=airflow-finetune:lifecycle,value=promoted"
    ended = f"delete-custom-model-deployment --custom-model-deployment-identifier {spec.endpoint_name}"
    return f"Run: aws bedrock create-custom-model-deployment {made} {tag}. To end it: aws bedrock {ended}."


def takeover(access: AwsAccess, deployment: str, spec: PromotedSpec, say: Say, updated: bool) -> Takeover:
    """Return the way of an approved version to its endpoint."""
    ours = OurEndpoint(access.resource_client, deployment, spec.endpoint_name)
    return Takeover(ours, spec, say, updated)


def undeployment(access: AwsAccess, deployment: str, name: str, say: Say, deleted: Collection[Key]) -> Undeployment:
    """Return the way of an endpoint to its end."""
    return Undeployment(OurEndpoint(access.resource_client, deployment, name), say, deleted)


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
