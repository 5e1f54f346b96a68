"""Public sensors."""

from airflow_finetune.lifecycle.sensor import FineTuneJobSensor

__all__ = ["FineTuneJobSensor"]
