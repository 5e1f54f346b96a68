"""What a person writes to have a model answer, and the three requests that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from airflow_finetune.redact import REFERENCE_HINT, literal_secrets
from airflow_finetune.resources import ENDPOINT, ENDPOINT_CONFIG, MODEL, Resource
from airflow_finetune.spec import RULES_OF_AWS, Rule, Spec, is_later
from airflow_finetune.values import ModelHosting, ModelReference

VARIANT = "AllTraffic"
INSTANCE_TYPE = "ml.g5.xlarge"


def _reference(value: Any) -> Any:
    if isinstance(value, str):
        return {"uri": value}
    if isinstance(value, Mapping) and "model_uri" in value:  # a dumped TunedModel
        return {"uri": value["model_uri"]}
    if isinstance(value, Mapping) and "base_uri" in value:  # a dumped ModelHosting
        return {"uri": value["base_uri"] or ""}
    return value


Model = Annotated[ModelReference, BeforeValidator(_reference)]


class DeploySpec(Spec):
    """A model behind an endpoint of its own.

    Every field may be a Jinja text.

    Attributes:
        model: what answers: an S3 address, a dumped ``ModelReference`` or ``TunedModel``; a ``.tar.gz``, or a folder
            that ends with ``/``. A dumped ``ModelHosting`` means what was there before anybody tuned it.
        image_uri: what serves it; None takes what ``hosting`` says.
        role_arn: the role that the endpoint runs with.
        instance_type: for example ``ml.g5.xlarge``; None takes what ``hosting`` says, else that one.
        instance_count: how many of them.
        environment: of the server. Secrets are references (ARNs) that the program reads.
        startup_timeout_seconds: until the server must answer; None takes AWS's 480 seconds.
        subnets: of your VPC, with ``security_group_ids``.
        security_group_ids: of your VPC.
        network_isolation: the container gets no network.
        code_uri: below which a model that is a folder without serving code is copied together with this package's; None
            serves it as it is, by an image that needs none.
        code_kms_key_id: encrypts that copy; None takes the bucket's own way.
        hosting: what a model of a hub, or one that was tuned from it, is served by: ``hosting`` of the ``TunedModel``.
            Its environment goes below ``environment``.
        tags: of your own, beside ours.
    """

    backend: ClassVar[str] = "endpoint"

    model: Model
    image_uri: str | None = None
    role_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")]
    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")] | None = None
    instance_count: Annotated[int, Field(ge=1)] = 1
    environment: Mapping[str, str] = Field(default_factory=dict)
    startup_timeout_seconds: Annotated[int, Field(ge=60, le=3600)] | None = None
    subnets: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    network_isolation: bool = False
    code_uri: Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")] | None = None
    code_kms_key_id: str | None = None
    hosting: ModelHosting | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("model",),
            lambda spec: not spec.model.uri.startswith("s3://") or not spec.model.uri.endswith((".tar.gz", "/")),
            "model must be a .tar.gz in S3, or a folder in S3 that ends with '/'.",
        ),
        Rule(
            ("image_uri", "hosting"),
            lambda spec: spec.image_uri is None and spec.hosting is None,
            "image_uri must be given: only a model of a hub says itself what serves it.",
        ),
        *RULES_OF_AWS,
    )

    def as_hosted(self) -> DeploySpec:
        """Return this spec with everything that the hub says and nobody else has said."""
        if (hosting := self.hosting) is None:
            return self.model_copy(update={"instance_type": self.instance_type or INSTANCE_TYPE})
        instance_type = self.instance_type or hosting.instance_type
        update: dict[str, Any] = {
            "image_uri": self.image_uri or hosting.image_on(instance_type),
            "instance_type": instance_type,
            "environment": {**hosting.environment, **self.environment},
            "network_isolation": self.network_isolation or hosting.network_isolation,
            "startup_timeout_seconds": self.startup_timeout_seconds or hosting.startup_timeout_seconds,
        }
        return self.model_copy(update=update)

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
    container = {"Image": spec.image_uri, **_data(spec), "Environment": dict(spec.environment)}
    request: dict[str, Any] = {"PrimaryContainer": container, "ExecutionRoleArn": spec.role_arn, **_tags(spec)}
    if spec.subnets:
        request["VpcConfig"] = {"Subnets": list(spec.subnets), "SecurityGroupIds": list(spec.security_group_ids)}
    if spec.network_isolation:
        request["EnableNetworkIsolation"] = True
    return request


def _data(spec: DeploySpec) -> dict[str, Any]:
    uri, access = spec.model.uri, _access(spec)
    if uri.endswith("/"):
        source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    elif access:
        source = {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "Gzip"}
    else:
        return {"ModelDataUrl": uri}
    return {"ModelDataSource": {"S3DataSource": {**source, **access}}}


def _access(spec: DeploySpec) -> dict[str, Any]:
    """Return what AWS wants to be told before it gives out files of a hub; what was tuned is the user's own."""
    hosting = spec.hosting
    if hosting is None or spec.model.uri != hosting.base_uri:
        return {}
    accepted = {"ModelAccessConfig": {"AcceptEula": True}} if hosting.eula_accepted else {}
    arn = hosting.hub_content_arn
    return {**accepted, **({"HubAccessConfig": {"HubContentArn": arn}} if arn else {})}


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
