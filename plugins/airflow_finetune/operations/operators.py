"""What bills now, as an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_finetune.errors import FinetuneError, SpecError, Unavailable
from airflow_finetune.lifecycle.life import utc_now
from airflow_finetune.lifecycle.operator import deployment_name
from airflow_finetune.lifecycle.trigger import AwsAccess
from airflow_finetune.operations.table import line, lines
from airflow_finetune.spec import is_later

if TYPE_CHECKING:
    from airflow_finetune.operations.bills import BillingReport


class LeftBillingOperator(BaseOperator):
    """Lists what of this deployment costs money now, and returns a dumped ``BillingReport``.

    Endpoints, training jobs, warm pools, and what lies below prefixes in S3. It looks at one region of one account, and
    deletes nothing unless it is told to.

    Args:
        prefixes: ``s3://`` addresses of what is stored, one or several; empty texts are left out. None, and nothing but
            empty texts, takes where the newest jobs of this deployment have written to; an empty list takes nothing.
        fail_on_overdue: fail when something is there that should be gone; the report is in the XCom all the same.
        delete_checkpoints: delete those of this deployment's jobs that are done: nobody can go on from them.
        keep_checkpoints: for so long after the end of their job.
        most_objects: counting stops there, below each prefix; AWS bills a list request for each thousand objects.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: as of Airflow's ``BaseOperator``.

    Raises:
        SpecError: a prefix is no S3 address, said when the DAG is parsed where that can be known.
    """

    template_fields: Sequence[str] = (
        *("prefixes", "keep_checkpoints", "most_objects"),
        *("aws_conn_id", "region_name", "verify", "botocore_config"),
    )
    ui_color = "#fce5cd"

    def __init__(
        self,
        *,
        prefixes: str | Sequence[str] | None = None,
        fail_on_overdue: bool = False,
        delete_checkpoints: bool = False,
        keep_checkpoints: timedelta = timedelta(days=7),
        most_objects: int = 100_000,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prefixes: Any = prefixes
        self.fail_on_overdue, self.delete_checkpoints = fail_on_overdue, delete_checkpoints
        self.keep_checkpoints, self.most_objects = keep_checkpoints, most_objects
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        self._addresses()

    def execute(self, context: Any) -> dict[str, Any] | None:
        """Look, tell, and return the report."""
        from airflow_finetune.operations.left_billing import Wanted, billing_report  # brings botocore

        access = AwsAccess(self.aws_conn_id, self.region_name, self.verify, dict(self.botocore_config or {}))
        try:
            wanted = Wanted(
                deployment=deployment_name(),
                prefixes=self._addresses(),
                most_objects=int(self.most_objects),
                deletes_checkpoints=self.delete_checkpoints,
                keeps_checkpoints=self.keep_checkpoints,
            )
            report = billing_report(wanted, access.client, utc_now())
        except Unavailable:
            raise  # Airflow's retry asks again
        except FinetuneError as error:
            raise AirflowFailException(str(error)) from error
        self._tell(report)
        overdue = [item for item in report.items if item.state == "overdue"]
        if overdue and self.fail_on_overdue:
            context["ti"].xcom_push(key="return_value", value=report.dump())
            raise AirflowFailException("Bills and should be gone: " + "; ".join(map(line, overdue)))
        return report.dump()

    def _addresses(self) -> list[str] | None:
        if self.prefixes is None or is_later(self.prefixes):
            return None
        given = [self.prefixes] if isinstance(self.prefixes, str) else list(self.prefixes)
        for each in given:
            if each and not each.startswith("s3://"):
                raise SpecError(
                    f"{self.task_id}: prefixes", f"{each!r} is no S3 address.", "Write s3://BUCKET/FOLDER/."
                )
        return [each for each in given if each] or (None if given else [])

    def _tell(self, report: BillingReport) -> None:
        wrong = {line(item) for item in report.items if item.state != "expected"} | set(report.notes)
        for text in lines(report):
            (self.log.warning if text in wrong else self.log.info)("%s", text)
