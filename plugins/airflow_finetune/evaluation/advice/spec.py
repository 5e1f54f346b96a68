"""What a person writes to have the base model's prompts measured before a model is tuned."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.spec import Rule, Spec, is_later

_UNKNOWN_BYTES = 8192
_TURN_BYTES, _TURNS = 32, 2  # what a model puts around a turn, and how many turns an example has as a rule


class AdviseSpec(Spec):
    """How the base model is prompted before anything is tuned.

    Attributes:
        require_advice: stop the run before anything is tuned where prompting already reaches the gate's target: it
            succeeds, and what follows is skipped. Without it the advice is only told.
        instruction: a text that is put before every question, as a system text; None tries none.
        shots: examples from the training data that are put before every question, after the instruction; 0 tries none.
        items: golden items that are asked at most, drawn by `seed`; None asks all.
        seed: of the choice of items and examples: the same data and seed choose the same.
        shot_bytes: the longest example that is taken, in bytes of UTF-8; `plan` counts so many for each.
    """

    backend: ClassVar[str] = "advise"

    require_advice: bool = False
    instruction: Annotated[str, Field(min_length=1)] | None = None
    shots: Annotated[int, Field(ge=0, le=64)] = 8
    items: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    shot_bytes: Annotated[int, Field(ge=16)] = 2000

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("instruction",),
            lambda spec: spec.instruction is not None and not spec.instruction.strip(),
            "instruction is blank.",
        ),
        Rule(
            ("instruction", "shots"),
            lambda spec: spec.instruction is None and not spec.shots,
            "instruction or shots must give something to try beside the plain prompt.",
        ),
    )

    @property
    def prompts(self) -> tuple[str, ...]:
        """Return the names of the prompts that are asked for."""
        written = ("instruction",) if self.instruction is not None else ()
        return ("plain", *written, *(("few_shot",) if self.shots else ()))

    @property
    def more_bytes(self) -> int:
        """Return the bytes that all prompts together put before one question, at most."""
        written = len((self.instruction or "").encode("utf-8", "replace"))
        if is_later(self.instruction):
            written = max(written, _UNKNOWN_BYTES)
        times = sum(name != "plain" for name in self.prompts) if self.instruction is not None else 0
        return times * (written + _TURN_BYTES) + self.shots * (self.shot_bytes + _TURNS * _TURN_BYTES)

    def against(self, policy: GatePolicy) -> str | None:
        """Return why no advice can come of this with a gate's policy; None where it can."""
        if policy.at_least is None:
            return "the gate has no at_least: without a target nobody can say whether prompting reaches it."
        known = not is_later(self.items) and not is_later(policy.min_items)
        if known and self.items is not None and self.items < policy.min_items:
            return f"{self.items} items are asked at most, and the gate decides on {policy.min_items} or more."
        return None
