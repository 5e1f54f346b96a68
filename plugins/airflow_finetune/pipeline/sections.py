"""The sections of a pipeline file that are the same for every backend; `data` is a CurateSpec, `gate` a GatePolicy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from airflow_finetune.backends.backend import Backend
from airflow_finetune.evaluation.policy import ScorerName
from airflow_finetune.spec import Rule, Spec

ROLE = "{{ var.value.finetune_role_arn }}"
IMAGE = "{{ var.value.finetune_image_uri }}"
SERVING_IMAGE = "{{ var.value.get('finetune_serving_image_uri', none) or var.value.finetune_image_uri }}"
WORK = "s3://{{ var.value.finetune_bucket }}/{{ dag.dag_id }}"
"""What is taken where nothing is said: Airflow Variables, because they differ per deployment."""

INSTANCE_TYPE = "ml.g5.xlarge"

InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Serving(Spec):
    """On what baseline and candidate answer the golden set.

    Attributes:
        baseline: what the candidate must beat: a folder in S3 that ends with ``/``, or a ``.tar.gz``; None is the base.
        image_uri: what serves both; None takes what a model of a hub says itself, for other models the Variable
            ``finetune_serving_image_uri``, else ``finetune_image_uri``.
        our_code: whether a baseline that is a folder without ``code/`` is copied below ``aws.work_uri`` with this
            package's serving code, as the candidate has it; false serves it as it is, by an image with its own server.
        instance_type: of both endpoints; None takes what a model of a hub says itself, for others ``ml.g5.xlarge``.
        instance_count: of each endpoint.
        environment: of the server. Secrets are references (ARNs) that the program reads.
        startup_timeout_seconds: until the server must answer; None takes AWS's 480 seconds.
        lease_hours: how long the endpoints may live, whatever happens to the run.
        usd_per_hour: of one instance, for the plan; None asks AWS.
    """

    backend: ClassVar[str] = "serving"

    baseline: Annotated[str, Field(pattern=r"^s3://[^/]+/.*(/|\.tar\.gz)$")] | None = None
    image_uri: str | None = None
    our_code: bool = True
    instance_type: InstanceType | None = None
    instance_count: Annotated[int, Field(ge=1)] = 1
    environment: Mapping[str, str] = Field(default_factory=dict)
    startup_timeout_seconds: Annotated[int, Field(ge=60, le=3600)] | None = None
    lease_hours: Positive = 2.0
    usd_per_hour: Positive | None = None

    @property
    def on(self) -> str:
        """On what the models answer, for people."""
        return self.instance_type or "the hub's own instance"

    def of(self, backend: Backend) -> Serving:
        """Return this section with what is taken where nothing is said and the model says nothing itself."""
        if backend.brings_server:
            return self
        filled = {"image_uri": self.image_uri or SERVING_IMAGE, "instance_type": self.instance_type or INSTANCE_TYPE}
        return self.model_copy(update=filled)

    @property
    def planned(self) -> dict[str, Any]:
        """What the plan must count, as the fields of its hosting."""
        return {
            "instance_type": self.instance_type or "",
            "instance_count": self.instance_count,
            "hours": self.lease_hours,
            "usd_per_hour": self.usd_per_hour,
            "image_uri": self.image_uri,
        }


class BedrockServing(Spec):
    """How baseline and candidate answer the golden set on Bedrock.

    A baseline that is a base model is asked on demand, and nothing is made for it.

    Attributes:
        hosting: what the tuned model answers on: ``on_demand_deployment`` is paid by the token,
            ``provisioned_throughput`` by the model unit and hour. Never one for the other without a word.
        baseline: what the candidate must beat: a base model's id, or the ARN of a custom model; None is the base.
        model_units: of each provisioned throughput.
        commitment: a term that a throughput is bought for; AWS deletes none before its end, so the teardown cannot.
        confirm_commitment: the same term once more, or the file is refused.
        lease_hours: how long what answers may live, whatever happens to the run.
        delete_rejected: whether the teardown deletes a custom model that the gate has rejected: AWS bills its storage.
        prices: dollars in the place of AWS's list: ``model_unit`` an hour, ``input_tokens`` and ``output_tokens`` for a
            thousand of them.
    """

    backend: ClassVar[str] = "serving"

    hosting: Literal["on_demand_deployment", "provisioned_throughput"]
    baseline: Annotated[str, Field(min_length=1)] | None = None
    model_units: Annotated[int, Field(ge=1)] = 1
    commitment: Literal["OneMonth", "SixMonths"] | None = None
    confirm_commitment: Literal["OneMonth", "SixMonths"] | None = None
    lease_hours: Positive = 2.0
    delete_rejected: bool = True
    prices: Mapping[Literal["model_unit", "input_tokens", "output_tokens"], Positive] = Field(default_factory=dict)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("commitment", "hosting"),
            lambda spec: spec.commitment is not None and spec.hosting != "provisioned_throughput",
            "a commitment belongs to hosting: provisioned_throughput.",
        ),
        Rule(
            ("commitment", "confirm_commitment"),
            lambda spec: spec.commitment != spec.confirm_commitment,
            "a commitment cannot be deleted before its term is over, so the teardown cannot end its bill: leave it out,"
            " or say the same in confirm_commitment.",
        ),
    )

    @property
    def on(self) -> str:
        """On what the tuned model answers, for people."""
        units = f", {self.model_units} model units" if self.model_units > 1 else ""
        return f"{self.hosting.replace('_', ' ')}{units}"

    @property
    def planned(self) -> dict[str, Any]:
        """What the plan must count, as the fields of its hosting; without the model, which is not known here."""
        return {
            "hosting": self.hosting,
            "model_units": self.model_units,
            "commitment": self.commitment,
            "hours": self.lease_hours,
            "prices": {usage: usd for usage, usd in self.prices.items() if usage == "model_unit"},
        }


class Evaluate(Spec):
    """How baseline and candidate are asked.

    Attributes:
        scorers: names of scorers; None takes those that the gate's policy needs.
        sampling: how they answer, the same for both: the fields of ``SamplingSpec``.
        concurrency: requests to each endpoint at a time; None is 4.
    """

    backend: ClassVar[str] = "evaluate"

    scorers: Annotated[tuple[ScorerName, ...], Field(min_length=1)] | None = None
    sampling: Mapping[str, Any] = Field(default_factory=dict)
    concurrency: Annotated[int, Field(ge=1, le=32)] | None = None


class Register(Spec):
    """Where a candidate that passes is registered.

    Attributes:
        group: of SageMaker's model registry; made where there is none.
        approval: whether the run asks for a person's approval, by the DAG ``approve_model``.
    """

    backend: ClassVar[str] = "register"

    group: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
    approval: bool = True


class Aws(Spec):
    """In whose name and where everything runs.

    Attributes:
        conn_id: Airflow connection.
        region: None takes the connection's.
        role_arn: that jobs and endpoints run with; the default is the Variable ``finetune_role_arn``.
        work_uri: below which everything is written; None is ``s3://FINETUNE_BUCKET/DAG_ID/``, by the Variable
            ``finetune_bucket``.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.
        tags: of your own, on everything that is made, beside ours.
        subnets: of your VPC, with ``security_group_ids``.
        security_group_ids: of your VPC.
        network_isolation: training and serving get no network.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        poll_seconds: the longest interval between two looks at a job or an endpoint.
    """

    backend: ClassVar[str] = "aws"

    conn_id: str | None = "aws_default"
    region: str | None = None
    role_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")] = ROLE
    work_uri: Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")] | None = None
    kms_key_id: str | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)
    subnets: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    network_isolation: bool = False
    verify: bool | str | None = None
    botocore_config: Mapping[str, Any] | None = None
    poll_seconds: Positive | None = None


SERVING: Mapping[str, type[Serving] | type[BedrockServing]] = {"endpoint": Serving, "bedrock": BedrockServing}
"""By what a backend's models are served by."""
