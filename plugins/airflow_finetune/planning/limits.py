"""What a person allows a run to cost, and what beside training it may pay for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from airflow_finetune.spec import KIND, Spec
from airflow_finetune.values import DatasetReference

Usd = Annotated[float, Field(gt=0, allow_inf_nan=False)]
S3Uri = Annotated[str, Field(pattern=r"^s3://[^/]+/.+")]


class Hosting(BaseModel):
    """What the models are served on while they are evaluated.

    Attributes:
        instance_type: of every endpoint, for example ``ml.g5.xlarge``; empty takes what a model of a hub says itself.
        instance_count: of each endpoint.
        arms: how many models are served side by side: baseline and candidate.
        hours: how long an endpoint may live; its lease.
        image_uri: what serves; None where it is not known yet, and not looked at.
        usd_per_hour: of one instance; None asks AWS.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    instance_type: Annotated[str, Field(pattern=r"^(ml\.[a-z0-9-]+\.[a-z0-9-]+)?$")] = ""
    instance_count: Annotated[int, Field(ge=1)] = 1
    arms: Annotated[int, Field(ge=1)] = 2
    hours: Usd = 2.0
    image_uri: str | None = None
    usd_per_hour: Usd | None = None


class BedrockHosting(BaseModel):
    """What serves a custom model on Bedrock while it is evaluated.

    Attributes:
        hosting: a deployment that is paid by token, which costs nothing beside ``Evaluation``; or model units, paid by
            the hour.
        model: id or ARN of the base model, or ARN of a custom model; its name is what the price list is asked for.
        model_units: of each arm, for provisioned throughput.
        arms: how many models are served so. A baseline that is a base model is asked on demand: it is not one of them.
        hours: how long provisioned throughput may live; its lease.
        commitment: for how long it is bought; it cannot be deleted before, so its whole term is counted, at the price
            without commitment, which AWS does not exceed.
        prices: ``model_unit`` an hour, of one unit; what is not given, AWS is asked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, protected_namespaces=())

    hosting: Literal["on_demand_deployment", "provisioned_throughput"]
    model: Annotated[str, Field(min_length=1)]
    model_units: Annotated[int, Field(ge=1)] = 1
    arms: Annotated[int, Field(ge=1)] = 1
    hours: Usd = 2.0
    commitment: Literal["OneMonth", "SixMonths"] | None = None
    prices: Mapping[Literal["model_unit"], Usd] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _commits_to_units(self) -> Self:
        if self.commitment is not None and self.hosting == "on_demand_deployment":
            raise ValueError("a commitment is for provisioned_throughput; an on_demand_deployment has none")
        return self


class Evaluation(BaseModel):
    """What is asked of models that are paid by the token.

    Attributes:
        golden: the golden set, by address or as a ``DatasetReference``; or the number of its questions.
        models: for each arm that is paid by the token: id or ARN of its base model, or ARN of a custom model, which
            costs what its base costs.
        max_new_tokens: most tokens of an answer.
        bytes_per_item: taken for a question where the golden set cannot be read.
        prices: ``input_tokens`` and ``output_tokens``, a thousand of them; what is not given, AWS is asked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    golden: Annotated[int, Field(ge=1)] | S3Uri | DatasetReference
    models: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    max_new_tokens: Annotated[int, Field(ge=1)] = 256
    bytes_per_item: Annotated[int, Field(ge=1)] = 8192
    prices: Mapping[Literal["input_tokens", "output_tokens"], Usd] = Field(default_factory=dict)


def _kind(value: Any) -> str:
    given = "hosting" in value if isinstance(value, Mapping) else isinstance(value, BedrockHosting)
    return f"{KIND}Bedrock's hosting" if given else f"{KIND}endpoint"


AnyHosting = Annotated[
    Annotated[Hosting, Tag(f"{KIND}endpoint")] | Annotated[BedrockHosting, Tag(f"{KIND}Bedrock's hosting")],
    Discriminator(_kind),
]
"""Endpoints, or what has the key ``hosting``."""


class Limits(Spec):
    """The limits of a plan.

    Attributes:
        max_usd: the most that a run may cost in the worst case. There is no default: no limit, no run.
        hosting: endpoints, or with the key ``hosting`` what Bedrock serves on; None when nothing is served.
        evaluation: what is asked of models that are paid by the token; None when none are.
        evaluation_usd: what else the evaluation may cost, for example a judge.
        usd_per_hour: of one training instance; None asks AWS.
        inputs: more S3 addresses that must hold something, for example of a baseline that is served.
        max_wait: of the fine_tune task, where it is given one; None takes the spec's own limits, as that task does.
        most_jobs: how many jobs may be made, and are counted, where a job is billed by quantity and not by time: the
            first one, and those after a failure on AWS's side or a kill. fine_tune keeps to it if it is given the plan.
        shortest_wait: down to this that time may be shortened, so that the worst case stays within ``max_usd``; only
            for a fine_tune that is given the plan. None shortens nothing: what could cost more is refused.
    """

    backend: ClassVar[str] = "plan"

    max_usd: Usd
    hosting: AnyHosting | None = None
    evaluation: Evaluation | None = None
    evaluation_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    usd_per_hour: Usd | None = None
    inputs: tuple[str, ...] = ()
    max_wait: Annotated[timedelta, Field(gt=timedelta(0))] | None = None
    most_jobs: Annotated[int, Field(ge=1)] = 3
    shortest_wait: Annotated[timedelta, Field(gt=timedelta(0))] | None = None
