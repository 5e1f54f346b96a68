"""Teardown and cleanup as operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.operator import deployment_name
from airflow_finetune.serving.hosts import HOSTS, hosts_named
from airflow_finetune.serving.operator import ServingOperator
from airflow_finetune.serving.operators import scope_claim
from airflow_finetune.values import CleanupReceipt

if TYPE_CHECKING:
    from airflow_finetune.serving.bedrock.discard import Discard
    from airflow_finetune.serving.scope import ScopeClaim
    from airflow_finetune.serving.teardown import Teardown, What
    from airflow_finetune.serving.waiting import Waiting


_BAD = ("failed", "upstream_failed")


class GuardOperator(BaseOperator):
    """Fails when a task of its run has failed: Airflow ends a run that a user marked failed as a success otherwise.

    Args:
        only: ids of the tasks that count, for a run in which others may fail: those that failed themselves, and where
            anything has failed those that were skipped. None: all tasks.
        kwargs: as of Airflow's ``BaseOperator``.
    """

    def __init__(self, *, only: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.only = None if only is None else tuple(only)

    def execute(self, context: Any) -> None:
        """Look at the other tasks.

        Raises:
            AirflowFailException: names those that have failed.
        """
        ti = context["ti"]
        states: Mapping[str, Any] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        bad = sorted(task_id for task_id, state in states.items() if state in _BAD)
        if self.only is not None:
            # A user who marks a run failed has its running tasks fail, and what has not begun is skipped.
            wrong = ("failed", "skipped") if bad else ()
            bad = sorted(task_id for task_id in self.only if states.get(task_id) in wrong)
        if bad:
            raise AirflowFailException(
                f"This run has failed tasks: {', '.join(bad)}. Look there; this task only tells."
            )


class TeardownOperator(ServingOperator):
    """Deletes all that a scope has made in order to serve, and returns a dumped ``CleanupReceipt``.

    It needs no output of another task: the names follow from the run. So it also finds what a task has made that was
    killed before it could tell. Running it again is fine.

    Args:
        scope: as of ``OpenScopeOperator``.
        host: of the scope's models, or several: ``endpoint``, ``bedrock_hosting``; no other one is asked for anything.
        verdict: the output of ``gate``; with ``model``, a custom model of Bedrock that is rejected is deleted once
            nothing of the scope uses it, for it bills by the month. One of another deployment, or that is promoted, is
            kept; so is one that the gate could not judge, with its price.
        model: the output of ``fine_tune``. Where one of the two is missing, nothing is discarded.
        keeps_model: False discards the model whatever a gate says, as after a comparison, which registers none.
        kwargs: as of ``ServingOperator`` and Airflow's ``BaseOperator``.
    """

    template_fields: Sequence[str] = ("verdict", "model", *ServingOperator.template_fields)
    template_fields_renderers = {"verdict": "json", "model": "json"}  # noqa: RUF012 - Airflow's own class attribute

    def __init__(
        self,
        *,
        scope: str = "served",
        host: str | Sequence[str] = "endpoint",
        verdict: Any = None,
        model: Any = None,
        keeps_model: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.verdict, self.model, self.keeps_model = verdict, model, keeps_model
        self._discard: Discard | None = None
        self.scope, self.hosts = scope, (host,) if isinstance(host, str) else tuple(host)
        hosts_named(self.hosts, self.task_id)

    def begin(self, context: Any, kept: Mapping[str, Any] | None) -> None:
        """Prepare the planner with this scope's names."""
        from airflow_finetune.serving.teardown import of_scope

        claim = scope_claim(context["ti"], self.scope)
        self.start(of_scope(claim, hosts_named(self.hosts, self.task_id)), kept)
        self._discard = self._discarding(claim, kept)

    def start(self, what: What, kept: Mapping[str, Any] | None) -> None:
        """Prepare the planner."""
        from airflow_finetune.serving.teardown import Teardown  # brings botocore: not while a DAG is parsed

        self._teardown: Teardown = Teardown(self.access().resource_client, what, self.log.info, self.hourly_usd, kept)

    def keeps(self) -> dict[str, Any]:
        """Return what AWS was asked to delete, and what that saved."""
        discard = {} if self._discard is None else {"discard": self._discard.memory()}
        return {**self._teardown.memory(), **discard}

    def step(self, now: datetime) -> Any:
        """Delete what can be deleted: what serves, then what the gate has rejected."""
        found = self._teardown.step(now)
        if self._discard is None or not isinstance(found, CleanupReceipt):
            return found
        return self._discard.step(found, now)

    def out_of_time(self, waiting: Waiting) -> CleanupReceipt:
        """Return a receipt that says what is left."""
        why = f"{waiting.why} max_wait of {self.max_wait} is over."
        receipt = self._teardown.give_up(why)
        return receipt if self._discard is None else self._discard.give_up(receipt, why)

    def finish(self, result: CleanupReceipt) -> dict[str, Any]:
        """Return the dumped receipt.

        Raises:
            RequestRefused: something that may bill is left.
        """
        for word, rows in (("Deleted", result.deleted), ("Already gone", result.already_gone), ("Kept", result.kept)):
            for row in rows:
                self.log.info("%s: %s %s. %s", word, row.kind, row.name, row.reason)
        for note in result.notes:
            self.log.warning("%s", note)
        left = [*result.failed, *self.troubling(result)]
        if left:
            said = "; ".join(f"{row.kind} {row.name}: {row.reason}" for row in left)
            thing = "not deleted, and billing if an endpoint or throughput"
            raise RequestRefused(thing, said, "Delete it in the console or clear this task.")
        return result.dump()

    def troubling(self, receipt: CleanupReceipt) -> Sequence[Any]:
        """Return what was kept and should not have been: in a scope of our own, everything that nobody wants."""
        return [row for row in receipt.kept if not row.accepted]

    def _discarding(self, claim: ScopeClaim, kept: Mapping[str, Any] | None) -> Discard | None:
        from airflow_finetune.serving.bedrock.discard import Discard, judged, unwanted  # brings botocore

        found = judged(self.verdict, self.model) if self.keeps_model else unwanted(self.model)
        if found is None:
            return None
        names, clients = tuple(claim.names.values()), self.access().resource_client
        return Discard(clients, found, claim.deployment, names, self.log.info, (kept or {}).get("discard"))


class CleanupExpiredOperator(TeardownOperator):
    """Deletes what this deployment has left behind: what serves, is ephemeral and has no lease any more, of any run.

    On SageMaker and on Bedrock; where AWS does not let us look at Bedrock, a warning says so.

    What is promoted, of another deployment, or still leased is never touched; what cannot be judged is reported.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def begin(self, context: Any, kept: Mapping[str, Any] | None) -> None:
        """Prepare the planner with the tags' rules."""
        from airflow_finetune.serving.teardown import of_expired

        self.start(of_expired(deployment_name(), datetime.now(UTC), HOSTS), kept)

    def troubling(self, receipt: CleanupReceipt) -> Sequence[Any]:
        """Warn about what cannot be judged; nothing that is kept is a failure."""
        for row in receipt.kept:
            if row.unjudged:
                self.log.warning("Look at %s %s: %s", row.kind, row.name, row.reason)
        return ()
