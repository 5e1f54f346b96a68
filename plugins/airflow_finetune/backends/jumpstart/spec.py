"""What a person writes to tune a model of a SageMaker hub with the hub's own training script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from airflow_finetune.backends.fields import Dataset, Names, S3Uri, Scalar
from airflow_finetune.redact import REFERENCE_HINT, literal_secrets
from airflow_finetune.spec import RULES_OF_AWS, Rule, Spec, is_later

Method = Literal["instruction", "chat", "domain_adaptation"]
SWITCHES: Mapping[str, Mapping[str, str]] = {
    "instruction": {"instruction_tuned": "True", "chat_dataset": "False"},
    "chat": {"chat_dataset": "True", "instruction_tuned": "False"},
    "domain_adaptation": {"instruction_tuned": "False", "chat_dataset": "False"},
}
"""Method -> the hyperparameters of AWS's scripts that choose it; the first one must be there."""
TYPED_HYPERPARAMETERS: Mapping[str, tuple[str, ...]] = {
    "epochs": ("epoch", "epochs", "num_train_epochs"),
    "batch_size": ("per_device_train_batch_size", "batch_size"),
    "learning_rate": ("learning_rate",),
    "seed": ("seed",),
}
"""Field -> what scripts call it; the document says which one of them there is, and its range."""


class Template(BaseModel):
    """How a record becomes a prompt and the completion that is learnt.

    Attributes:
        prompt: text with the names of the record's fields in braces.
        completion: likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str
    completion: str

    @field_validator("prompt", "completion")
    @classmethod
    def _has_fields(cls, text: str) -> str:
        try:
            found = list(fields_in(text))
        except ValueError as error:
            raise PydanticCustomError("template", "{said}", {"said": f"is no template: {error}"}) from None
        if not found:
            said = "has no field: every record would be the same. Write the name of one in braces, for example {prompt}"
            raise PydanticCustomError("template", "{said}", {"said": said})
        return text


def fields_in(text: str) -> Iterator[str]:
    """Yield the names in braces.

    Raises:
        ValueError: the braces do not fit together.
    """
    for _, name, _, _ in Formatter().parse(text):
        if name is not None:
            yield name


def _given_twice(spec: JumpStartSpec) -> set[str]:
    typed = {
        name for field, names in TYPED_HYPERPARAMETERS.items() if getattr(spec, field) is not None for name in names
    }
    return typed & set(spec.hyperparameters)


class JumpStartSpec(Spec):
    r"""A SageMaker training job that runs a hub's own script on one of its models.

    Every field may be a Jinja text. None means: what the hub's document says.

    Attributes:
        role_arn: the role that the job runs with.
        output_uri: where models, rendered data and checkpoints go, ``s3://...``.
        model_id: the model's name in the hub; ``python -m airflow_finetune jumpstart list`` shows all.
        version: of the model; None takes the newest, once: a plan freezes it.
        hub: a private hub by its name, or its ARN where it is another account's; None is AWS's public one.
        accept_eula: whether you accept the license of a gated model; read it first.
        dataset: chat JSON Lines: a file or folder in S3, or a DatasetReference; rendered for the method.
        validation: likewise; left out, with a line in the log, where the script takes none.
        method: ``instruction`` learns one answer to one prompt, ``chat`` the answers of whole conversations,
            ``domain_adaptation`` the texts alone.
        template: for ``instruction``: ``prompt`` and ``completion``, each with fields of a record in braces:
            \{system}, \{prompt}, \{completion}, and what stands beside ``messages``; None takes those two as they are.
        epochs: passes over the data.
        batch_size: records of one forward pass.
        learning_rate: its peak.
        seed: of everything random.
        hyperparameters: whatever else the script takes, by its own names; all are held against types, ranges and
            options of the document.
        instance_type: one that the document lists.
        instance_count: how many of them.
        volume_gb: disk of each.
        max_runtime_seconds: of training, interruptions not counted.
        max_wait_seconds: of training and waiting for Spot together.
        spot: whether to use Spot, which needs a script that keeps checkpoints.
        keeps_checkpoints: whether the script does; None takes it from the document, see docs/jumpstart.md.
        fallback: ``on_demand`` buys an on-demand instance when Spot has none; it goes on from the same checkpoint.
        checkpoint_uri: below which checkpoints go; None is ``output_uri``.
        output_kms_key_id: encrypts what is written to S3.
        volume_kms_key_id: encrypts the disks.
        subnets: of your VPC, with ``security_group_ids``.
        security_group_ids: of your VPC.
        network_isolation: whether the container gets no network.
        encrypt_traffic: between the instances of one job.
        environment: of the script, over the document's. Secrets are references (ARNs) that the program reads.
        tags: of your own, beside ours.
        request_overrides: merged into the CreateTrainingJob request; the result is checked before it is sent.
    """

    backend: ClassVar[str] = "jumpstart"
    filled: ClassVar[frozenset[str]] = frozenset({"role_arn", "output_uri", "dataset"})

    role_arn: Annotated[str, Field(default=None, pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")]
    output_uri: Annotated[S3Uri, Field(default=None)]
    model_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
    version: Annotated[str, Field(pattern=r"^\d{1,4}\.\d{1,4}\.\d{1,4}$")] | None = None
    hub: Annotated[str, Field(min_length=1)] | None = None
    accept_eula: bool = False
    dataset: Annotated[Dataset, Field(default=None)]
    validation: Dataset | None = None
    method: Method = "instruction"
    template: Template | None = None
    epochs: Annotated[float, Field(gt=0)] | None = None
    batch_size: Annotated[int, Field(gt=0)] | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    hyperparameters: Mapping[str, Scalar] = Field(default_factory=dict)
    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")] | None = None
    instance_count: Annotated[int, Field(ge=1)] = 1
    volume_gb: Annotated[int, Field(ge=1)] | None = None
    max_runtime_seconds: Annotated[int, Field(ge=1)] = 24 * 3600
    max_wait_seconds: Annotated[int, Field(ge=1)] = 48 * 3600
    spot: bool = False
    keeps_checkpoints: bool | None = None
    fallback: Literal["on_demand"] | None = "on_demand"
    checkpoint_uri: S3Uri | None = None
    output_kms_key_id: str | None = None
    volume_kms_key_id: str | None = None
    subnets: Names = ()
    security_group_ids: Names = ()
    network_isolation: bool | None = None
    encrypt_traffic: bool | None = None
    environment: Mapping[str, str] = Field(default_factory=dict)
    tags: Mapping[str, str] = Field(default_factory=dict)
    request_overrides: Mapping[str, Any] = Field(default_factory=dict)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("spot", "max_wait_seconds", "max_runtime_seconds"),
            lambda spec: spec.spot and spec.max_wait_seconds < spec.max_runtime_seconds,
            "max_wait_seconds must be at least max_runtime_seconds: it counts both waiting for Spot and training.",
        ),
        *RULES_OF_AWS,
        Rule(
            ("method", "template"),
            lambda spec: spec.template is not None and spec.method != "instruction",
            "template belongs to method: instruction.",
        ),
        Rule(
            ("hyperparameters", *TYPED_HYPERPARAMETERS),
            lambda spec: bool(_given_twice(spec)),
            "a hyperparameter that is a field of the spec is given in one place only.",
        ),
        Rule(
            ("hyperparameters",),
            lambda spec: bool({"instruction_tuned", "chat_dataset"} & set(spec.hyperparameters)),
            "instruction_tuned and chat_dataset are said by method.",
        ),
        Rule(
            ("hyperparameters",),
            lambda spec: any(name.startswith("sagemaker_") for name in spec.hyperparameters),
            "hyperparameters must not begin with 'sagemaker_': they tell the container how to start.",
        ),
        Rule(
            ("spot", "keeps_checkpoints"),
            lambda spec: spec.spot and spec.keeps_checkpoints is False,
            "spot needs a script that keeps checkpoints: else every interruption begins again.",
        ),
    )

    @model_validator(mode="after")
    def _no_literal_secrets(self) -> JumpStartSpec:
        found = [
            said
            for field in ("hyperparameters", "environment")
            if isinstance(values := getattr(self, field), Mapping)
            for said in literal_secrets({k: v for k, v in values.items() if not is_later(v)}, field)
        ]
        if found:
            raise PydanticCustomError("literal_secret", "{said}", {"said": f"{' '.join(found)} {REFERENCE_HINT}"})
        return self
