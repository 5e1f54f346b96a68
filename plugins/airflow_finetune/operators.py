"""Public operators."""

from airflow_finetune.backends.operator import FineTuneOperator
from airflow_finetune.backends.spot_training.operator import SpotTrainingOperator
from airflow_finetune.curation.operators import CurateOperator
from airflow_finetune.planning.operators import PlanOperator

__all__ = ["CurateOperator", "FineTuneOperator", "PlanOperator", "SpotTrainingOperator"]
