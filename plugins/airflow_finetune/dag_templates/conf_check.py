"""Looks at what a run was given before its first task does anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_finetune.errors import SpecError
from airflow_finetune.pipeline.form import conf_fault
from airflow_finetune.pipeline.windows import window_fault


class ConfCheck:
    """Refuses a run whose conf has keys that nothing reads, or whose source is a window that it does not have.

    Airflow calls it as ``pre_execute``. The values themselves Airflow checks by the form's types: where the run is
    triggered, and again in every task.

    Args:
        names: keys that the conf may have.
        windowed: whether the run must have a window.
    """

    def __init__(self, names: Sequence[str], windowed: bool) -> None:
        self.names, self.windowed = tuple(names), windowed

    def __call__(self, context: Any) -> None:
        """Look.

        Raises:
            AirflowFailException: the run cannot work; nothing was read, created or paid.
        """
        run = context["dag_run"]
        if said := conf_fault(run.conf, self.names):
            raise AirflowFailException(str(SpecError("conf of this run", said, "Trigger a new run without it.")))
        interval = (run.data_interval_start, run.data_interval_end)
        if self.windowed and (said := window_fault(context["params"], interval)):
            raise AirflowFailException(str(SpecError("window of this run", said, "Nothing was read or created.")))
