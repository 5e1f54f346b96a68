"""Public operators."""

from airflow_finetune.backends.operator import FineTuneOperator
from airflow_finetune.backends.spot_training.operator import SpotTrainingOperator

__all__ = ["FineTuneOperator", "SpotTrainingOperator"]
