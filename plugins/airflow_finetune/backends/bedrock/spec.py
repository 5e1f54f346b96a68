"""What a person writes to customize a model on Amazon Bedrock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from airflow_finetune.backends.bedrock.families import Customization, family_of, hyperparameter_faults
from airflow_finetune.backends.fields import Dataset, Names, S3Uri, Scalar
from airflow_finetune.spec import RULES_OF_AWS, Rule, Spec, is_later

HYPERPARAMETERS: Mapping[str, str] = {
    "epochs": "epochCount",
    "batch_size": "batchSize",
    "learning_rate": "learningRate",
    "learning_rate_multiplier": "learningRateMultiplier",
    "learning_rate_warmup_steps": "learningRateWarmupSteps",
    "early_stopping_threshold": "earlyStoppingThreshold",
    "early_stopping_patience": "earlyStoppingPatience",
    "evaluation_percentage": "evalPercentage",
}
"""Typed field -> AWS's name of the hyperparameter."""
REINFORCEMENT: Mapping[str, str] = {
    "epochs": "epochCount",
    "batch_size": "batchSize",
    "learning_rate": "learningRate",
    "max_prompt_length": "maxPromptLength",
    "samples_per_prompt": "trainingSamplePerPrompt",
    "inference_max_tokens": "inferenceMaxTokens",
    "reasoning_effort": "reasoningEffort",
    "evaluation_interval": "evalInterval",
}
"""Likewise for reinforcement fine-tuning, which has another place for them."""
_GRADED_ONLY = tuple(field for field in REINFORCEMENT if field not in HYPERPARAMETERS)
_NOT_GRADED = tuple(field for field in HYPERPARAMETERS if field not in REINFORCEMENT)
_JUDGED = ("base_model", "customization", *HYPERPARAMETERS, "hyperparameters", "limits", "validation")

Usage = Literal["customization", "input_tokens", "output_tokens", "model_unit", "model_storage"]
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class InvocationLogs(BaseModel):
    """Bedrock's invocation logs, to distil from.

    Attributes:
        uri: below which they lie.
        use_prompt_response: whether the logged answers are learnt; else the teacher answers the logged prompts again.
        filters: by request metadata, in AWS's own form (``requestMetadataFilters``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: S3Uri
    use_prompt_response: bool = False
    filters: Mapping[str, Any] | None = None


def _any(spec: BedrockSpec, *fields: str) -> bool:
    return any(getattr(spec, field) is not None for field in fields)


def _given_twice(spec: BedrockSpec) -> bool:
    return bool({aws for field, aws in HYPERPARAMETERS.items() if _any(spec, field)} & set(spec.hyperparameters))


def _is(spec: BedrockSpec, customization: Customization) -> bool:
    return spec.customization == customization


class BedrockSpec(Spec):
    """A model customization job on Amazon Bedrock.

    Every field may be a Jinja text. None means: AWS's default.

    Attributes:
        role_arn: the role that the job reads the data and writes its files with.
        output_uri: where rendered data and AWS's metric files go, ``s3://...``.
        base_model: id or ARN of a base model, or ARN of a custom model of your own.
        customization: ``fine_tuning``, ``continued_pre_training`` on the texts alone, ``distillation`` from a teacher's
            answers, or ``reinforcement_fine_tuning`` by what a Lambda function thinks of the answers.
        dataset: chat JSON Lines: a file or folder in S3, or a DatasetReference; rendered for the model's family.
        validation: likewise; refused for a model that takes none.
        curated_validation: likewise, but left out, with a line in the log, where the model takes none or not so many.
        model_name: of the custom model; None is the job's name.
        epochs: passes over the data.
        batch_size: records of one step.
        learning_rate: its peak.
        learning_rate_multiplier: of AWS's own learning rate.
        learning_rate_warmup_steps: steps until the peak.
        early_stopping_threshold: an improvement of the loss below it counts as none.
        early_stopping_patience: evaluations without improvement after which AWS ends the training.
        evaluation_percentage: of the data that AWS evaluates on, where no validation data is given.
        hyperparameters: whatever else the model takes, by AWS's names.
        teacher_model: id or ARN of the model that answers the prompts of a distillation.
        max_response_length: tokens of a teacher's answer.
        keep_answers: whether the answers in the data of a distillation go along, for AWS to take as golden examples;
            else it gets the prompts alone.
        invocation_logs: of Bedrock, in place of ``dataset``: ``uri``, ``use_prompt_response``, ``filters``.
        grader_arn: of the Lambda function that grades answers.
        max_prompt_length: tokens of a prompt, in reinforcement.
        samples_per_prompt: answers that are graded for each prompt.
        inference_max_tokens: tokens of such an answer.
        reasoning_effort: with which the model answers.
        evaluation_interval: steps between two evaluations, in reinforcement.
        model_kms_key_id: encrypts the model, and the data that is written for the job.
        subnets: of your VPC, with ``security_group_ids``.
        security_group_ids: of your VPC.
        tags: of your own, beside ours; on the job and on the model.
        request_overrides: merged into the CreateModelCustomizationJob request, which is checked before it is sent.
        limits: merged over the family's row of limits.json, for what AWS has changed since.
        prices: usage -> dollars, in place of AWS's price list: ``customization``, ``input_tokens``, ``output_tokens``
            (of the teacher) per 1000 tokens, ``model_storage`` per month, ``model_unit`` per hour.
    """

    backend: ClassVar[str] = "bedrock"
    filled: ClassVar[frozenset[str]] = frozenset({"role_arn", "output_uri", "dataset"})
    not_in_digest: ClassVar[frozenset[str]] = frozenset({"tags", "prices"})

    role_arn: Annotated[str, Field(default=None, pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")]
    output_uri: Annotated[S3Uri, Field(default=None)]
    base_model: Annotated[str, Field(min_length=1)]
    customization: Customization = "fine_tuning"
    dataset: Annotated[Dataset, Field(default=None)]
    validation: Dataset | None = None
    curated_validation: Dataset | None = None
    model_name: Annotated[str, Field(pattern=r"^([0-9a-zA-Z][_-]?)+$", max_length=63)] | None = None
    epochs: Count | None = None
    batch_size: Count | None = None
    learning_rate: Annotated[float, Field(ge=0)] | None = None
    learning_rate_multiplier: Annotated[float, Field(gt=0)] | None = None
    learning_rate_warmup_steps: Annotated[int, Field(ge=0)] | None = None
    early_stopping_threshold: Annotated[float, Field(ge=0)] | None = None
    early_stopping_patience: Count | None = None
    evaluation_percentage: Annotated[float, Field(gt=0, le=100)] | None = None
    hyperparameters: Mapping[str, Scalar] = Field(default_factory=dict)
    teacher_model: Annotated[str, Field(min_length=1)] | None = None
    max_response_length: Count | None = None
    keep_answers: bool = False
    invocation_logs: InvocationLogs | None = None
    grader_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z\-]*:lambda:.+$")] | None = None
    max_prompt_length: Count | None = None
    samples_per_prompt: Annotated[int, Field(ge=2, le=16)] | None = None
    inference_max_tokens: Count | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    evaluation_interval: Annotated[int, Field(ge=1, le=100)] | None = None
    model_kms_key_id: str | None = None
    subnets: Names = ()
    security_group_ids: Names = ()
    tags: Mapping[str, str] = Field(default_factory=dict)
    request_overrides: Mapping[str, Any] = Field(default_factory=dict)
    limits: Mapping[str, Any] = Field(default_factory=dict)
    prices: Mapping[Usage, Dollars] = Field(default_factory=dict)

    rules: ClassVar[tuple[Rule, ...]] = (
        *RULES_OF_AWS,
        Rule(
            ("customization", "teacher_model"),
            lambda spec: _is(spec, "distillation") != (spec.teacher_model is not None),
            "teacher_model is given for a distillation, and only there.",
        ),
        Rule(
            ("customization", "max_response_length", "keep_answers", "invocation_logs"),
            lambda spec: (
                not _is(spec, "distillation")
                and (_any(spec, "max_response_length", "invocation_logs") or spec.keep_answers)
            ),
            "max_response_length, keep_answers and invocation_logs belong to a distillation.",
        ),
        Rule(
            ("dataset", "invocation_logs"),
            lambda spec: spec.dataset is not None and spec.invocation_logs is not None,
            "dataset and invocation_logs exclude each other: a distillation has one source of prompts.",
        ),
        Rule(
            ("customization", "grader_arn"),
            lambda spec: _is(spec, "reinforcement_fine_tuning") != (spec.grader_arn is not None),
            "grader_arn is given for a reinforcement fine-tuning, and only there.",
        ),
        Rule(
            ("customization", *_GRADED_ONLY),
            lambda spec: not _is(spec, "reinforcement_fine_tuning") and _any(spec, *_GRADED_ONLY),
            f"{', '.join(_GRADED_ONLY)} belong to a reinforcement fine-tuning.",
        ),
        Rule(
            ("customization", *_NOT_GRADED),
            lambda spec: _is(spec, "reinforcement_fine_tuning") and _any(spec, *_NOT_GRADED),
            f"a reinforcement fine-tuning takes none of {', '.join(_NOT_GRADED)}.",
        ),
        Rule(
            ("hyperparameters", *HYPERPARAMETERS),
            _given_twice,
            "a hyperparameter that is a field of the spec is given in one place only.",
        ),
        Rule(
            ("validation", "curated_validation"),
            lambda spec: spec.validation is not None and spec.curated_validation is not None,
            "validation and curated_validation exclude each other.",
        ),
    )

    @model_validator(mode="after")
    def _complete(self, info: ValidationInfo) -> BedrockSpec:
        """Ask for what may be filled, where nobody can any more; logs stand in for a dataset."""
        wanted = self.filled - ({"dataset"} if self.invocation_logs is not None else set())
        missing = sorted(wanted - self.model_fields_set) if info.context is not None else ()
        if missing:
            raise PydanticCustomError("missing_field", "{said}", {"said": f"{', '.join(missing)}: Field required"})
        return self

    def broken_rules(self) -> Iterator[str]:
        """Yield also what the family's limits say, as soon as everything that they are about is known."""
        yield from super().broken_rules()
        if not any(is_later(getattr(self, field)) for field in _JUDGED):
            yield from _against_the_family(self)


def _against_the_family(spec: BedrockSpec) -> Iterator[str]:
    try:
        limits = family_of(spec.base_model, spec.customization, spec.limits).limits
    except ValueError as error:
        yield str(error)
        return
    yield from hyperparameter_faults(limits, asked_hyperparameters(spec))
    if spec.validation is not None and limits.validation_records is None:
        yield (
            f"validation data is not taken by {spec.customization} of {spec.base_model}"
            f" ({limits.source('validation_records')}): leave validation out."
        )


def asked_hyperparameters(spec: BedrockSpec) -> dict[str, Scalar]:
    """Return what goes into the request's hyperparameters, by AWS's names; reinforcement has another place for its."""
    typed = {} if _is(spec, "reinforcement_fine_tuning") else HYPERPARAMETERS
    given = {aws: getattr(spec, field) for field, aws in typed.items() if getattr(spec, field) is not None}
    return {**given, **spec.hyperparameters}
