"""What a pipeline file with candidates says, checked; and what each task of its DAG is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from airflow_finetune.pipeline.form import RETRAIN_FIELD, FormField, window_fields
from airflow_finetune.pipeline.spec import PipelineSpec
from airflow_finetune.planning.choice.spec import Wishes
from airflow_finetune.planning.limits import Usd
from airflow_finetune.spec import Rule, Spec

__all__ = ["ALL", "AUTO", "OF_A_CANDIDATE", "Candidate", "CandidateSpec", "SeveralSpec", "Wishes"]

AUTO: Literal["auto"] = "auto"
ALL: Literal["all"] = "all"
"""Words in ``backend:`` of a file with candidates: one is chosen, or all are run and compared."""
OF_A_CANDIDATE = ("plan", "fine_tune", "open_scope", "deploy_baseline", "deploy_candidate", "evaluate", "teardown")
"""The tasks of one candidate in a comparison, in the order of travel."""


class CandidateSpec(Spec):
    """What a candidate says beside `backend`, `model`, `compute` and `serving`.

    Attributes:
        min_examples: with fewer examples it is not chosen.
        max_examples: with more it is not chosen.
        max_usd: of this candidate alone, in a comparison; the file's own is for all of them together.
    """

    backend: ClassVar[str] = "candidate"

    min_examples: Annotated[int, Field(ge=1)] | None = None
    max_examples: Annotated[int, Field(ge=1)] | None = None
    max_usd: Usd | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("min_examples", "max_examples"),
            lambda spec: None not in (spec.min_examples, spec.max_examples) and spec.min_examples > spec.max_examples,
            "min_examples is more than max_examples: no data would ever fit.",
        ),
    )


@dataclass(frozen=True)
class Candidate:
    """One backend of a file that names several.

    Attributes:
        pipeline: what the file would say if it named this one only.
        min_examples: with fewer examples it is not chosen; None for no bound.
        max_examples: with more it is not chosen; likewise.
    """

    pipeline: PipelineSpec
    min_examples: int | None = None
    max_examples: int | None = None


@dataclass(frozen=True)
class SeveralSpec:
    """One pipeline over several backends.

    Attributes:
        path: of its file.
        takes: whether one candidate is chosen or all are compared.
        candidates: name -> candidate; at least one, and two where they are compared.
        wishes: the fields of ``Wishes``; what a run may change is Jinja.
        max_usd: the most that a run may cost in the worst case: of the one that is chosen, or of all together.
        form: what a run may change.
    """

    path: Path
    takes: Literal["auto", "all"]
    candidates: Mapping[str, Candidate]
    wishes: Mapping[str, Any]
    max_usd: float
    form: tuple[FormField, ...]

    @property
    def shared(self) -> PipelineSpec:
        """A pipeline whose data, gate, evaluation, registration and account are those of all candidates."""
        return next(iter(self.candidates.values())).pipeline

    @property
    def pipelines(self) -> dict[str, PipelineSpec]:
        """Name of a candidate -> what the file would say if it named this one only."""
        return {name: each.pipeline for name, each in self.candidates.items()}

    @property
    def dollars(self) -> str:
        """``max_usd`` for people."""
        return f"{self.max_usd:g}" if isinstance(self.max_usd, float) else str(self.max_usd)

    @property
    def fields(self) -> tuple[FormField, ...]:
        """The trigger form."""
        return (*window_fields(self.shared.windowed), *self.form, RETRAIN_FIELD)

    @property
    def conf_names(self) -> tuple[str, ...]:
        """Every key that the conf of a run may have."""
        return tuple(field.name for field in self.fields)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The task ids of its DAG, in the order of travel."""
        if self.takes == AUTO:
            return self.shared.tasks
        first, *rest = OF_A_CANDIDATE
        plans = [f"{name}.{first}" for name in self.candidates]
        others = [f"{name}.{task}" for name in self.candidates for task in rest]
        return ("curate", *plans, "check_budget", *others, "compare", "guard")
