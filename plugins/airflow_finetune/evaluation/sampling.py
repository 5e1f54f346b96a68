"""What a person writes about an evaluation: how models are asked, by whom they are scored, where the results go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from airflow_finetune.evaluation.policy import ScorerName
from airflow_finetune.redact import redacted
from airflow_finetune.spec import Rule, Spec

OURS = frozenset(
    {"inputs", "messages", "max_new_tokens", "max_tokens", "temperature", "top_p", "stop", "do_sample", "stream", "n"}
)


class SamplingSpec(Spec):
    """How both models are asked; greedy unless ``temperature`` says otherwise, so that asking again answers the same.

    Attributes:
        max_new_tokens: most tokens of an answer.
        temperature: 0 takes the likeliest token each time; more than 0 draws, and a retry would draw again.
        top_p: share of the probability that is drawn from.
        stop: texts at which an answer ends.
        format: of a request to an endpoint; Bedrock is asked by Converse. ``inputs``: this package's serving code,
            several chats at once. ``messages``: chat completions, one chat at a time (TGI, vLLM, DJL's LMI). ``text``:
            one raw prompt at a time, for servers that apply no chat template; items must be a single user's turn.
        batch_size: chats of one request, where the format takes several.
        parameters: more that the server understands, for example ``{"seed": 7}``.
        max_unanswered_fraction: of either model's items, rounded up. With more the evaluation fails, because a baseline
            that does not answer would make any candidate look better.
    """

    backend: ClassVar[str] = "sampling"

    max_new_tokens: int = Field(default=256, ge=1, le=65536)
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    stop: tuple[str, ...] = ()
    format: Literal["inputs", "messages", "text"] = "inputs"
    batch_size: int = Field(default=16, ge=1, le=256)
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    max_unanswered_fraction: float = Field(default=0.1, ge=0.0, lt=1.0)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("top_p", "temperature"),
            lambda spec: spec.top_p < 1 and not spec.temperature,
            "top_p does nothing at temperature 0.",
        ),
        Rule(
            ("stop",),
            lambda spec: not all(spec.stop),
            "stop holds an empty text, at which every answer would end.",
        ),
        Rule(
            ("parameters",),
            lambda spec: bool(OURS & set(spec.parameters)),
            f"parameters holds what has a field of its own ({', '.join(sorted(OURS))}).",
        ),
    )

    @property
    def deterministic(self) -> bool:
        """Say whether the same question has the same answer, as far as the server keeps that."""
        return self.temperature == 0

    def told(self) -> dict[str, Any]:
        """Return what differs from the defaults, for a report; what looks like a secret reads ``***``."""
        shown: dict[str, Any] = redacted({name: value for name, value in self.asked().items() if name != "backend"})
        return shown


def _fields(value: Any) -> Any:
    if value is None:
        return {}
    if isinstance(value, SamplingSpec):
        return value
    return {key: item for key, item in value.items() if key != "backend"} if isinstance(value, Mapping) else value


class EvaluateSpec(Spec):
    """What an evaluation does with two models and a golden set.

    Attributes:
        output_uri: a folder or an ``s3://`` prefix.
        scorers: names; the first is shown first.
        sampling: how both are asked.
        concurrency: requests to each model at a time.
    """

    backend: ClassVar[str] = "evaluation"

    output_uri: str = Field(min_length=1)
    scorers: tuple[ScorerName, ...] = Field(default=("exact_match",), min_length=1)
    sampling: Annotated[SamplingSpec, BeforeValidator(_fields)] = SamplingSpec()
    concurrency: int = Field(default=4, ge=1, le=32)
