"""What a person asks of a candidate before it is promoted, in a YAML file or in a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from airflow_finetune.evaluation.scorers import NAMES, unknown
from airflow_finetune.spec import Rule, Spec
from airflow_finetune.strict_yaml import read_yaml


def _known_scorer(name: str) -> str:
    if name not in NAMES:
        raise PydanticCustomError("scorer", "{said}", {"said": unknown(name)})
    return name


ScorerName = Annotated[str, AfterValidator(_known_scorer)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Guard(Spec):
    """A metric that must not get worse by more than a margin.

    Attributes:
        metric: name of a scorer.
        margin: how much lower the candidate's mean may be than the baseline's.
    """

    backend: ClassVar[str] = "guard"

    metric: ScorerName
    margin: float = Field(gt=0.0, lt=1.0)


class GatePolicy(Spec):
    """When a candidate may be promoted.

    Attributes:
        metric: name of the scorer that decides.
        at_least: what the candidate's mean must be shown to reach; None asks for nothing. 1 could never be shown.
        better_than_baseline: whether the candidate must be shown to be better.
        min_improvement: by how much; more than 0 needs many more items.
        alpha: the probability with which a candidate that does not deserve it is promoted, at most.
        power: the probability with which one that does deserve it should be seen; only for counting items.
        guards: what must not get worse.
        min_items: with fewer the gate never decides.
        golden_sha256: of the only golden set that counts; None takes any.
        on_reject: what a run does unless the candidate passes: ``skip`` what follows and succeed, or ``fail``.
    """

    backend: ClassVar[str] = "gate"

    metric: ScorerName
    at_least: float | None = Field(default=None, gt=0.0, lt=1.0)
    better_than_baseline: bool = True
    min_improvement: float = Field(default=0.0, ge=0.0, lt=1.0)
    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    power: float = Field(default=0.8, gt=0.5, lt=1.0)
    guards: tuple[Guard, ...] = ()
    min_items: int = Field(default=30, gt=0)
    golden_sha256: Digest | None = None
    on_reject: Literal["skip", "fail"] = "skip"

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("at_least", "better_than_baseline"),
            lambda policy: policy.at_least is None and not policy.better_than_baseline,
            "at_least or better_than_baseline must ask for something, or every candidate passes.",
        ),
        Rule(
            ("better_than_baseline", "min_improvement"),
            lambda policy: bool(policy.min_improvement) and not policy.better_than_baseline,
            "min_improvement needs better_than_baseline: true.",
        ),
        Rule(
            ("guards",),
            lambda policy: len({guard.metric for guard in policy.guards}) < len(policy.guards),
            "guards names a metric twice.",
        ),
    )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the scorers that an evaluation for this policy needs, each once."""
        return tuple(dict.fromkeys((self.metric, *(guard.metric for guard in self.guards))))


def read_policy(path: Path) -> GatePolicy:
    """Return the policy of a YAML file.

    Raises:
        SpecError: it cannot be read, or what it asks for cannot work; names every fault at once.
    """
    values = read_yaml(path, f"policy {path.name}").values
    return GatePolicy.load(values, rendered=True, thing=f"policy {path.name}")
