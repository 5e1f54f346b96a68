"""What a comparison of several backends on one golden set has found."""

from __future__ import annotations

from typing import Literal

from airflow_finetune.values.value import DatasetReference, Estimate, Value


class ComparedBackend(Value):
    """One candidate: how good it is and what it costs, or why nobody knows.

    Attributes:
        name: the key in the pipeline file.
        backend: the way to tune.
        base_model: what was tuned.
        failed: why there is no result; empty where there is one.
        quality: of the tuned model in the metric that decides; None without a result.
        baseline: of the model that it had to beat; likewise.
        decision: of the gate's policy, had this been its run; None without a result.
        tuning_usd: of the job; None when its price is not known.
        tuning_is_bound: whether it is only known to be at most that, by the plan: AWS does not say what it has billed.
        answers_usd: of a thousand answers, at the pace of this evaluation where answers are paid by the hour; None when
            that is not known.
        answers_by: what they are paid by.
        worst_case_usd: of its plan; None without a plan.
        report_uri: its evaluation for people.
        model_uri: what it has made.
    """

    name: str
    backend: str
    base_model: str = ""
    failed: str = ""
    quality: Estimate | None = None
    baseline: Estimate | None = None
    decision: Literal["pass", "reject", "inconclusive"] | None = None
    tuning_usd: float | None = None
    tuning_is_bound: bool = False
    answers_usd: float | None = None
    answers_by: Literal["hour", "token", ""] = ""
    worst_case_usd: float | None = None
    report_uri: str | None = None
    model_uri: str | None = None


class BackendComparison(Value):
    """Several backends on one dataset and one golden set, best first.

    Attributes:
        metric: what they are compared by.
        items: of the golden set.
        golden: the set.
        rows: those with a result from the best on, then those that failed by name.
        best: name of the best; its lead may be luck.
        second: name of the next; None where only one has a result.
        gain: of the best over the second, with its interval; None without a second.
        test: which one; empty without a second.
        p_value: two-sided, of the claim that the best is better than the second; None without a second.
        alpha: of the gate's policy.
        settled: whether that p-value is at most ``alpha``.
        worst_case_usd: of all plans together.
        max_usd: what was allowed for all.
        page_uri: table and plot for people; None when nobody has written it.
        record_uri: the same as JSON; likewise.
    """

    metric: str
    items: int
    golden: DatasetReference
    rows: tuple[ComparedBackend, ...]
    best: str
    second: str | None = None
    gain: Estimate | None = None
    test: str = ""
    p_value: float | None = None
    alpha: float
    settled: bool = False
    worst_case_usd: float | None = None
    max_usd: float | None = None
    page_uri: str | None = None
    record_uri: str | None = None
