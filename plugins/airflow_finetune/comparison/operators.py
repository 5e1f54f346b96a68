"""A comparison's budget and its end as operators; and how a task that fails tells the others why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_finetune.errors import FinetuneError, SpecError, Unavailable
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.lifecycle.operator import claim_of
from airflow_finetune.lifecycle.trigger import AwsAccess
from airflow_finetune.redact import redacted_text
from airflow_finetune.values import Plan

REASON = "failed_because"
_BAD = ("failed", "upstream_failed")


def tell_why(context: Any) -> None:
    """Keep why a task has failed where others find it; to be given as ``on_failure_callback``."""
    said = redacted_text(str(context.get("exception") or "it was ended from outside."))
    context["ti"].xcom_push(key=REASON, value=said)


class CheckBudgetOperator(BaseOperator):
    """Refuses a comparison whose worst cases together are above the limit, before the first job is made.

    Args:
        plans: candidate -> its dumped ``Plan``; None for one whose preflight has failed, which will cost nothing.
        max_usd: the most that all may cost together.
        kwargs: as of Airflow's ``BaseOperator``; runs also when a plan has failed.
    """

    template_fields: Sequence[str] = ("plans", "max_usd")
    template_fields_renderers = {"plans": "json"}  # noqa: RUF012 - Airflow's own class attribute
    ui_color = "#cfe2f3"

    def __init__(self, *, plans: Mapping[str, Any], max_usd: Any, **kwargs: Any) -> None:
        super().__init__(**{"trigger_rule": "all_done", **kwargs})
        self.plans, self.max_usd = dict(plans), max_usd

    def execute(self, context: Any) -> dict[str, float]:
        """Add up; return ``worst_case_usd`` and ``max_usd``.

        Raises:
            AirflowSkipException: nothing was planned, as there is no data.
            AirflowFailException: it is too much, or no candidate has a plan.
        """
        from airflow_finetune.comparison.words import price  # brings the report's reader: not while a DAG is parsed

        plans = {name: Plan.load(dumped) for name, dumped in self.plans.items() if dumped is not None}
        if not plans:
            _unless_skipped(context["ti"])
            raise AirflowFailException("No candidate has a plan: each of their tasks plan says why.")
        allowed, total = float(self.max_usd), fsum(plan.worst_case_usd for plan in plans.values())
        for name, plan in plans.items():
            self.log.info("%s: at most %s.", name, price(plan.worst_case_usd))
        self.log.info("All together: at most %s of the %s that are allowed.", price(total), price(allowed))
        if total > allowed:
            parts = "; ".join(f"{name} {price(plan.worst_case_usd)}" for name, plan in plans.items())
            said = f"is {allowed:g} for all candidates, and their worst cases are {price(total)} together ({parts})."
            hint = (
                "Raise it, or give candidates a max_usd of their own: a job whose time is not said is shortened to fit."
            )
            raise AirflowFailException(str(SpecError("max_usd", said, hint)))
        return {"worst_case_usd": total, "max_usd": allowed}


class CompareOperator(BaseOperator):
    """Compares candidates on one golden set, and returns a dumped ``BackendComparison``.

    Runs whatever has happened to single candidates: one that failed is a row with its reason. The task fails only when
    no candidate has a result. Table and plot lie at ``OUTPUT/comparisons/KEY/``.

    Args:
        candidates: name -> what is known of it: ``backend``, ``base_model``, and the outputs of its tasks as ``plan``,
            ``tuned``, ``served``, ``report``; ``tasks``, their ids in the order of travel.
        policy: a mapping with the fields of a ``GatePolicy``; its metric decides.
        max_usd: what was allowed for all together.
        output_uri: a folder or an ``s3://`` prefix.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: as of Airflow's ``BaseOperator``.
    """

    template_fields: Sequence[str] = (
        *("candidates", "policy", "max_usd", "output_uri", "kms_key_id"),
        *("aws_conn_id", "region_name", "verify", "botocore_config"),
    )
    template_fields_renderers = {"candidates": "json", "policy": "json"}  # noqa: RUF012 - Airflow's own class attribute
    ui_color = "#e6d9f2"

    def __init__(
        self,
        *,
        candidates: Mapping[str, Mapping[str, Any]],
        policy: Mapping[str, Any],
        output_uri: str,
        max_usd: Any = None,
        kms_key_id: str | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"trigger_rule": "all_done", **kwargs})
        self.candidates: Any = {name: dict(each) for name, each in candidates.items()}
        self.policy: Any = dict(policy)
        self.max_usd, self.output_uri, self.kms_key_id = max_usd, output_uri, kms_key_id
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        GatePolicy.load(self.policy, rendered=False, thing=self.task_id)

    def execute(self, context: Any) -> dict[str, Any]:
        """Compare; return a dumped ``BackendComparison``."""
        from airflow_finetune.comparison.record import comparison_at  # brings the tests' numbers: not while parsing
        from airflow_finetune.comparison.words import in_words

        ti = context["ti"]
        if all(each.get("report") is None for each in self.candidates.values()):
            _unless_skipped(ti)
        access = AwsAccess(self.aws_conn_id, self.region_name, self.verify, dict(self.botocore_config or {}))
        try:
            policy = GatePolicy.load(self.policy, rendered=True, thing=self.task_id)
            given = {name: {**each, "failed": self._reason(ti, each)} for name, each in self.candidates.items()}
            where = f"{self.output_uri.rstrip('/')}/comparisons/{claim_of(ti).key}"
            allowed = None if self.max_usd is None else float(self.max_usd)
            made = comparison_at(given, policy, allowed, where, lambda: access.client("s3"), self.kms_key_id)
        except Unavailable:
            raise  # Airflow's retry asks again
        except FinetuneError as error:
            raise AirflowFailException(str(error)) from error
        for line in in_words(made):
            self.log.info("%s", line)
        self.log.info("Table and plot: %s", made.page_uri)
        return made.dump()

    def _reason(self, ti: Any, each: Mapping[str, Any]) -> str:
        """Return why a candidate has no report, from the first of its tasks that has failed."""
        if each.get("report") is not None:
            return ""
        tasks = [str(task) for task in each.get("tasks", ())]
        for task in tasks:
            if said := ti.xcom_pull(task_ids=task, key=REASON):
                return f"{task}: {said}"
        states = _states(ti)
        bad = [f"{task} is {states.get(task)}" for task in tasks if states.get(task) in _BAD]
        return f"{', '.join(bad)}; its log says why." if bad else "it has no report."


def _unless_skipped(ti: Any) -> None:
    """Skip where nothing has failed: a run without data has nothing to compare.

    Raises:
        AirflowSkipException: something was skipped, and nothing failed.
    """
    states = set(_states(ti).values())
    if "skipped" in states and not states & set(_BAD):
        raise AirflowSkipException("Nothing was tuned, as a task before was skipped.")


def _states(ti: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return found
