"""What a person writes to have a model answer on Bedrock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from airflow_finetune.resources.custom_model import is_custom_model
from airflow_finetune.serving.spec import Model
from airflow_finetune.spec import RULES_OF_TAGS, Rule, Spec

Hosting = Literal["on_demand_deployment", "provisioned_throughput"]
Commitment = Literal["OneMonth", "SixMonths"]
Usage = Literal["customization", "input_tokens", "output_tokens", "model_unit", "model_storage"]


class BedrockDeploySpec(Spec):
    """A model that Bedrock answers with.

    A base model that AWS offers on demand is asked as it is: nothing is made. Every field may be a Jinja text.

    Attributes:
        model: what answers: id or ARN of a base model, id of an inference profile, ARN of a custom model, or a dumped
            ``TunedModel``.
        hosting: how. ``on_demand_deployment`` bills by the token, ``provisioned_throughput`` by the model unit and
            hour, whether or not anybody asks. None only for a base model, which is then asked on demand.
        model_units: of a throughput.
        commitment: buys the throughput for a term, which AWS does not let anybody end; None for none.
        confirm_commitment: the same word once more.
        prices: usage -> dollars, where AWS's price list has no answer: ``input_tokens`` and ``output_tokens`` (a
            thousand of them), ``model_unit`` (an hour), ``model_storage`` (a month), ``customization``.
        tags: of your own, beside ours.
    """

    backend: ClassVar[str] = "bedrock_hosting"
    not_in_digest: ClassVar[frozenset[str]] = frozenset({"tags", "prices", "confirm_commitment"})

    model: Model
    hosting: Hosting | None = None
    model_units: Annotated[int, Field(ge=1)] = 1
    commitment: Commitment | None = None
    confirm_commitment: Commitment | None = None
    prices: Mapping[Usage, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    tags: Mapping[str, str] = Field(default_factory=dict)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("model",),
            lambda spec: spec.model.uri.startswith("s3://"),
            "model is the id or ARN of a base model, or the ARN of a custom model: Bedrock does not answer with what"
            " lies in S3.",
        ),
        Rule(
            ("model", "hosting"),
            lambda spec: spec.hosting is None and is_custom_model(spec.model.uri),
            "a custom model needs hosting: on_demand_deployment (bills by the token) or provisioned_throughput (by the"
            " hour).",
        ),
        Rule(
            ("hosting", "model_units", "commitment"),
            lambda spec: (
                spec.hosting != "provisioned_throughput" and (spec.model_units > 1 or spec.commitment is not None)
            ),
            "model_units and commitment are for hosting: provisioned_throughput.",
        ),
        Rule(
            ("commitment", "confirm_commitment"),
            lambda spec: spec.commitment != spec.confirm_commitment,
            "a commitment is said twice, as commitment and as confirm_commitment: AWS does not delete it before its"
            " term, so no teardown can end it, and it bills every hour until then.",
        ),
        *RULES_OF_TAGS,
    )

    @property
    def is_custom(self) -> bool:
        """Whether the model is a custom one; of a rendered spec."""
        return is_custom_model(self.model.uri)
