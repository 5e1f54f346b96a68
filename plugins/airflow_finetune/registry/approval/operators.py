"""Approval in Airflow's own page for required actions, and its result written to AWS's registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param, SkipMixin
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from airflow_finetune.errors import FinetuneError, JobFailed, SpecError, Unavailable
from airflow_finetune.lifecycle.trigger import AwsAccess
from airflow_finetune.registry.given import arn_of
from airflow_finetune.resources import MODEL_PACKAGE
from airflow_finetune.serving.operator import ServingOperator
from airflow_finetune.serving.waiting import Waiting

if TYPE_CHECKING:
    from airflow_finetune.values import ModelVersion


class ApproveModelOperator(ApprovalOperator):
    """Shows a person what a model version was judged on, and waits for yes or no; returns the response.

    The task waits without a worker or a triggerer. It changes nothing at AWS: ``PromoteOperator`` after it records
    either answer, so a no does not skip that task; everything else directly after it is skipped, as after any
    ``ApprovalOperator``. A version that somebody has decided at AWS already is not asked about again.

    Args:
        version: a dumped ``ModelVersion``, or the ARN of a model package.
        subject: the headline; None names group and version.
        body: Markdown above the evidence; None for the evidence alone.
        params: the form's fields; None asks for a reason.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: as of Airflow's ``ApprovalOperator``: ``assigned_users``, ``response_timeout``, ``defaults``,
            ``notifiers`` and so on. Without ``defaults`` a timeout fails the task and leaves the version undecided.
    """

    template_fields: Sequence[str] = (
        *("version", "subject", "body"),
        *("aws_conn_id", "region_name", "verify", "botocore_config"),
    )
    template_fields_renderers = {"version": "json", "body": "md"}  # noqa: RUF012 - Airflow's own class attribute
    ui_color = "#fff2cc"

    def __init__(
        self,
        *,
        version: Any,
        subject: str | None = None,
        body: str | None = None,
        params: Mapping[str, Any] | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("fail_on_reject"):
            said = "with fail_on_reject a no would never reach AWS: the task that records it needs this one's success."
            raise SpecError(f"{kwargs.get('task_id')}: fail_on_reject", said, "Leave it out; promote says no instead.")
        super().__init__(subject=subject or "", body=body, params=_form(params), **kwargs)
        self.version, self.aws_conn_id, self.region_name = version, aws_conn_id, region_name
        self.verify, self.botocore_config = verify, botocore_config

    def execute(self, context: Any) -> Any:
        """Show the evidence and wait, unless AWS holds a decision."""
        from airflow_finetune.registry.approval.decision import PENDING, look, stored_evidence
        from airflow_finetune.registry.approval.page import page

        access = AwsAccess(self.aws_conn_id, self.region_name, self.verify, dict(self.botocore_config or {}))
        try:
            client = access.resource_client(MODEL_PACKAGE)
            version = look(client, arn_of(self.version, self.task_id))
            if version.approval_status != PENDING:
                return self._concluded(context, _decided_already(version))
            told = page(version, stored_evidence(access.client("s3"), version), client.region)
        except Unavailable:
            raise  # Airflow's retry asks again
        except FinetuneError as error:
            raise AirflowFailException(str(error)) from error
        self.subject = self.subject or f"Approve version {version.model_version} of {version.group}?"
        self.body = f"{self.body}\n\n{told}" if self.body else told
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Return the response; on a no, skip what follows but the task that records it."""
        said = HITLOperator.execute_complete(self, context, event)
        return self._concluded(context, dict(said))

    def _concluded(self, context: Any, said: dict[str, Any]) -> dict[str, Any]:
        approved = said["chosen_options"] == [self.APPROVE]
        self.hitl_summary_extra["approved"] = approved
        self.log.info("%s", said)
        following = self.get_flat_relatives if self.ignore_downstream_trigger_rules else self.get_direct_relatives
        skipped = [
            each for each in following(upstream=False) if not each.is_teardown and not isinstance(each, PromoteOperator)
        ]
        if not approved and skipped:
            context["ti"].xcom_push(key="return_value", value=said)  # Airflow keeps no result of a task that skips
            self.skip(ti=context["ti"], tasks=skipped)
        return said


class PromoteOperator(ServingOperator, SkipMixin):
    """Writes an approver's answer to AWS's registry with the name beside it; returns a dumped ``ModelVersion``.

    What somebody has decided otherwise at AWS is not overwritten: the task fails and says both. After a no, this task
    succeeds and what follows it is skipped.

    Args:
        version: a dumped ``ModelVersion``, or the ARN of a model package.
        response: the output of an ``ApproveModelOperator``.
        kwargs: as of ``ServingOperator`` and Airflow's ``BaseOperator``.
    """

    inherits_from_skipmixin = True  # Airflow asks for it, to skip what follows again after a clear
    template_fields: Sequence[str] = ("version", "response", *ServingOperator.template_fields)
    template_fields_renderers = {"version": "json", "response": "json"}  # noqa: RUF012 - Airflow's own class attribute
    ui_color = "#fff2cc"

    def __init__(self, *, version: Any, response: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version, self.response = version, response

    def begin(self, context: Any, kept: Mapping[str, Any] | None) -> None:
        """Read the answer."""
        from airflow_finetune.registry.approval.decision import answer_of

        self._context, ti = context, context["ti"]
        self._answer = answer_of(self.response, f"{ti.dag_id} {ti.run_id}")
        self._arn = arn_of(self.version, self.task_id)

    def step(self, now: datetime) -> ModelVersion:
        """Write it."""
        from airflow_finetune.registry.approval.decision import record

        return record(self._client, self._arn, self._answer, self.log.info)

    def finish(self, result: ModelVersion) -> dict[str, Any]:
        """Return the dumped version, and skip what follows unless it is approved."""
        following = [each for each in self.get_direct_relatives(upstream=False) if not each.is_teardown]
        if result.approval_status != "Approved" and following:
            ti = self._context["ti"]
            ti.xcom_push(key="return_value", value=result.dump())  # Airflow keeps no result of a task that skips
            self.skip(ti=ti, tasks=following)
        return result.dump()

    def out_of_time(self, waiting: Waiting) -> NoReturn:
        """Fail; a later try writes it."""
        said = f"{waiting.why} max_wait of {self.max_wait} is over."
        raise JobFailed(
            f"model package {self._arn}", said, "Clear this task: it writes the answer, or finds it written."
        )

    @cached_property
    def _client(self) -> Any:
        return self.access().resource_client(MODEL_PACKAGE)


def _form(params: Any) -> ParamsDict:
    """Return the form's fields: the task's own, or a reason; Airflow has added the DAG's, and takes them out again."""
    found = params if isinstance(params, ParamsDict) else ParamsDict(params or {})
    if not ParamsDict.filter_params_by_source(found, source="task"):
        # A text with an empty default counts as missing in Airflow's form, and would keep Approve disabled.
        kinds, told = ["null", "string"], "Stands at AWS beside your name."
        reason = Param(None, type=kinds, maxLength=500, title="Reason", description=told, source="task")
        found.update(ParamsDict({"reason": reason}))
    return found


def _decided_already(version: ModelVersion) -> dict[str, Any]:
    chosen = ApprovalOperator.APPROVE if version.approval_status == "Approved" else ApprovalOperator.REJECT
    return {
        "chosen_options": [chosen],
        "params_input": {},
        "responded_at": None,
        "responded_by_user": None,
        "decided_at_aws": version.approval_description or version.approval_status,
    }
