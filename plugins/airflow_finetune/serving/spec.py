"""What a person writes to have a model answer, and the three requests that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from airflow_finetune.redact import REFERENCE_HINT, literal_secrets
from airflow_finetune.resources import ENDPOINT, ENDPOINT_CONFIG, MODEL, Resource
from airflow_finetune.spec import RULES_OF_AWS, Rule, Spec, is_later
from airflow_finetune.values import ModelReference

VARIANT = "AllTraffic"


def _reference(value: Any) -> Any:
    if isinstance(value, str):
        return {"uri": value}
    if isinstance(value, Mapping) and "model_uri" in value:  # a dumped TunedModel
        return {"uri": value["model_uri"]}
    return value


Model = Annotated[ModelReference, BeforeValidator(_reference)]


class DeploySpec(Spec):
    """A model behind an endpoint of its own.

    Every field may be a Jinja text.

    Attributes:
        model: what answers: an S3 address, a dumped ``ModelReference`` or ``TunedModel``; a ``.tar.gz``, or a folder
            that ends with ``/``.
        image_uri: what serves it.
        role_arn: the role that the endpoint runs with.
        instance_type: for example ``ml.g5.xlarge``.
        instance_count: how many of them.
        environment: of the server. Secrets are references (ARNs) that the program reads.
        startup_timeout_seconds: until the server must answer; None takes AWS's 480 seconds.
        subnets: of your VPC, with ``security_group_ids``.
        security_group_ids: of your VPC.
        network_isolation: the container gets no network.
        code_uri: below which a model that is a folder without serving code is copied together with this package's; None
            serves it as it is, by an image that needs none.
        code_kms_key_id: encrypts that copy; None takes the bucket's own way.
        tags: of your own, beside ours.
    """

    backend: ClassVar[str] = "endpoint"

    model: Model
    image_uri: str
    role_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")]
    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")] = "ml.g5.xlarge"
    instance_count: Annotated[int, Field(ge=1)] = 1
    environment: Mapping[str, str] = Field(default_factory=dict)
    startup_timeout_seconds: Annotated[int, Field(ge=60, le=3600)] | None = None
    subnets: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    network_isolation: bool = False
    code_uri: Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")] | None = None
    code_kms_key_id: str | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("model",),
            lambda spec: not spec.model.uri.startswith("s3://") or not spec.model.uri.endswith((".tar.gz", "/")),
            "model must be a .tar.gz in S3, or a folder in S3 that ends with '/'.",
        ),
        *RULES_OF_AWS,
    )

    def with_model(self, uri: str) -> DeploySpec:
        """Return this spec for a model at another address."""
        return self.model_copy(update={"model": self.model.model_copy(update={"uri": uri})})

    @model_validator(mode="after")
    def _no_literal_secrets(self) -> DeploySpec:
        values = self.environment if isinstance(self.environment, Mapping) else {}
        found = list(literal_secrets({k: v for k, v in values.items() if not is_later(v)}, "environment"))
        if found:
            raise PydanticCustomError("literal_secret", "{said}", {"said": f"{' '.join(found)} {REFERENCE_HINT}"})
        return self


def requests(spec: DeploySpec) -> tuple[tuple[Resource, Callable[[str], dict[str, Any]]], ...]:
    """Return, in the order of creation, each resource with what gives its request for a name."""
    return (
        (MODEL, lambda _: _model(spec)),
        (ENDPOINT_CONFIG, lambda name: _config(spec, name)),
        (ENDPOINT, lambda name: {"EndpointConfigName": name, **_tags(spec)}),
    )


def _model(spec: DeploySpec) -> dict[str, Any]:
    uri = spec.model.uri
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    data = {"ModelDataSource": {"S3DataSource": source}} if uri.endswith("/") else {"ModelDataUrl": uri}
    container = {"Image": spec.image_uri, **data, "Environment": dict(spec.environment)}
    request: dict[str, Any] = {"PrimaryContainer": container, "ExecutionRoleArn": spec.role_arn, **_tags(spec)}
    if spec.subnets:
        request["VpcConfig"] = {"Subnets": list(spec.subnets), "SecurityGroupIds": list(spec.security_group_ids)}
    if spec.network_isolation:
        request["EnableNetworkIsolation"] = True
    return request


def _config(spec: DeploySpec, name: str) -> dict[str, Any]:
    variant: dict[str, Any] = {
        "VariantName": VARIANT,
        "ModelName": name,
        "InstanceType": spec.instance_type,
        "InitialInstanceCount": spec.instance_count,
    }
    if spec.startup_timeout_seconds is not None:
        variant["ContainerStartupHealthCheckTimeoutInSeconds"] = spec.startup_timeout_seconds
    return {"ProductionVariants": [variant], **_tags(spec)}


def _tags(spec: DeploySpec) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in spec.tags.items()]}
