"""A value that is another one for each candidate, and is known once `plan` has chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow.sdk import XComArg

from airflow_finetune.values import Plan


class OfChosen(XComArg):
    """What the chosen candidate says; to be given to a template field in the place of a constant.

    Only what was chosen is rendered, when the task runs. No spec travels in an XCom, where what a secret store has
    brought would stay: `plan` hands on the name alone, which no retry and no clear of a later task changes.

    Args:
        planned: the output of ``plan``.
        options: candidate -> its value, which may hold Jinja and outputs of other tasks.
    """

    def __init__(self, planned: XComArg, options: Mapping[str, Any]) -> None:
        self.planned, self.options = planned, dict(options)

    def iter_references(self) -> Iterator[Any]:
        """Yield every task that this needs."""
        yield from self.planned.iter_references()
        yield from XComArg.iter_xcom_references(self.options)

    def resolve(self, context: Any) -> Any:
        """Return the value, rendered; None where nothing was chosen, as for a teardown after a plan that failed."""
        planned = self.planned.resolve(context)
        choice = None if planned is None else Plan.load(planned).choice
        return None if choice is None else context["task"].render_template(self.options[choice.chosen], context)

    def serialize(self) -> dict[str, Any]:
        """Return what Airflow shows of it before the task runs."""
        return {"of the candidate that plan chooses": self.options}
