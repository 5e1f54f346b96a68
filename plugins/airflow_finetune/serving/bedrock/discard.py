"""What becomes of a candidate's custom model after the gate: it bills by the month for as long as it is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from airflow_finetune.lifecycle.owner import DEPLOYMENT, LIFECYCLE, tag_value
from airflow_finetune.resources import CUSTOM_MODEL
from airflow_finetune.resources.custom_model import is_custom_model
from airflow_finetune.serving.bedrock.deletion import Deletion, Ended, Keep
from airflow_finetune.serving.host import MakeClient
from airflow_finetune.serving.waiting import Waiting
from airflow_finetune.values import CleanupReceipt, GateVerdict, TunedModel


class Judged(NamedTuple):
    """A custom model that the gate has not let pass.

    Attributes:
        arn: of it.
        is_rejected: whether it goes; one that could not be judged stays.
        line: what to say of it.
    """

    arn: str
    is_rejected: bool
    line: str


def judged(verdict: Any, model: Any) -> Judged | None:
    """Return the custom model that a verdict is about; None where there is nothing to discard.

    Args:
        verdict: a dumped ``GateVerdict``; anything else, as of a gate that has not run, discards nothing.
        model: a dumped ``TunedModel``; likewise.
    """
    try:
        told, tuned = GateVerdict.load(verdict), TunedModel.load(model)
    except ValidationError:
        return None
    arn = tuned.model_arn or tuned.model_uri
    if not is_custom_model(arn) or told.decision == "pass" or told.candidate.uri != arn:
        return None
    cost = "its price a month is not known" if tuned.monthly_usd is None else f"${tuned.monthly_usd:.2f} a month"
    if told.decision == "reject":
        return Judged(arn, True, f"the gate has rejected it ({cost}).")
    return Judged(arn, False, f"the gate could not decide: it bills until somebody deletes it ({cost}).")


def unwanted(model: Any) -> Judged | None:
    """Return the custom model of a comparison, which keeps none; None where there is nothing to discard.

    Args:
        model: a dumped ``TunedModel``; anything else, as of a job that has failed, discards nothing.
    """
    try:
        tuned = TunedModel.load(model)
    except ValidationError:
        return None
    arn = tuned.model_arn or tuned.model_uri
    return Judged(arn, True, "a comparison keeps no model.") if is_custom_model(arn) else None


def stays(deployment: str) -> Keep:
    """Return what keeps a rejected model: whatever a job of this deployment has not made, or somebody has promoted."""

    def why(tags: Mapping[str, str] | None) -> str:
        if tags is None:
            return "AWS did not let us read its tags."
        if tags.get(DEPLOYMENT) != tag_value(deployment):
            return f"it is not of deployment {deployment!r}: its tag says {tags.get(DEPLOYMENT)}."
        lifecycle = tags.get(LIFECYCLE)
        return "" if lifecycle == "job" else f"its lifecycle is {lifecycle!r}, and only what a job has left is deleted."

    return why


class Discard:
    """Ends a rejected model, after everything that has served it.

    Args:
        clients: gives the client of a kind of resource.
        found: what the gate has said.
        deployment: whose models may be deleted.
        own: names of what may serve it in this scope.
        say: takes one line for the task's log.
        memory: of an earlier part of this task; None at its start.
    """

    def __init__(
        self,
        clients: MakeClient,
        found: Judged,
        deployment: str,
        own: Collection[str],
        say: Callable[[str], None],
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        self._found = found
        self._deletion = Deletion(clients, CUSTOM_MODEL, found.arn, stays(deployment), say, own, memory)
        self.memory = self._deletion.memory

    def step(self, receipt: CleanupReceipt, now: datetime) -> CleanupReceipt | Waiting:
        """Return the receipt of a teardown with what became of the model, or what is waited for.

        Raises:
            Unavailable: AWS could not answer.
            RequestRefused: AWS does not let us look.
        """
        found = self._deletion.step(now) if self._found.is_rejected else Ended("kept", self._found.line)
        return found if isinstance(found, Waiting) else self._joined(receipt, found)

    def give_up(self, receipt: CleanupReceipt, why: str) -> CleanupReceipt:
        """Return the receipt of a teardown with a model that is still there."""
        ended = Ended("failed", why) if self._found.is_rejected else Ended("kept", self._found.line)
        return self._joined(receipt, ended)

    def _joined(self, receipt: CleanupReceipt, ended: Ended) -> CleanupReceipt:
        (row,) = getattr(self._deletion.row(ended), ended.how)
        return receipt.model_copy(update={ended.how: (*getattr(receipt, ended.how), row)})
