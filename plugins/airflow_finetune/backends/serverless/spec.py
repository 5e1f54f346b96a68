"""What a person writes to customize a model of SageMaker's hubs without choosing an instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, cast, get_args

from pydantic import Field

from airflow_finetune.backends.fields import Dataset, Names, S3Uri, Scalar
from airflow_finetune.redact import literal_secrets
from airflow_finetune.spec import RULES_OF_AWS, Rule, Spec, is_later

Technique = Literal["sft", "dpo", "rlvr", "rlaif"]
Usage = Literal[
    "sft_lora", "sft_full", "dpo_lora", "dpo_full", "rlvr_lora", "rlvr_full", "rlaif_lora", "rlaif_full"
]  # fmt: skip
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
HYPERPARAMETERS: Mapping[str, str] = {
    "epochs": "max_epochs",
    "max_steps": "max_steps",
    "batch_size": "global_batch_size",
    "learning_rate": "learning_rate",
    "lora_rank": "lora_rank",
    "lora_alpha": "lora_alpha",
    "seed": "seed",
}
"""Typed field -> name of the hyperparameter in AWS's recipes."""
PRESET = "preset_reward_function"
REWARDED: tuple[Technique, ...] = ("rlvr", "rlaif")
TECHNIQUES: tuple[Technique, ...] = get_args(Technique)


_GROUP = r"^(arn:aws[a-z\-]*:sagemaker:[^:]+:\d{12}:model-package-group/)?[a-zA-Z0-9](-*[a-zA-Z0-9])*$"


def _given_twice(spec: ServerlessSpec) -> bool:
    typed = {aws for field, aws in HYPERPARAMETERS.items() if getattr(spec, field) is not None}
    return bool(typed & set(spec.hyperparameters))


class ServerlessSpec(Spec):
    """A serverless customization job of SageMaker: a training job for which AWS chooses the machines.

    Every field may be a Jinja text. None means: the recipe's or AWS's default.

    Attributes:
        role_arn: the role that the job runs with.
        output_uri: where rendered data and models go, ``s3://...``.
        base_model: id of a model in the hub, for example ``huggingface-llm-qwen2-5-7b-instruct``.
        version: of it; None takes the newest.
        hub: a private hub by its name; None is AWS's public one.
        technique: ``sft`` learns answers, ``dpo`` which of two answers is better, ``rlvr`` what a reward function
            likes, ``rlaif`` what a judging model likes.
        method: ``lora`` trains an adapter and merges it, ``full`` trains all weights.
        accept_eula: whether you accept the model's license; asked for where the model is gated.
        dataset: chat JSON Lines: a file or folder in S3, or a DatasetReference; rendered for the technique.
        validation: likewise.
        evaluator_arn: of the reward function or the judge's prompt in a hub, for ``rlvr`` and ``rlaif``.
        model_package_group: name of the group that AWS registers the model in, which is made where there is none; or
            the ARN of one that is there.
        epochs: passes over the data.
        max_steps: optimizer steps, where the recipe lets you say so.
        batch_size: records of one step, over all machines.
        learning_rate: its peak.
        lora_rank: rank of the adapter.
        lora_alpha: scale of the adapter.
        seed: of everything random.
        hyperparameters: whatever else the recipe takes, by AWS's names.
        sequence_length: as AWS writes it, for example ``4K``.
        max_runtime_seconds: after which AWS ends the job.
        output_kms_key_id: encrypts what is written to S3.
        subnets: of your VPC, with ``security_group_ids``.
        security_group_ids: of your VPC.
        mlflow_arn: of the MLflow app that gets the metrics.
        tags: of your own, beside ours.
        request_overrides: merged into the CreateTrainingJob request; the result is checked before it is sent.
        limits: merged over limits.json, for what AWS has changed since: ``regions``.
        prices: technique and method (``sft_lora``) -> dollars of 1000 tokens, in place of AWS's price list.
    """

    backend: ClassVar[str] = "serverless"
    filled: ClassVar[frozenset[str]] = frozenset({"role_arn", "output_uri", "dataset"})
    not_in_digest: ClassVar[frozenset[str]] = frozenset({"tags", "prices"})

    role_arn: Annotated[str, Field(default=None, pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")]
    output_uri: Annotated[S3Uri, Field(default=None)]
    base_model: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,63}$")]
    version: Annotated[str, Field(pattern=r"^\d{1,4}\.\d{1,4}\.\d{1,4}$")] | None = None
    hub: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")] | None = None
    technique: Technique = "sft"
    method: Literal["lora", "full"] = "lora"
    accept_eula: bool = False
    dataset: Annotated[Dataset, Field(default=None)]
    validation: Dataset | None = None
    evaluator_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z\-]*:.+$")] | None = None
    model_package_group: Annotated[str, Field(pattern=_GROUP)]
    epochs: Count | None = None
    max_steps: Count | None = None
    batch_size: Count | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    lora_rank: Count | None = None
    lora_alpha: Count | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    hyperparameters: Mapping[str, Scalar] = Field(default_factory=dict)
    sequence_length: Annotated[str, Field(pattern=r"^\d+K$")] | None = None
    max_runtime_seconds: Count | None = None
    output_kms_key_id: str | None = None
    subnets: Names = ()
    security_group_ids: Names = ()
    mlflow_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z\-]*:sagemaker:.*:mlflow-.+$")] | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)
    request_overrides: Mapping[str, Any] = Field(default_factory=dict)
    limits: Mapping[Literal["regions"], Any] = Field(default_factory=dict)
    prices: Mapping[Usage, Dollars] = Field(default_factory=dict)

    rules: ClassVar[tuple[Rule, ...]] = (
        *RULES_OF_AWS,
        Rule(
            ("technique", "evaluator_arn", "hyperparameters"),
            lambda spec: (
                spec.technique in REWARDED and spec.evaluator_arn is None and PRESET not in spec.hyperparameters
            ),
            f"{' and '.join(REWARDED)} need what says how good an answer is: evaluator_arn, or the hyperparameter"
            f" {PRESET}.",
        ),
        Rule(
            ("technique", "evaluator_arn"),
            lambda spec: spec.technique not in REWARDED and spec.evaluator_arn is not None,
            f"evaluator_arn belongs to {' and '.join(REWARDED)}.",
        ),
        Rule(
            ("method", "lora_rank", "lora_alpha"),
            lambda spec: spec.method == "full" and (spec.lora_rank is not None or spec.lora_alpha is not None),
            "lora_rank and lora_alpha belong to method: lora.",
        ),
        Rule(
            ("hyperparameters", *HYPERPARAMETERS),
            _given_twice,
            "a hyperparameter that is a field of the spec is given in one place only.",
        ),
    )

    def broken_rules(self) -> Iterator[str]:
        """Yield also literals that look like secrets."""
        yield from super().broken_rules()
        if isinstance(self.hyperparameters, Mapping):
            known = {name: value for name, value in self.hyperparameters.items() if not is_later(value)}
            yield from literal_secrets(known, "hyperparameters")

    @property
    def usage(self) -> Usage:
        """What the price list is asked for."""
        return cast(Usage, f"{self.technique}_{self.method}")


def asked_hyperparameters(spec: ServerlessSpec) -> dict[str, Scalar]:
    """Return what was asked for, by AWS's names."""
    given = {aws: getattr(spec, field) for field, aws in HYPERPARAMETERS.items() if getattr(spec, field) is not None}
    return {**given, **spec.hyperparameters}
