"""What a person writes to have an approved version answer, every name that follows from it, and its requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from airflow_finetune.lifecycle.claim import MAX_NAME_LENGTH, Claim
from airflow_finetune.lifecycle.owner import PREFIX
from airflow_finetune.registry.given import arn_of
from airflow_finetune.resources import ENDPOINT_CONFIG, MODEL, Resource
from airflow_finetune.spec import RULES_OF_AWS, Rule, Spec, is_later

VARIANT = "AllTraffic"
VERSION = f"{PREFIX}model-package"
NAME = r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"
_DIGEST_LENGTH = 12
_STEM_LENGTH = MAX_NAME_LENGTH - len("-v999999999-") - _DIGEST_LENGTH


class PromotedSpec(Spec):
    """An approved version behind an endpoint that stays; a custom model of Bedrock answers on demand instead.

    Every field may be a Jinja text. For Bedrock only version, name and tags count.

    Attributes:
        model_package_arn: of the version; it says which image runs and where the weights lie.
        endpoint_name: of the endpoint or of the custom model deployment; the same over all versions.
        role_arn: the role that the endpoint runs with; Bedrock needs none.
        instance_type: for example ``ml.g5.xlarge``.
        instance_count: how many of them; while a new version takes over, AWS runs and bills as many again.
        environment: of the server, beside what the version says.
        startup_timeout_seconds: until the server must answer; None takes AWS's 480 seconds.
        subnets: of your VPC, with ``security_group_ids``.
        security_group_ids: of your VPC.
        network_isolation: the container gets no network.
        tags: of your own, beside ours.
    """

    backend: ClassVar[str] = "promoted endpoint"

    model_package_arn: Annotated[
        str, Field(pattern=r"^arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]+:\d{12}:model-package/[^/\s]+/\d+$")
    ]
    endpoint_name: Annotated[str, Field(pattern=NAME)]
    role_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")] | None = None
    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")] = "ml.g5.xlarge"
    instance_count: Annotated[int, Field(ge=1)] = 1
    environment: Mapping[str, str] = Field(default_factory=dict)
    startup_timeout_seconds: Annotated[int, Field(ge=60, le=3600)] | None = None
    subnets: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    network_isolation: bool = False
    tags: Mapping[str, str] = Field(default_factory=dict)

    rules: ClassVar[tuple[Rule, ...]] = (*RULES_OF_AWS,)

    @property
    def name(self) -> str:
        """The name of model and configuration: another one for each version and each way to serve it."""
        version = self.model_package_arn.rsplit("/", 1)[-1]
        return f"{stem_of(self.endpoint_name)}-v{version}-{self.digest()[:_DIGEST_LENGTH]}"


def loaded_spec(given: Mapping[str, Any], *, rendered: bool, thing: str) -> PromotedSpec:
    """Return the spec of a task's fields; a field of None takes its default.

    Args:
        given: the spec's fields, with ``version`` (ARN, dumped ``ModelVersion``) for the version's ARN.
        rendered: whether everything must be a value now.
        thing: what to name in the error, for example the task id.

    Raises:
        SpecError: names every fault at once.
    """
    fields = {name: value for name, value in given.items() if value is not None and name != "version"}
    version = given["version"]
    arn = version if is_later(version) and not rendered else arn_of(version, thing)
    return PromotedSpec.load({"model_package_arn": arn, **fields}, rendered=rendered, thing=thing)


def owner_of(deployment: str, endpoint_name: str) -> Claim:
    """Return whose a promoted endpoint is: its name's, in one deployment, whichever run deploys to it.

    The formula is frozen by golden vectors: changing it makes every promoted endpoint somebody else's.
    """
    return Claim(deployment, "promoted", endpoint_name, "endpoint", -1, 0)


def stem_of(endpoint_name: str) -> str:
    """Return how the names of all models and configurations of an endpoint begin; others' may begin so too."""
    return endpoint_name[:_STEM_LENGTH].rstrip("-")


def has_its_form(name: str, endpoint_name: str) -> bool:
    """Say whether a model or configuration may be one of an endpoint; only its tags say whose it is."""
    return re.fullmatch(rf"{re.escape(stem_of(endpoint_name))}-v\d+-[0-9a-f]{{{_DIGEST_LENGTH}}}", name) is not None


def requests(spec: PromotedSpec) -> tuple[tuple[Resource, dict[str, Any]], ...]:
    """Return model and configuration with their requests, in the order of creation."""
    return (MODEL, _model(spec)), (ENDPOINT_CONFIG, _config(spec))


def tags(spec: PromotedSpec) -> list[dict[str, str]]:
    """Return the user's tags and the version."""
    pairs = {**spec.tags, VERSION: spec.model_package_arn}
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def _model(spec: PromotedSpec) -> dict[str, Any]:
    environment = {"Environment": dict(spec.environment)} if spec.environment else {}
    container = {"ModelPackageName": spec.model_package_arn, **environment}
    request: dict[str, Any] = {"Containers": [container], "ExecutionRoleArn": spec.role_arn, "Tags": tags(spec)}
    if spec.subnets:
        request["VpcConfig"] = {"Subnets": list(spec.subnets), "SecurityGroupIds": list(spec.security_group_ids)}
    if spec.network_isolation:
        request["EnableNetworkIsolation"] = True
    return request


def _config(spec: PromotedSpec) -> dict[str, Any]:
    variant: dict[str, Any] = {
        "VariantName": VARIANT,
        "ModelName": spec.name,
        "InstanceType": spec.instance_type,
        "InitialInstanceCount": spec.instance_count,
    }
    if spec.startup_timeout_seconds is not None:
        variant["ContainerStartupHealthCheckTimeoutInSeconds"] = spec.startup_timeout_seconds
    return {"ProductionVariants": [variant], "Tags": tags(spec)}
