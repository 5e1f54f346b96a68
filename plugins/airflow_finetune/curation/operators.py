"""Curation as an operator."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_finetune.curation.mapping import UserMapping
from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.errors import DataError, EmptySource, RequestRefused, SpecError
from airflow_finetune.lifecycle.trigger import AwsAccess
from airflow_finetune.spec import is_later, takes_fields_of


class CurateOperator(BaseOperator):
    """Turns raw data into a dataset and returns a dumped ``CuratedDataset``; ``output["train"]`` is a field of it.

    Takes the fields of ``CurateSpec`` as arguments; every value may be Jinja or another task's output. Constants are
    checked when Airflow parses the DAG. It runs on the worker: the source is streamed to its disk first.

    Args:
        output_uri: a folder or an ``s3://`` prefix; the dataset goes to ``OUTPUT/VERSION/``.
        mapping: a function from a record to (prompt, completion), instead of the spec's mapping.
        templates: the folder that Jinja files are relative to; None takes the DAG file's folder.
        on_empty: what happens when the source holds no record. None skips where the source is Jinja, so a window,
            and fails where it is a constant, so likely a wrong address.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: the spec's fields, and as of Airflow's ``BaseOperator``.

    Raises:
        SpecError: the spec cannot work, said when the DAG is parsed where that can be known.
    """

    template_fields: Sequence[str] = (
        *("spec", "output_uri", "templates", "on_empty", "kms_key_id"),
        *("aws_conn_id", "region_name", "verify", "botocore_config"),
    )
    template_fields_renderers = {"spec": "json"}  # noqa: RUF012 - Airflow's own class attribute
    ui_color = "#fff2cc"

    @takes_fields_of(CurateSpec)
    def __init__(
        self,
        *,
        output_uri: str,
        mapping: UserMapping | None = None,
        templates: str | None = None,
        on_empty: Literal["skip", "fail"] | None = None,
        kms_key_id: str | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        fields = {name: kwargs.pop(name) for name in CurateSpec.model_fields if name in kwargs}
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.spec: dict[str, Any] = fields
        self.output_uri, self.mapping, self.templates = output_uri, mapping, templates
        self.on_empty = on_empty or ("skip" if is_later(fields.get("source")) else "fail")
        self.kms_key_id = kms_key_id
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        CurateSpec.load(fields, rendered=False, thing=self.task_id)

    def execute(self, context: Any) -> dict[str, Any]:
        """Make the dataset; return a dumped ``CuratedDataset``."""
        from airflow_finetune.curation.addresses import Desk, curate_at  # the kernel is not needed to parse a DAG

        access = AwsAccess(self.aws_conn_id, self.region_name, self.verify, dict(self.botocore_config or {}))
        client: Callable[[], Any] = lambda: access.client("s3")  # noqa: E731 - a name for the argument
        try:
            spec = CurateSpec.load(self.spec, rendered=True, thing=self.task_id)
            with tempfile.TemporaryDirectory(prefix="curate-") as work:
                desk = Desk(Path(work), self._templates(), client, self.kms_key_id)
                made = curate_at(spec, self.output_uri, desk, self.mapping)
        except EmptySource as error:
            raise (AirflowSkipException if self.on_empty == "skip" else AirflowFailException)(str(error)) from error
        except (DataError, RequestRefused, SpecError) as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("Dataset %s: %d records in, %d out.", made.uri, made.records_in, made.records_out)
        for reason, count in made.dropped.items():
            self.log.info("Dropped %d: %s.", count, reason)
        self.log.info("Where every record went: %s", made.report_uri)
        return made.dump()

    def _templates(self) -> Path:
        if self.templates is not None:
            return Path(self.templates)
        return Path(self.dag.fileloc).parent
