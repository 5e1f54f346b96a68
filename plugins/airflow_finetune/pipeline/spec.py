"""What a pipeline file says, checked; and what each task of its DAG is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_finetune.backends import Backend
from airflow_finetune.evaluation.advice.spec import AdviseSpec
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.sampling import SamplingSpec
from airflow_finetune.pipeline.form import RETRAIN_FIELD, FormField, window_fields
from airflow_finetune.pipeline.sections import WORK, Aws, BedrockServing, Evaluate, Register, Serving
from airflow_finetune.pipeline.windows import is_templated
from airflow_finetune.resources.custom_model import is_custom_model

ADVICE_PREFIX = "advice_"
"""Before the ids of the tasks that serve the base model for the advice."""
SHORTEST_SECONDS = 3600
"""What a job gets at least where the file does not say how long it needs."""


@dataclass(frozen=True)
class PipelineSpec:
    """One pipeline.

    Attributes:
        path: of its file.
        backend: the way to tune.
        data: the fields of ``CurateSpec``; what a run may change is Jinja.
        tuning: the fields of the backend's spec without those that curation fills; likewise.
        serving: on what the models answer.
        evaluate: how they are asked.
        gate: when the candidate passes.
        register: None registers nothing.
        advise: what is tried before anything is tuned; None tries nothing.
        max_usd: the most that a run may cost in the worst case.
        schedule: cron text of the data intervals; None for runs by hand only.
        form: what a run may change.
        aws: in whose name and where.
    """

    path: Path
    backend: Backend
    data: Mapping[str, Any]
    tuning: Mapping[str, Any]
    serving: Serving | BedrockServing
    evaluate: Evaluate
    gate: GatePolicy
    register: Register | None
    max_usd: float
    schedule: str | None
    form: tuple[FormField, ...]
    aws: Aws
    advise: AdviseSpec | None = None

    @property
    def windowed(self) -> bool:
        """Whether the source is a window of time."""
        return is_templated(str(self.data["source"]))

    @property
    def work_uri(self) -> str:
        """Below which everything is written; without a slash at its end."""
        return (self.aws.work_uri or WORK).rstrip("/")

    @property
    def baseline(self) -> str:
        """What the candidate must beat."""
        return self.serving.baseline or self.base

    @property
    def scorers(self) -> tuple[str, ...]:
        """What the answers are judged by: at least what the gate needs."""
        return tuple(dict.fromkeys((*self.gate.metrics, *(self.evaluate.scorers or ()))))

    @property
    def dollars(self) -> str:
        """``max_usd`` for people."""
        return f"{self.max_usd:g}" if isinstance(self.max_usd, float) else str(self.max_usd)

    @property
    def conf_names(self) -> tuple[str, ...]:
        """Every key that the conf of a run may have."""
        return tuple(field.name for field in self.fields)

    @property
    def fields(self) -> tuple[FormField, ...]:
        """The trigger form."""
        return (*window_fields(self.windowed), *self.form, RETRAIN_FIELD)

    @property
    def base(self) -> str:
        """What is tuned."""
        return str(self.tuning[self.backend.keys.model["base"]])

    @property
    def limits(self) -> dict[str, Any]:
        """What the plan must keep to, and what it must count and look at beside the job itself."""
        found: dict[str, Any] = {
            "max_usd": self.max_usd,
            # A job whose time is said is never shortened below it; any other gets what max_usd leaves.
            "shortest_wait": self.tuning.get("max_runtime_seconds", SHORTEST_SECONDS),
            "inputs": [self.baseline] if self.baseline.startswith("s3://") else [],
            "hosting": self.serving.planned,
        }
        if self.advise is not None:
            found["advice"] = self._advice(self.advise)
        if isinstance(self.serving, BedrockServing):
            hosted = [self.base, *([self.baseline] if is_custom_model(self.baseline) else [])]
            found["hosting"] |= {"model": self.base, "arms": len(hosted)}
        return found

    def _advice(self, advise: AdviseSpec) -> dict[str, Any]:
        """Return what the plan must count of the advice: an endpoint's hours, or tokens."""
        if not isinstance(self.serving, BedrockServing):
            return {}
        return {
            "model": self.base,
            "most_items": advise.items,
            "prompts": len(advise.prompts),
            "more_bytes": advise.more_bytes,
            "max_new_tokens": self._max_new_tokens,
            "prices": self._token_prices,
        }

    @property
    def _max_new_tokens(self) -> Any:
        return self.evaluate.sampling.get("max_new_tokens", SamplingSpec.model_fields["max_new_tokens"].default)

    @property
    def _token_prices(self) -> dict[str, float]:
        prices = self.serving.prices if isinstance(self.serving, BedrockServing) else {}
        return {usage: usd for usage, usd in prices.items() if usage != "model_unit"}

    @property
    def asked_by_token(self) -> dict[str, Any]:
        """What the plan must count of asking models that are paid by the token; empty where none are."""
        if not isinstance(self.serving, BedrockServing):
            return {}
        asked = [] if is_custom_model(self.baseline) else [self.baseline]
        if self.serving.hosting == "on_demand_deployment":
            asked = [self.baseline, self.base]
        prices = self._token_prices
        return {"models": asked, "max_new_tokens": self._max_new_tokens, "prices": prices} if asked else {}

    def by_default(self, section: str, keys: Mapping[str, str]) -> dict[str, Any]:
        """Return key -> what the file says, for a section of the backend; what a run may change, by its default."""
        form = {field.name: field.default for field in self.form}
        return {
            key: form.get(f"{section}.{key}", self.tuning[field]) for key, field in keys.items() if field in self.tuning
        }

    @property
    def tasks(self) -> tuple[str, ...]:
        """The task ids of its DAG, in the order of travel."""
        served = ("open_scope", "deploy_baseline", "deploy_candidate", "evaluate", "teardown", "guard")
        asks = ("register", "request_approval") if self.register and self.register.approval else ("register",)
        before = [f"{ADVICE_PREFIX}{each}" for each in ("open_scope", "deploy_baseline", "teardown", "guard")]
        advised = () if self.advise is None else (*before[:2], "advise", *before[2:])
        return ("curate", "plan", *advised, "fine_tune", *served, "gate", *(asks if self.register else ()))
