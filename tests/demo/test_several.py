"""What the demo says of a pipeline over several backends: who was chosen, a row for each candidate, its exit status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demo import facts, summary, told
from demo.chosen import choose
from demo.jobs import Candidates
from tests.comparison.test_comparison import EVERY, Entrant, Trial
from tests.contracts.source_tree import PROJECT
from tests.demo.test_summary import RECEIPT, found

CHOICE = {
    "chosen": "nova",
    "backend": "bedrock",
    "why": "it is the cheapest.",
    "candidates": [{}, {}],
    "page_uri": "s3://b/choice.html",
}


def compared(**right: Any) -> dict[str, Any]:
    trial = Trial(**right)
    trial.failed = [Entrant("gone", "bedrock", "nova", failed="gone.plan: no quota.")]
    return trial.compared().dump()


def of_a_comparison(**right: Any) -> dict[str, Any]:
    return {**found(verdict=None, training=None, evaluation=None), "comparison": compared(**right), "choice": None}


def test_a_comparison_is_a_table_with_a_row_for_each_candidate() -> None:
    text = summary.text(of_a_comparison(weak=range(1, 31), strong=EVERY), Path("out"))
    assert text.index("  strong ") < text.index("  weak ") < text.index("  gone ")
    assert "gone failed: gone.plan: no quota." in text
    assert "strong is shown to be better than weak" in text
    assert "No verdict" not in text


@pytest.mark.parametrize(("right", "status"), [(EVERY, summary.PASSED), (range(1, 9), summary.NOT_PASSED)])
def test_the_exit_status_is_that_of_the_best_one(right: Any, status: int) -> None:
    assert summary.status(of_a_comparison(only=right)) == status
    assert summary.status({**of_a_comparison(only=right), "left_billing": ["arn"]}) == summary.FAILED


def test_tasks_of_a_candidate_are_told_as_those_of_one_backend() -> None:
    assert told.stage("nova.fine_tune") == "fine_tune"
    assert told.stage("curate") == "curate"
    together = {"worst_case_usd": 9.5, "max_usd": 60.0}
    assert "together cost at most $9.50" in told.line("check_budget", together)
    assert told.line("compare", compared(a=EVERY)).startswith("Only a has a result")
    plan = {"checks": [], "worst_case_usd": 1.0, "max_usd": 2.0, "choice": CHOICE}
    assert told.line("plan", plan) == "nova is taken: it is the cheapest."


def test_every_teardown_counts_and_every_page_is_found() -> None:
    values = {"a.teardown": RECEIPT, "b.teardown": RECEIPT, "curate": {"report_uri": "s3://b/curation.html"}}
    assert len(facts.deleted(values)) == 4
    values |= {"plan": {"choice": CHOICE}, "compare": {"page_uri": "s3://b/comparison.html"}}
    pages = facts.pages(values)
    assert pages["choice.html"] == "s3://b/choice.html"
    assert pages["comparison.html"] == "s3://b/comparison.html"
    assert pages["report.html"] is None
    assert facts.plan({"check_budget": {"worst_case_usd": 3.0, "max_usd": 9.0}})["worst_case_usd"] == 3.0  # type: ignore[index]  # there is a plan


class Shown:
    """Jobs of one backend, of which there is one or none."""

    asks = "Converse"

    def __init__(self, status: str | None) -> None:
        self.status = status

    def look(self) -> tuple[str, str] | None:
        return None if self.status is None else (self.status, "")

    def facts(self, values: Any) -> dict[str, Any] | None:
        return {"status": self.status}

    def kept(self, values: Any) -> dict[str, float | None]:
        return {"arn": 1.0}


def test_the_jobs_of_a_choice_are_those_of_the_chosen_backend() -> None:
    jobs = Candidates({"spot_training": Shown(None), "bedrock": Shown("Training")})
    assert jobs.asks == ""
    assert jobs.look() == ("Training", "")
    assert jobs.asks == "Converse"
    chosen = {"plan": {"choice": CHOICE}}
    assert (jobs.facts(chosen), jobs.kept(chosen)) == ({"status": "Training"}, {"arn": 1.0})
    assert (jobs.facts({}), jobs.kept({})) == (None, {})
    assert Candidates({}).look() is None


@pytest.mark.parametrize(("name", "backend"), [("auto_orders", "auto"), ("compare", "all")])
def test_a_file_over_several_backends_is_chosen_as_any_other(tmp_path: Path, name: str, backend: str) -> None:
    chosen = choose(str(PROJECT / f"include/pipelines/{name}.yaml"), None, tmp_path)
    assert (chosen.dag_id, chosen.backend) == (name, backend)
    assert list(chosen.uploads) == ["raw/orders/"]
