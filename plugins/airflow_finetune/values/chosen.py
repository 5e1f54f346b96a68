"""What `plan` has chosen where a pipeline names several backends, and why: the record that a person reads."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from airflow_finetune.values.value import Value

RuleSays = Literal["holds", "broken", "unknown"]


class RuleOutcome(Value):
    """What one written rule says about one candidate.

    Attributes:
        rule: its name in docs/choosing-a-backend.md.
        outcome: ``broken`` puts the candidate out; ``unknown`` ranks it after those of which it is known.
        said: the reason, in words.
    """

    rule: str
    outcome: RuleSays
    said: str


class JudgedCandidate(Value):
    """One candidate under all rules.

    Attributes:
        name: the key in the pipeline file.
        backend: the way to tune.
        base_model: what would be tuned.
        fits: whether no rule is broken.
        rank: from 1 among those that fit; None for the others.
        rules: every rule, in the order of the docs.
        worst_case_usd: of its plan; None without a plan.
        month_usd: of answering the traffic for a month; None when that is not asked for or not known.
        total_usd: what it is ranked by; None when that is not known.
    """

    name: str
    backend: str
    base_model: str
    fits: bool
    rank: int | None = None
    rules: tuple[RuleOutcome, ...] = ()
    worst_case_usd: float | None = None
    month_usd: float | None = None
    total_usd: float | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is out; empty for one that fits."""
        return tuple(f"{each.rule}: {each.said}" for each in self.rules if each.outcome == "broken")


class BackendChoice(Value):
    """Which candidate a run takes, and why.

    Attributes:
        chosen: name of the candidate.
        backend: its way to tune.
        why: in words.
        overridden: whether a person has said so, in the file or in the run's conf.
        candidates: all of them: those that fit by rank, then the others by name.
        facts: what was known beside the candidates: examples, region, and what the file wishes.
        record_uri: the same as JSON; None when nobody has written it.
        page_uri: the same for people; likewise.
    """

    chosen: str
    backend: str
    why: str
    overridden: bool = False
    candidates: tuple[JudgedCandidate, ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict)
    record_uri: str | None = None
    page_uri: str | None = None
