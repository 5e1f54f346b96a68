"""Public operators."""

from airflow_finetune.backends.operator import FineTuneOperator
from airflow_finetune.backends.spot_training.operator import SpotTrainingOperator
from airflow_finetune.curation.operators import CurateOperator

__all__ = ["CurateOperator", "FineTuneOperator", "SpotTrainingOperator"]
