"""What a person writes to tune a model in a SageMaker training job on Spot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from airflow_finetune.backends.fields import Dataset, Names, S3Uri, Scalar
from airflow_finetune.redact import REFERENCE_HINT, literal_secrets
from airflow_finetune.spec import RULES_OF_AWS, Rule, Spec, is_later

TYPED_HYPERPARAMETERS = (
    "method",
    "epochs",
    "max_steps",
    "batch_size",
    "gradient_accumulation",
    "learning_rate",
    "max_length",
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "seed",
)
"""Fields that the program gets as hyperparameters of the same name, when they are set."""


def _free(spec: SpotTrainingSpec) -> set[str]:
    return {name for name in TYPED_HYPERPARAMETERS if getattr(spec, name) is not None} & set(spec.hyperparameters)


class SpotTrainingSpec(Spec):
    """A SageMaker training job, on Spot unless told otherwise.

    Every field may be a Jinja text. None means: AWS's, the container's or this package's default.

    Attributes:
        role_arn: the role that the job runs with.
        output_uri: where models, code and checkpoints go, ``s3://...``.
        base_model: folder of the base model in S3; becomes the channel ``model``.
        dataset: chat JSON Lines: a file or folder in S3, or a DatasetReference; channel ``train``.
        validation: likewise, channel ``validation``.
        image_uri: training image; None looks AWS's Hugging Face image up with the extra ``[sdk]``.
        entry_point: the program in ``source_dir``.
        source_dir: folder of the training code on the worker, or ``s3://.../sourcedir.tar.gz``; None is ours.
        method: ``lora`` trains an adapter and merges it, ``full`` trains all weights.
        epochs: passes over the data.
        max_steps: optimizer steps; goes before ``epochs``.
        batch_size: records of one forward pass.
        gradient_accumulation: forward passes of one optimizer step.
        learning_rate: its peak.
        max_length: tokens of a record.
        lora_rank: rank of the adapter.
        lora_alpha: scale of the adapter.
        lora_dropout: dropout before the adapter.
        seed: of everything random.
        hyperparameters: whatever else the program takes.
        instance_type: for example ``ml.g5.2xlarge``.
        instance_count: how many of them.
        volume_gb: disk of each.
        max_runtime_seconds: of training, interruptions not counted.
        max_wait_seconds: of training and waiting for Spot together.
        spot: whether to use Spot; checkpoints are kept in both cases.
        fallback: ``on_demand`` buys an on-demand instance when Spot has none; it goes on from the same checkpoint.
        checkpoint_uri: below which checkpoints go; None is ``output_uri``.
        output_kms_key_id: encrypts what is written to S3.
        volume_kms_key_id: encrypts the disks.
        subnets: of your VPC, with ``security_group_ids``.
        security_group_ids: of your VPC.
        network_isolation: the container gets no network.
        encrypt_traffic: between the instances of one job.
        environment: of the program. Secrets are references (ARNs) that the program reads.
        tags: of your own, beside ours.
        metrics: name -> regular expression that AWS reads from the log; None reads our program's.
        request_overrides: merged into the CreateTrainingJob request; the result is checked before it is sent.
    """

    backend: ClassVar[str] = "spot_training"
    filled: ClassVar[frozenset[str]] = frozenset({"role_arn", "output_uri", "dataset"})

    role_arn: Annotated[str, Field(default=None, pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")]
    output_uri: Annotated[S3Uri, Field(default=None)]
    base_model: S3Uri
    dataset: Annotated[Dataset, Field(default=None)]
    validation: Dataset | None = None
    image_uri: str | None = None
    entry_point: str = "train.py"
    source_dir: str | None = None
    method: Literal["full", "lora"] | None = None
    epochs: Annotated[float, Field(gt=0)] | None = None
    max_steps: Annotated[int, Field(gt=0)] | None = None
    batch_size: Annotated[int, Field(gt=0)] | None = None
    gradient_accumulation: Annotated[int, Field(gt=0)] | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    max_length: Annotated[int, Field(gt=0)] | None = None
    lora_rank: Annotated[int, Field(gt=0)] | None = None
    lora_alpha: Annotated[int, Field(gt=0)] | None = None
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    hyperparameters: Mapping[str, Scalar] = Field(default_factory=dict)
    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")] = "ml.g5.2xlarge"
    instance_count: Annotated[int, Field(ge=1)] = 1
    volume_gb: Annotated[int, Field(ge=1)] = 100
    max_runtime_seconds: Annotated[int, Field(ge=1)] = 24 * 3600
    max_wait_seconds: Annotated[int, Field(ge=1)] = 48 * 3600
    spot: bool = True
    fallback: Literal["on_demand"] | None = "on_demand"
    checkpoint_uri: S3Uri | None = None
    output_kms_key_id: str | None = None
    volume_kms_key_id: str | None = None
    subnets: Names = ()
    security_group_ids: Names = ()
    network_isolation: bool = False
    encrypt_traffic: bool = False
    environment: Mapping[str, str] = Field(default_factory=dict)
    tags: Mapping[str, str] = Field(default_factory=dict)
    metrics: Mapping[str, str] | None = None
    request_overrides: Mapping[str, Any] = Field(default_factory=dict)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("spot", "max_wait_seconds", "max_runtime_seconds"),
            lambda spec: spec.spot and spec.max_wait_seconds < spec.max_runtime_seconds,
            "max_wait_seconds must be at least max_runtime_seconds: it counts both waiting for Spot and training.",
        ),
        *RULES_OF_AWS,
        Rule(
            ("source_dir", "entry_point"),
            lambda spec: spec.source_dir is None and spec.entry_point != "train.py",
            "entry_point needs the source_dir that it lies in.",
        ),
        Rule(
            ("hyperparameters", *TYPED_HYPERPARAMETERS),
            lambda spec: bool(_free(spec)),
            "a hyperparameter that is a field of the spec is given in one place only.",
        ),
        Rule(
            ("hyperparameters",),
            lambda spec: any(name.startswith("sagemaker_") for name in spec.hyperparameters),
            "hyperparameters must not begin with 'sagemaker_': they tell the container how to start.",
        ),
    )

    @model_validator(mode="after")
    def _no_literal_secrets(self) -> SpotTrainingSpec:
        found = [
            said
            for field in ("hyperparameters", "environment")
            if isinstance(values := getattr(self, field), Mapping)
            for said in literal_secrets({k: v for k, v in values.items() if not is_later(v)}, field)
        ]
        if found:
            raise PydanticCustomError("literal_secret", "{said}", {"said": f"{' '.join(found)} {REFERENCE_HINT}"})
        return self
