"""The last task of a pipeline: has another DAG ask a person, and does not wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, DagRunTriggerException

from airflow_finetune.errors import SpecError
from airflow_finetune.serving.operators import is_not_found
from airflow_finetune.values import ModelVersion


class RequestApprovalOperator(BaseOperator):
    """Triggers the DAG that asks a person to approve a version; a run of it is named after the version, so once.

    Airflow's own TriggerDagRunOperator does the same, and brings the scheduler's models into every parse of a DAG file.

    Args:
        version: a dumped ``ModelVersion``: the output of ``register``.
        asking_dag_id: of the DAG that asks; it takes ``model_package_arn``.
        kwargs: as of Airflow's ``BaseOperator``.
    """

    template_fields: Sequence[str] = ("version", "asking_dag_id")
    template_fields_renderers = {"version": "json"}  # noqa: RUF012 - Airflow's own class attribute
    ui_color = "#fce5cd"

    def __init__(self, *, version: Any, asking_dag_id: str = "approve_model", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version, self.asking_dag_id = version, asking_dag_id

    def execute(self, context: Any) -> None:
        """Trigger.

        Raises:
            AirflowFailException: there is no such DAG.
        """
        arn = ModelVersion.load(self.version).model_package_arn
        run_id = f"approve__{'__'.join(arn.split('/')[-2:])}"
        self._look(context["ti"])
        self.log.info("Asks in the run %s of %s.", run_id, self.asking_dag_id)
        raise DagRunTriggerException(
            trigger_dag_id=self.asking_dag_id,
            dag_run_id=run_id,
            conf={"model_package_arn": arn},
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=0,
            deferrable=False,
        )

    def _look(self, ti: Any) -> None:
        try:
            paused = ti.get_dag(self.asking_dag_id).is_paused
        except Exception as error:  # whatever else it is, Airflow says it when the run is triggered
            if not is_not_found(error):
                return
            said = "there is no such DAG in this Airflow; the version is registered and waits for approval."
            hint = "Take our dags/approve_model.py, or say 'approval: false' below 'register' in the pipeline file."
            raise AirflowFailException(str(SpecError(f"DAG {self.asking_dag_id}", said, hint))) from error
        if paused:
            self.log.warning("The DAG %s is paused: nobody is asked until it is unpaused.", self.asking_dag_id)
