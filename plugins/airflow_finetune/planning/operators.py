"""The preflight as an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_finetune.backends import backend_of, completed, loaded_spec
from airflow_finetune.errors import RequestRefused, SpecError
from airflow_finetune.lifecycle.life import utc_now
from airflow_finetune.lifecycle.trigger import AwsAccess
from airflow_finetune.planning.limits import Limits
from airflow_finetune.planning.worst_case import dollars, told
from airflow_finetune.spec import Spec, takes_fields_of

if TYPE_CHECKING:
    from airflow_finetune.values import Plan


class PlanOperator(BaseOperator):
    """Looks everything up that a run needs, and returns a dumped ``Plan``; it creates nothing.

    Takes the fields of ``Limits`` as arguments, of which ``max_usd`` must be given; every value may be Jinja or another
    task's output. Constants are checked when Airflow parses the DAG.

    Args:
        spec: what ``FineTuneOperator`` gets.
        dataset: what ``FineTuneOperator`` gets.
        defaults: what ``FineTuneOperator`` gets.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: the fields of ``Limits``, and as of Airflow's ``BaseOperator``.

    Raises:
        SpecError: spec or limits cannot work, said when the DAG is parsed where that can be known.
    """

    template_fields: Sequence[str] = (
        *("spec", "dataset", "defaults", "limits"),
        *("aws_conn_id", "region_name", "verify", "botocore_config"),
    )
    # Airflow's own class attribute
    template_fields_renderers = {"spec": "json", "dataset": "json", "defaults": "json", "limits": "json"}  # noqa: RUF012
    ui_color = "#cfe2f3"

    @takes_fields_of(Limits)
    def __init__(
        self,
        *,
        spec: Spec | Mapping[str, Any],
        dataset: Any = None,
        defaults: Mapping[str, Any] | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        fields = {name: kwargs.pop(name) for name in Limits.model_fields if name in kwargs}
        super().__init__(**kwargs)
        self.spec: Any = spec.raw() if isinstance(spec, Spec) else spec
        self.dataset, self.defaults = dataset, dict(defaults or {})
        self.limits: dict[str, Any] = fields
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        self._limits(rendered=False)
        later = not isinstance(self.spec, Mapping)  # another task's output
        fields = completed({} if later else self.spec, self.defaults, self.task_id)
        if not later:
            loaded_spec(fields, dataset, rendered=False, thing=self.task_id)

    def execute(self, context: Any) -> dict[str, Any]:
        """Make the plan; return it dumped."""
        from airflow_finetune.planning.preflight import made_plan  # brings botocore: not while a DAG is parsed

        access = AwsAccess(self.aws_conn_id, self.region_name, self.verify, dict(self.botocore_config or {}))
        try:
            limits = self._limits(rendered=True)
            fields = completed(self.spec, self.defaults, self.task_id)
            spec = loaded_spec(fields, self.dataset, rendered=True, thing=self.task_id)
            region = access.client("sagemaker").meta.region_name
            plan = made_plan(backend_of(fields, self.task_id), spec, limits, region, access.client, utc_now())
        except (RequestRefused, SpecError) as error:
            raise AirflowFailException(str(error)) from error
        tell_plan(plan, self.log)
        return plan.dump()

    def _limits(self, *, rendered: bool) -> Limits:
        if self.limits.get("max_usd") is None:
            said = "max_usd is missing: no limit, no run."
            raise SpecError(self.task_id, said, "Give the most dollars that a run may cost in the worst case.")
        return Limits.load(self.limits, rendered=rendered, thing=self.task_id)


def tell_plan(plan: Plan, log: Any) -> None:
    """Write what was looked up, and the worst case line by line, to a task's log."""
    for check in plan.checks:
        say = log.warning if check.outcome == "unknown" else log.info
        say("%s: %s", check.name, check.said)
    for item in plan.items:
        log.info("%s", told(item))
    log.info("Worst case %s of the %s that are allowed.", *map(dollars, (plan.worst_case_usd, plan.max_usd)))
